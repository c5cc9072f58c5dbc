"""Scratch space: where objects from S3 are staged, and what a run makes on the way."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from contract.errors import MenagerieError, WrongUsageError

VARIABLE = "MENAGERIE_SCRATCH"
TIMES_RAW = 4
"""How many times its raw files a run needs in all: the files, the events twice while duplicates are dropped, and what
grouping spills (docs/store.md has the measurement)."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder in scratch space, and remove it when done."""
    with TemporaryDirectory(prefix="menagerie-", dir=_place(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def check_room(raw_bytes: int, folder: Path) -> None:
    """Refuse to begin what would end for want of room; `raw_bytes` is the size of all raw files."""
    free, needed = shutil.disk_usage(folder).free, raw_bytes * TIMES_RAW
    if free < needed:
        raise MenagerieError(
            f"Scratch space has {free / 1e9:.1f} GB free; raw files of {raw_bytes / 1e9:.1f} GB need about"
            f" {needed / 1e9:.1f} GB. {VARIABLE} names another folder."
        )


def _place() -> Path:
    place = Path(os.environ.get(VARIABLE) or gettempdir())
    if not place.is_dir():
        raise WrongUsageError(f"{VARIABLE} names no folder that is there.")
    return place
