"""Files that are mapped: held from before they are verified, so that it shows if somebody changes them afterwards.

A mapped file that is truncated ends the process that touches what is gone, and one that is overwritten answers what
nobody has verified. One that is replaced or removed does neither: what is mapped stays.
"""

import os
import weakref
from collections.abc import Iterable
from pathlib import Path

from contract.files import open_regular
from service.common.problems import NoSnapshotError


class Held:
    """Open files, each with its size and the time of its last change."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Open them, or raise OSError."""
        self._descriptors: list[int] = []
        weakref.finalize(self, _close, self._descriptors)
        for file in files:
            with open_regular(file) as opened:
                self._descriptors.append(os.dup(opened.fileno()))
        self._verified = self._now()

    def is_unchanged(self) -> bool:
        """Return whether nobody has written to the files."""
        return self._now() == self._verified

    def check(self) -> None:
        """Raise the problem that there is nothing to answer from if somebody has."""
        if not self.is_unchanged():
            raise NoSnapshotError

    def _now(self) -> list[tuple[int, int]]:
        return [(found.st_size, found.st_mtime_ns) for found in map(os.fstat, self._descriptors)]


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
