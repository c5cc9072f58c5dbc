"""A bucket that is a folder: the least that a backend of storage has to be, for the test that one is enough."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from storage.bucket import ConflictError, Content, Object, Patience


class ShelfBucket:
    """The objects below `shelf://name/prefix` are files below the folder that a variable names."""

    def __init__(self, url: str, variables: Mapping[str, str], patience: Patience | None) -> None:  # noqa: ARG002 (a folder answers at once)
        self.url = url.rstrip("/")
        self._folder = Path(variables.get("SHELF", "/nowhere")) / url.partition("://")[2]

    def whole_key(self, one: Object) -> str:
        return one.key

    def objects(self, under: str = "") -> list[Object]:
        paths = sorted(path for path in self._folder.rglob("*") if path.is_file())
        return [one for path in paths if (one := self._object(path)).key.startswith(under)]

    def read(self, key: str) -> Content | None:
        path = self._folder / key
        return (
            Content(path.read_bytes(), self._object(path).etag, str(path.stat().st_mtime_ns)) if path.exists() else None
        )

    def write(self, key: str, content: bytes, over: str | None) -> None:
        found = self.read(key)
        if (found and found.etag) != over:
            raise ConflictError
        (self._folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / key).write_bytes(content)

    def fetch(self, key: str, target: Path) -> bool:
        if found := self.read(key):
            target.write_bytes(found.content)
        return bool(found)

    def download(self, objects: Sequence[Object], folder: Path, within: str = "") -> list[Path]:
        targets = [folder / one.key.removeprefix(within) for one in objects]
        for one, target in zip(objects, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._folder / one.key, target)
        return targets

    def upload(self, file: Path, key: str) -> None:
        (self._folder / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, self._folder / key)

    def copy(self, one: Object, key: str) -> bool:
        self.upload(self._folder / one.key, key)
        return True

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            (self._folder / key).unlink(missing_ok=True)

    def _object(self, path: Path) -> Object:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Object(path.relative_to(self._folder).as_posix(), path.stat().st_size, digest, modified)
