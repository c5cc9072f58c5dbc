"""What a store is: where snapshots are kept, and the events that they were made of.

A snapshot enters a store whole and is never changed afterwards; `CURRENT` names the one that is served.
"""

import errno
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from contract.errors import BadInputError, MenagerieError, WrongUsageError
from contract.snapshot import SNAPSHOT_ID

_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOENT, errno.EEXIST}
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Store(Protocol):
    """Finished snapshots, and the name of the one that is served."""

    @property
    def url(self) -> str:
        """Return what the store was opened with."""

    def work(self) -> AbstractContextManager[Path]:
        """Give a local folder to ingest events in."""

    def kept(self) -> dict[str, frozenset[str]]:
        """Return the identities of the raw files whose ingested events are kept, by the key they are kept under."""

    def recall(self, key: str, folder: Path) -> None:
        """Bring the ingested events kept under `key` into `folder`, which is not there yet, for more to be added."""

    def keep(self, key: str, folder: Path) -> None:
        """Keep the ingested events in `folder` under `key`, for the next run on the same files and perhaps more."""

    def draft(self) -> AbstractContextManager[Path]:
        """Give a local folder to build a snapshot in, which is gone afterwards unless it was added."""

    def add(self, folder: Path, snapshot_id: str, is_whole: Callable[[Path], bool]) -> None:
        """Publish a finished draft as `snapshots/<snapshot_id>`; one that is there stays if `is_whole` says so."""

    def ids(self) -> list[str]:
        """List the snapshots, in alphabetical order."""

    def fetch(self, snapshot_id: str, names: Collection[str] | None = None) -> Path:
        """Return a local folder that holds the snapshot as it is in the store now, or at least the files named."""

    def remove(self, snapshot_id: str) -> bool:
        """Remove a snapshot unless it is served by now, and tell which of the two."""

    def current(self) -> str | None:
        """Return the id of the snapshot that is served, None when there is none yet."""

    def set_current(self, snapshot_id: str, expected: str | None) -> None:
        """Serve a snapshot in one atomic step, provided that `expected` or itself is still the one served."""


def checked_id(snapshot_id: str) -> str:
    """Return the id if it has the form of one, so that it can never name another path."""
    if not SNAPSHOT_ID.fullmatch(snapshot_id):
        raise WrongUsageError(f"{snapshot_id!r} is no snapshot id; one looks like 2020-04-30-3f2a9c1d77e0.")
    return snapshot_id


@contextmanager
def told_in_a_sentence(url: str) -> Iterator[None]:
    """Turn what the operating system refuses to do in a store into an error that a person can read."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise MenagerieError(f"The store {url} has no room left: {reason}.") from error
        if error.errno in _REFUSED:
            raise BadInputError(f"The store {url} cannot be used: {reason}.") from error
        raise MenagerieError(f"The store {url} failed: {reason}.") from error
