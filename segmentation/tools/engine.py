"""One embedded DuckDB, set up the same way wherever it is used."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from contract.errors import MenagerieError, WrongUsageError

LIMIT_VARIABLE = "MENAGERIE_MEMORY_LIMIT"
MOST_MEMORY_BYTES = 3_000_000_000
"""Held at most unless another limit is given: more would make no stage much faster."""


@contextmanager
def connect(scratch: Path | None = None, memory_limit: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that spills into `scratch` (the system's own when None) and cleans up.

    `memory_limit` is a size as DuckDB writes it (`800MB`), by default MENAGERIE_MEMORY_LIMIT, or 3 GB, or
    80 % of the machine's memory where that is less; MENAGERIE_THREADS sets the threads, by default one a processor.
    """
    with TemporaryDirectory(prefix="menagerie-", dir=scratch, ignore_cleanup_errors=True) as spill:
        config = {"temp_directory": spill, "preserve_insertion_order": "false"}
        memory_limit = memory_limit or os.environ.get(LIMIT_VARIABLE)
        if memory_limit:
            config["memory_limit"] = memory_limit
        try:
            config["threads"] = str(threads())
            connection = duckdb.connect(config=config)
        except duckdb.Error as error:
            raise MenagerieError(f"The database engine does not start: {reason(error)}") from error
        with connection:
            connection.execute("SET enable_progress_bar = false")  # progress is the reporter's to show
            if not memory_limit:
                own = connection.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchone()
                connection.execute(f"SET memory_limit = '{min(MOST_MEMORY_BYTES, *(own or ()))} bytes'")
            yield connection


def threads() -> int:
    """Return how many threads to work with: MENAGERIE_THREADS, by default one a processor."""
    given = os.environ.get("MENAGERIE_THREADS") or str(len(os.sched_getaffinity(0)))
    if not given.isdecimal() or int(given) < 1:
        raise WrongUsageError(f"MENAGERIE_THREADS is {given!r}, and no number from 1 up.")
    return int(given)


def reason(error: BaseException) -> str:
    """Return why something failed, in the system's words where it was the system: without the way to a file."""
    text = str(error).partition("\n")[0].rstrip(".")
    number = getattr(error, "errno", None)
    if number is None and (told := re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)):
        number = int(told[1])
    if number is not None:
        return os.strerror(number)
    if "No space left" in text:
        return os.strerror(errno.ENOSPC)
    if "failed to offload" in text:
        return "there is no room on the disk for what does not fit into memory"
    if text.startswith("Out of Memory"):
        return f"it needs more memory than {LIMIT_VARIABLE} allows"
    return re.sub(r"""(["'])[^"']*/([^"'/]+)\1|(?<!\S)/\S*/([^\s/:]+)""", r"\2\3", text)


def quoted(path: Path | str) -> str:
    """Return a path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
