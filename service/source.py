"""Where snapshots come from: a store, chosen by its URL."""

import errno
from pathlib import Path
from typing import Protocol

from service.answers import Snapshot
from service.reader import read_snapshot
from service.settings import Settings


class UnreachableError(Exception):
    """The store does not answer; the message is the reason in a word, without addresses or credentials."""


class Source(Protocol):
    """A store as the service sees it: which snapshot is current, and that snapshot, opened."""

    @property
    def url(self) -> str:
        """Return what the store was opened with."""

    @property
    def check_every_s(self) -> float:
        """Return the seconds between two looks at which snapshot is current."""

    def current(self) -> tuple[str, str] | None:
        """Return the current snapshot's id and a version that changes whenever it is published; None without one."""

    def read(self, snapshot_id: str) -> Snapshot:
        """Verify and open a snapshot; raise `RefusedError` when it is damaged, `UnreachableError` to try again."""


class LocalFolder:
    """A store in a folder of this machine."""

    check_every_s = 1.0

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self._snapshots = folder / "snapshots"
        self._was_there = False

    def current(self) -> tuple[str, str] | None:
        """Read `CURRENT`; its version is when it was written."""
        file = self._snapshots / "CURRENT"
        try:
            current = file.read_text(encoding="ascii", errors="replace").strip(), str(file.stat().st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError) as error:  # nothing is published yet, or a disk was unmounted
            if self._was_there and not self._snapshots.is_dir():
                raise UnreachableError("ENOENT") from error
            return None
        except OSError as error:
            raise UnreachableError(errno.errorcode.get(error.errno or 0, "unknown")) from error
        self._was_there = True
        return current

    def read(self, snapshot_id: str) -> Snapshot:
        """Verify and open the snapshot where it lies."""
        return read_snapshot(self._snapshots / snapshot_id, snapshot_id)


def open_source(settings: Settings) -> Source:
    """Open the store that the settings name, or raise `BadSettingError` if it can never be opened."""
    if settings.store.startswith("s3://"):
        from service.s3_source import S3Source  # noqa: PLC0415 (slow to read, and needed for S3 only)

        return S3Source(settings)
    return LocalFolder(Path(settings.store.removeprefix("file://")))
