"""Snapshots of a store far away, kept in a local folder that all processes of the machine share."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.snapshots.reader import RefusedError, read_snapshot
from service.snapshots.snapshot import Snapshot

_ROOT = 0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def _check(folder: Path, *, among_others: bool) -> None:
    """Raise PermissionError for a folder that another user can have made, or can put something into.

    `among_others`, as the system's temporary folder is, nobody may take away what is somebody else's. Links are not
    followed, but ours and the system's: what they lead to would be tidied up.
    """
    link = folder.lstat()
    if among_others and stat.S_ISLNK(link.st_mode) and link.st_uid in (os.getuid(), _ROOT):
        folder = folder.resolve()
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise PermissionError(errno.EPERM, "it is a link that another user can have made") from error
        raise
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if found.st_uid not in (os.getuid(), _ROOT):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    if found.st_mode & _OTHERS_WRITE and not (among_others and found.st_mode & stat.S_ISVTX):
        raise PermissionError(errno.EPERM, "other users may write into it")


class Cache:
    """Holds the snapshot read last and one beside it; others go: what a process has mapped outlives its folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, or raise `OSError` if that cannot be."""
        self._folder = folder
        with self._alone():
            pass

    def read(self, snapshot_id: str, fetch: Callable[[Path], None], beside: str | None = None) -> Snapshot:
        """Verify and open a snapshot; one that is not here whole is put here by `fetch`, in one process only.

        The one called `beside` stays, if it is here.
        """
        with self._alone():
            snapshot = self._kept(snapshot_id)
            if snapshot is None:
                self._remove_all_but(beside)
                try:
                    snapshot = self._fetched(snapshot_id, fetch)
                except RefusedError:  # damaged there, or only on its way: the second time tells
                    snapshot = self._fetched(snapshot_id, fetch)
            self._remove_all_but(snapshot_id, beside)
            return snapshot

    def _kept(self, snapshot_id: str) -> Snapshot | None:
        try:
            return read_snapshot(self._folder / snapshot_id, snapshot_id, whole=False)
        except RefusedError:  # not here, or damaged since: this says nothing about the store's
            return None

    def _fetched(self, snapshot_id: str, fetch: Callable[[Path], None]) -> Snapshot:
        draft = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            fetch(draft)
            snapshot = read_snapshot(draft, snapshot_id, whole=False)
            draft.rename(self._folder / snapshot_id)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return snapshot

    def _remove_all_but(self, *names: str | None) -> None:
        # Whoever has the lock knows that nobody is at a draft: those here were left by killed processes.
        for path in self._folder.iterdir():
            if path.is_dir() and path.name not in names:
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        for folder in (self._folder.parent, self._folder):  # temporary files may be tidied away
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(self._folder.parent, among_others=True)
        _check(self._folder, among_others=False)
        with (self._folder / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed, or its process killed
            yield
