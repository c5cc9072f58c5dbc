"""Snapshots in a bucket: `CURRENT` is asked for every few seconds, a snapshot fetched once into a local cache.

Objects are asked for by their names; they are listed only to find a snapshot to compare with.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contract.errors import MenagerieError, WrongUsageError
from contract.snapshot import CURRENT, MANIFEST_NAME, NO_ID, SNAPSHOT_ID, SNAPSHOTS, served_id
from service.common.settings import BadSettingError, Settings
from service.snapshots.cache import Cache
from service.snapshots.reader import USED, RefusedError, parsed_manifest
from service.snapshots.snapshot import Snapshot
from service.snapshots.source import UnreachableError
from storage.bucket import AT_ONCE, Patience, open_bucket

_PATIENCE = Patience(connect_s=2, read_s=10, attempts=3)


class RemoteSource:
    """A store below the URL of a bucket."""

    check_every_s = 2.0

    def __init__(self, settings: Settings) -> None:
        self.url = settings.store
        self._cache = _opened_cache(settings)
        try:
            variables = {**os.environ, "MENAGERIE_S3_REQUEST_PAYER": settings.s3_request_payer}
            self._bucket = open_bucket(settings.store, variables, _PATIENCE)
        except WrongUsageError as error:
            raise BadSettingError(str(error)) from error

    def current(self) -> tuple[str, str] | None:
        """Read `CURRENT`; its version is all that the bucket says of when it was written."""
        with _told():
            found = self._bucket.read(f"{SNAPSHOTS}/{CURRENT}")
        return (served_id(found.content) or NO_ID, found.version) if found else None

    def ids(self) -> list[str]:
        """List the snapshots that have a manifest."""
        with _told():
            named = [one.key.split("/")[1:] for one in self._bucket.objects(f"{SNAPSHOTS}/")]
        return sorted(first for first, *rest in named if rest == [MANIFEST_NAME] and SNAPSHOT_ID.fullmatch(first))

    def manifest(self, snapshot_id: str) -> dict[str, Any]:
        """Read the manifest in the bucket."""
        with _told():
            found = self._bucket.read(f"{SNAPSHOTS}/{snapshot_id}/{MANIFEST_NAME}")
        if not found:
            raise RefusedError(f"{MANIFEST_NAME} is missing")
        return parsed_manifest(found.content)

    def read(self, snapshot_id: str, beside: str | None = None) -> Snapshot:
        """Verify and open a snapshot from the cache, where it is fetched to if need be."""
        return self._cache.read(snapshot_id, lambda folder: self._fetch(snapshot_id, folder), beside)

    def _fetch(self, snapshot_id: str, folder: Path) -> None:
        def fetch(name: str) -> None:
            (folder / name).parent.mkdir(exist_ok=True)
            if not self._bucket.fetch(f"{SNAPSHOTS}/{snapshot_id}/{name}", folder / name):
                raise RefusedError(f"{name} is missing")

        with _told(), ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(fetch, (MANIFEST_NAME, *USED)))


def _opened_cache(settings: Settings) -> Cache:
    name = f"{settings.store.split('/')[2]}-{hashlib.sha256(settings.store.encode()).hexdigest()[:12]}"
    try:
        return Cache(Path(settings.cache_dir) / name)
    except OSError as error:
        raise BadSettingError(f"The cache folder {settings.cache_dir} cannot be used: {error.strerror}.") from error


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except MenagerieError as error:
        raise UnreachableError(str(error)) from error
