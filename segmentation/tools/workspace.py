"""A folder that one run at a time works in, with scratch space that a killed run leaves to the next to empty."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.tools.progress import Reporter


@contextmanager
def workspace(folder: Path, reporter: Reporter) -> Iterator[Path]:
    """Wait for the folder (made if need be), hold it, and give its empty scratch folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.say("Another run is at work here; waiting for it to end …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        scratch = folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
