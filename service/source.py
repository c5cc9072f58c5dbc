"""Where snapshots come from: a store, chosen by its URL."""

import errno
from pathlib import Path
from typing import Any, Protocol

from service.answers import Snapshot
from service.reader import MANIFEST_NAME, SNAPSHOT_ID, read_manifest, read_snapshot
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

    def ids(self) -> list[str]:
        """Return the ids of all snapshots in the store, in alphabetical order."""

    def manifest(self, snapshot_id: str) -> dict[str, Any]:
        """Return what a snapshot says of itself; raise as `read` does."""

    def read(self, snapshot_id: str, beside: str | None = None) -> Snapshot:
        """Verify and open a snapshot; raise `RefusedError` when it is damaged, `UnreachableError` to try again.

        A local copy of the one called `beside` stays too, for it is in use or soon will be.
        """


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
            raise _unreachable(error) from error
        self._was_there = True
        return current

    def ids(self) -> list[str]:
        """List the folders that hold a manifest."""
        try:
            named = [path for path in self._snapshots.iterdir() if SNAPSHOT_ID.fullmatch(path.name)]
            return sorted(path.name for path in named if (path / MANIFEST_NAME).exists())
        except OSError as error:
            raise _unreachable(error) from error

    def manifest(self, snapshot_id: str) -> dict[str, Any]:
        """Read the manifest where it lies."""
        return read_manifest(self._snapshots / snapshot_id)

    def read(self, snapshot_id: str, beside: str | None = None) -> Snapshot:  # noqa: ARG002 (the protocol's)
        """Verify and open the snapshot where it lies."""
        return read_snapshot(self._snapshots / snapshot_id, snapshot_id)


def _unreachable(error: OSError) -> UnreachableError:
    return UnreachableError(errno.errorcode.get(error.errno or 0, "unknown"))


def open_source(settings: Settings) -> Source:
    """Open the store that the settings name, or raise `BadSettingError` if it can never be opened."""
    if settings.store.startswith("s3://"):
        from service.s3_source import S3Source  # noqa: PLC0415 (slow to read, and needed for S3 only)

        return S3Source(settings)
    return LocalFolder(Path(settings.store.removeprefix("file://")))
