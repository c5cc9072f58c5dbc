"""Raw files, whatever their kind, as batches of text rows, each with the line it stands on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import BadInputError
from segmentation.ingest import events
from segmentation.ingest.csv_rows import TEXT, Reject, read_csv
from segmentation.tools.engine import reason

SUFFIXES = (".csv", ".csv.gz", ".parquet")
PARQUET_ROWS = 250_000
"""Rows read at once from Parquet, about as many as a block of CSV holds."""


def find(paths: Sequence[Path]) -> list[Path]:
    """Return the raw files among `paths` and directly in the folders among them, by name."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BadInputError(f"There is no file or folder {path.name}.")
        inside = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES)) if path.is_dir() else [path]
        if not inside:
            raise BadInputError(f"The folder {path.name} holds no events: no {', '.join(SUFFIXES)} in it.")
        found += inside
    for path in found:
        if not path.name.endswith(SUFFIXES):
            raise BadInputError(f"{path.name} is no raw file: its name ends in none of {', '.join(SUFFIXES)}.")
        if not path.is_file():
            raise BadInputError(f"{path.name} is no regular file, and cannot be read as one.")
    return sorted(found, key=lambda path: (path.name, str(path)))


def read(path: Path, reject: Callable[[Reject], None]) -> Iterator[pa.RecordBatch]:
    """Yield the file's rows as `TEXT`; rows of another shape go to `reject`.

    Raises BadInputError when the file cannot be read to its end.
    """
    batches = _read_parquet(path) if path.suffix == ".parquet" else read_csv(path, reject)
    try:
        yield from batches
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInputError(f"{path.name} cannot be read: {reason(error)}.") from error


def _read_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if sorted(names) != sorted(events.COLUMNS):
            raise BadInputError(f"{path.name} has not the columns of an event file: {','.join(events.COLUMNS)}.")
        line = 2  # as if it had a header, so that lines mean the same in every file
        for batch in file.iter_batches(PARQUET_ROWS, columns=list(events.COLUMNS)):
            lines = pa.array(range(line, line + batch.num_rows), pa.int64())
            line += batch.num_rows
            columns = [_as_text(batch[name]) for name in events.COLUMNS]
            yield pa.RecordBatch.from_arrays([lines, *columns], schema=TEXT)


def _as_text(column: pa.Array) -> pa.Array:
    """Write a typed column as the CSV would hold it, so that both kinds of file are cleaned alike."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = _whole_if_possible(column)
    return pc.fill_null(column.cast(pa.string()), "")


def _whole_if_possible(column: pa.Array) -> pa.Array:
    """Read floats that are all whole as integers: ids with gaps often arrive as 5.0."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column
