"""A store in a local folder: whole files are synced to disk, then renamed into place."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import BadInputError
from contract.files import read_regular
from contract.snapshot import CURRENT, MANIFEST_NAME, SNAPSHOTS, served_id
from segmentation.store import lineage
from segmentation.tools.errors import OvertakenError, RemovedError

_DRAFT_PREFIX = ".tmp-"


class LocalStore:
    """Snapshots in `<folder>/snapshots/<id>`, built in `.tmp-*` folders on the same file system.

    A draft's writer holds its lock file locked for as long as it lives. The next draft removes those whose
    lock is free.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ingested = folder / "ingested"
        self._snapshots = folder / SNAPSHOTS
        self._current = self._snapshots / CURRENT

    @property
    def url(self) -> str:
        """Return the folder's path."""
        return str(self._folder)

    @contextmanager
    def work(self) -> Iterator[Path]:
        """Give the store's folder for ingested events, which stays."""
        yield self._ingested

    def kept(self) -> dict[str, frozenset[str]]:
        """Read what the folders of ingested events were made of."""
        return {path.parent.name: lineage.read(path.parent) for path in self._ingested.glob(f"*/{lineage.LINEAGE}")}

    def recall(self, key: str, folder: Path) -> None:
        """Rename the folder, so that it never holds more than its name says, wherever a run is killed."""
        (self._ingested / key).rename(folder)
        _sync(self._ingested)

    def keep(self, key: str, folder: Path) -> None:
        """Do nothing: the folder stays."""

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Give an empty folder beside the snapshots, and remove it when done unless it was added."""
        self._snapshots.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._remove_abandoned_drafts()
            room = self._snapshots / f"{_DRAFT_PREFIX}{secrets.token_hex(8)}"
            content = room / "content"
            content.mkdir(parents=True)
            lock = (room / "lock").open("wb")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield content
        finally:
            shutil.rmtree(room, ignore_errors=True)
            lock.close()

    def add(self, folder: Path, snapshot_id: str, is_whole: Callable[[Path], bool]) -> None:
        """Sync the draft to disk and rename it into place, which a damaged one leaves to it."""
        target = self._snapshots / snapshot_id
        for path in (*folder.rglob("*"), folder):
            _sync(path)
        with self._locked():
            if not is_whole(target):
                if target.exists():
                    target.rename(folder.with_name("damaged"))  # goes with the rest of the draft
                folder.rename(target)
        _sync(self._snapshots)

    def ids(self) -> list[str]:
        """List the folders that hold a manifest."""
        if not self._folder.is_dir():
            raise BadInputError(f"There is no folder {self.url}.")
        return sorted(p.parent.name for p in self._snapshots.glob(f"[0-9]*/{MANIFEST_NAME}"))

    def fetch(self, snapshot_id: str, names: Collection[str] | None = None) -> Path:  # noqa: ARG002 (the protocol's)
        """Return the snapshot's own folder."""
        return self._snapshots / snapshot_id

    def remove(self, snapshot_id: str) -> bool:
        """Move the snapshot out of sight, then remove it; a service that has it open reads on."""
        with self.draft() as folder, self._locked():
            if self.current() == snapshot_id:
                return False
            (self._snapshots / snapshot_id).rename(folder.with_name("removed"))
        return True

    def current(self) -> str | None:
        """Read `CURRENT`."""
        try:
            return served_id(read_regular(self._current))
        except FileNotFoundError:
            return None

    def set_current(self, snapshot_id: str, expected: str | None) -> None:
        """Replace `CURRENT` by a rename, also by the same, so that the service looks at the snapshot again."""
        with self._locked():
            found = self.current()
            if found not in (expected, snapshot_id):
                raise OvertakenError(self.url, snapshot_id, expected, found)
            if not (self._snapshots / snapshot_id / MANIFEST_NAME).is_file():
                raise RemovedError(self.url, snapshot_id)
            beside = self._snapshots / f"{_DRAFT_PREFIX}CURRENT"
            beside.write_text(f"{snapshot_id}\n", encoding="ascii")
            _sync(beside)
            beside.replace(self._current)
            _sync(self._snapshots)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._snapshots / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remove_abandoned_drafts(self) -> None:
        for room in self._snapshots.glob(f"{_DRAFT_PREFIX}*/"):
            if _is_abandoned(room):
                shutil.rmtree(room, ignore_errors=True)


def _is_abandoned(room: Path) -> bool:
    try:
        with (room / "lock").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # its writer died between making the folder and locking it
        return True
    except BlockingIOError:
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
