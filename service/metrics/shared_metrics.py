"""Where the processes of one service share their metrics: a folder in memory, a file set for each place of a worker.

A worker that replaces a dead one takes its place and goes on with its files: no count falls, no file is left over.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "menagerie-metrics-"
_MEMORY = Path("/dev/shm")  # noqa: S108 (a request must not wait for a disk)
_MASTER = "master"

_place = _MASTER
_lock: Any = None
_given: set[str] = set()
"""The places that the master process has given to its workers."""


def share_metrics() -> None:
    """Make the folder, and remove those of services that were killed; the folder goes when this process ends."""
    global _lock  # noqa: PLW0603 (held as long as the process lives, and by its workers)
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    _lock = (folder / "lock").open("w")
    fcntl.flock(_lock, fcntl.LOCK_EX)
    os.environ[FOLDER_VARIABLE] = str(folder)
    atexit.register(_remove_own, folder, os.getpid())
    values.ValueClass = values.MultiProcessValue(lambda: _place)  # type: ignore[no-untyped-call]


def take_place(place: str) -> None:
    """Say, in a new worker, whose files it writes."""
    global _place  # noqa: PLW0603 (there is one place a process)
    _place = place


def place_number() -> int:
    """Return this worker's place as a number, the master process's is the last."""
    return -1 if _place == _MASTER else int(_place)


def free_place() -> str:
    """Return, in the master process, the first place that no worker has, for a worker to come."""
    place = next(place for place in map(str, range(len(_given) + 1)) if place not in _given)
    _given.add(place)
    return place


def leave_place(place: str) -> None:
    """Forget, in the master process, what a dead worker said of the moment; what it counted stays."""
    _given.discard(place)
    if FOLDER_VARIABLE in os.environ:
        mark_process_dead(place)  # type: ignore[no-untyped-call]


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError), (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while a process of that service lives
            shutil.rmtree(folder, ignore_errors=True)


def _remove_own(folder: Path, process_id: int) -> None:
    if os.getpid() == process_id:
        shutil.rmtree(folder, ignore_errors=True)
