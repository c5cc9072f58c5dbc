"""A store in a bucket: a snapshot's manifest is uploaded last, and `CURRENT` moves by a conditional write.

Beside `snapshots/`, `events/` and `rejects/` keep what was ingested from one set of raw files under one key.
"""

import shutil
import weakref
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from contract.errors import MenagerieError
from contract.snapshot import CURRENT, MANIFEST_NAME, SNAPSHOTS, served_id
from segmentation.store import lineage
from segmentation.store.lineage import DERIVED, LEDGER, LINEAGE
from segmentation.tools.errors import OvertakenError, RemovedError
from segmentation.tools.files import files_below
from segmentation.tools.scratch import scratch
from storage.bucket import AT_ONCE, Bucket, ChangedError, ConflictError, Object

_ATTEMPTS = 5
"""At what others change meanwhile."""
_SNAPSHOTS = f"{SNAPSHOTS}/"
_CURRENT = f"{SNAPSHOTS}/{CURRENT}"


class RemoteStore:
    """Snapshots in `<url>/snapshots/<id>`; copies of them are in scratch space as long as this object lives."""

    def __init__(self, bucket: Bucket) -> None:
        """Open the store in a bucket; nothing is asked of it yet."""
        self._bucket = bucket
        self._open = ExitStack()
        self._recalled: dict[Path, tuple[Object, tuple[int, int]]] = {}
        weakref.finalize(self, self._open.close)

    @property
    def url(self) -> str:
        """Return the URL."""
        return self._bucket.url

    @contextmanager
    def work(self) -> Iterator[Path]:
        """Give an empty folder in scratch space, gone afterwards."""
        with scratch() as folder:
            yield folder

    draft = work

    def kept(self) -> dict[str, frozenset[str]]:
        """Read the lineages below `events/`."""
        keys = [o.key for o in self._bucket.objects("events/") if o.key.endswith(f"/{LINEAGE}")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = dict(zip(keys, pool.map(self._bucket.read, keys), strict=True))
        return {key.split("/")[1]: lineage.parse(its.content) for key, its in found.items() if its}

    def recall(self, key: str, folder: Path) -> None:
        """Bring the events that were kept under `key` as a folder of ingested events, unless they have expired."""
        try:
            fetched = fetch_ingested(self._bucket, f"events/{key}/", folder)
            self._recalled = {path: (one, _written(path)) for path, one in fetched.items()}
        except ChangedError:  # they expire meanwhile, or a run on the same files keeps them anew
            shutil.rmtree(folder)

    def keep(self, key: str, folder: Path) -> None:
        """Keep a folder of ingested events and its new rejects under `key`; the lineage, uploaded last, makes it count.

        What is as it was recalled is copied within the bucket.
        """
        for path in sorted((folder / "rejects").glob("*")):
            self._bucket.upload(path, f"rejects/{key}/{path.name}")
        for path in (*(folder / name for name in lineage.event_files(folder)), folder / LEDGER, folder / LINEAGE):
            name = f"events/{key}/{path.relative_to(folder).as_posix().removeprefix('events/')}"
            one, written = self._recalled.get(path, (None, None))
            if not (one and written == _written(path) and self._bucket.copy(one, name)):
                self._bucket.upload(path, name)

    def add(self, folder: Path, snapshot_id: str, is_whole: Callable[[Path], bool]) -> None:
        """Upload the draft, its manifest last, unless the snapshot is there and whole."""
        under = f"{_SNAPSHOTS}{snapshot_id}/"
        there = [o.key for o in self._bucket.objects(under)]
        if there and is_whole(self.fetch(snapshot_id)):
            return
        paths = sorted(files_below(folder), key=lambda path: path == MANIFEST_NAME)
        self._bucket.remove([key for key in there if key.removeprefix(under) not in paths])
        for path in paths:
            self._bucket.upload(folder / path, under + path)

    def ids(self) -> list[str]:
        """List the snapshots that have a manifest."""
        keys = [o.key.removeprefix(_SNAPSHOTS).split("/") for o in self._bucket.objects(_SNAPSHOTS)]
        return sorted(parts[0] for parts in keys if parts[1:] == [MANIFEST_NAME])

    def fetch(self, snapshot_id: str, names: Collection[str] | None = None) -> Path:
        """Download a snapshot, or the files named of it, anew and return the folder."""
        under = f"{_SNAPSHOTS}{snapshot_id}/"
        folder = self._open.enter_context(scratch()) / snapshot_id
        folder.mkdir()
        for attempt in range(_ATTEMPTS):
            found = self._bucket.objects(under)
            try:
                self._bucket.download(
                    [o for o in found if not names or o.key.removeprefix(under) in names], folder, under
                )
                break
            except ChangedError:  # by a run with the same result, which writes a manifest with another time
                if attempt == _ATTEMPTS - 1:
                    raise
        return folder

    def remove(self, snapshot_id: str) -> bool:
        """Remove a snapshot, its manifest first, so that what is left of it is none; one served meanwhile stays."""
        under = f"{_SNAPSHOTS}{snapshot_id}/"
        name = f"{under}{MANIFEST_NAME}"
        keys = [o.key for o in self._bucket.objects(under) if o.key != name]
        manifest = self._bucket.read(name)
        self._bucket.remove([name])
        if manifest and self.current() == snapshot_id:
            with suppress(ConflictError):  # whoever serves it has put the manifest back already
                self._bucket.write(name, manifest.content, over=None)
            return False
        self._bucket.remove(keys)
        return True

    def current(self) -> str | None:
        """Read `CURRENT`."""
        return self._current()[0]

    def set_current(self, snapshot_id: str, expected: str | None) -> None:
        """Replace `CURRENT` if nobody else has done so since it was read here."""
        for attempt in range(_ATTEMPTS):
            with _switched_perhaps(snapshot_id, attempt > 0):
                served, etag = self._current()
            if served not in (expected, snapshot_id):
                break
            if attempt and served == snapshot_id:  # our own write, whose answer was lost, or a run with the same result
                return
            try:
                with _switched_perhaps(snapshot_id):
                    self._bucket.write(_CURRENT, f"{snapshot_id}\n".encode(), over=etag)
                with _switched_perhaps(snapshot_id):
                    self._check_served(snapshot_id, served)
                return
            except ConflictError:  # also said of writes that only met, which are to be tried again:
                continue  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        raise OvertakenError(self.url, snapshot_id, expected, served)

    def _check_served(self, snapshot_id: str, before: str | None) -> None:
        """Go back if the snapshot was removed while it became the one served: `remove` looks in the other order."""
        if self._bucket.read(f"{_SNAPSHOTS}{snapshot_id}/{MANIFEST_NAME}"):
            return
        served, etag = self._current()
        if before and served == snapshot_id:
            with suppress(ConflictError):
                self._bucket.write(_CURRENT, f"{before}\n".encode(), over=etag)
        raise RemovedError(self.url, snapshot_id)

    def _current(self) -> tuple[str | None, str | None]:
        found = self._bucket.read(_CURRENT)
        return (served_id(found.content), found.etag) if found else (None, None)


@contextmanager
def _switched_perhaps(snapshot_id: str, tried: bool = True) -> Iterator[None]:
    """Say of a failure whose answer never came that it may have been none."""
    try:
        yield
    except MenagerieError as error:
        if tried and type(error) is MenagerieError:
            raise MenagerieError(f"{error} It is not known whether {snapshot_id} is served now.") from error
        raise


def fetch_ingested(bucket: Bucket, under: str, folder: Path) -> dict[Path, Object]:
    """Bring what is kept below `under`, if all is there, as a local folder; return which object each file was."""
    found = {o.key.removeprefix(under): o for o in bucket.objects(under)}
    said = bucket.read(under + LINEAGE) if LINEAGE in found else None
    if said:  # and nothing that an earlier run has left under the same key
        names = {path.removeprefix("events/") for path in lineage.parse(said.content, "files")} | {LEDGER, LINEAGE}
    else:
        names = {name for name in found if name.startswith(("month=", f"{DERIVED}/"))} | {LEDGER}
    if not names <= found.keys():
        return {}
    fetched: dict[Path, Object] = {}
    for place, of_months in ((folder / "events", True), (folder, False)):
        objects = [found[name] for name in sorted(names) if name.startswith("month=") is of_months]
        fetched |= dict(zip(bucket.download(objects, place, under), objects, strict=True))
    return fetched


def _written(path: Path) -> tuple[int, int]:
    """Return what changes whenever a file is replaced."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
