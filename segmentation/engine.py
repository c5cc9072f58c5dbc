"""One embedded DuckDB, set up the same way wherever it is used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from segmentation.errors import MenagerieError


@contextmanager
def connect(scratch: Path | None = None, memory_limit: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that spills into `scratch` (the system's own when None) and cleans up.

    `memory_limit` is a size as DuckDB writes it (`800MB`), by default MENAGERIE_MEMORY_LIMIT or 80 % of the
    machine's memory; MENAGERIE_THREADS sets the threads, by default one a processor.
    """
    with TemporaryDirectory(prefix="menagerie-", dir=scratch, ignore_cleanup_errors=True) as spill:
        config = {"temp_directory": spill, "preserve_insertion_order": "false"}
        memory_limit = memory_limit or os.environ.get("MENAGERIE_MEMORY_LIMIT")
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads := os.environ.get("MENAGERIE_THREADS"):
            config["threads"] = threads
        try:
            connection = duckdb.connect(config=config)
        except duckdb.Error as error:
            raise MenagerieError(f"The database engine does not start: {first_line(error)}") from error
        with connection:
            yield connection


def first_line(error: BaseException) -> str:
    """Return what an engine's error says in its first line, without the query it quotes."""
    return str(error).partition("\n")[0]


def quoted(path: Path | str) -> str:
    """Return a path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
