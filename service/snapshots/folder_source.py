"""Snapshots in a folder of this machine."""

import errno
from pathlib import Path
from typing import Any

from contract.files import read_regular
from contract.snapshot import CURRENT, MANIFEST_NAME, NO_ID, SNAPSHOT_ID, SNAPSHOTS, served_id
from service.snapshots.reader import read_manifest, read_snapshot
from service.snapshots.snapshot import Snapshot
from service.snapshots.source import UnreachableError


class FolderSource:
    """A store in a folder of this machine."""

    check_every_s = 1.0

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self._snapshots = folder / SNAPSHOTS
        self._was_there = False

    def current(self) -> tuple[str, str] | None:
        """Read `CURRENT`; its version is when it was written."""
        file = self._snapshots / CURRENT
        try:
            current = served_id(read_regular(file)) or NO_ID, str(file.stat().st_mtime_ns)
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
