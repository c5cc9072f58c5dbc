"""Raw files, read as text in bounded batches, each row with the line it stands on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from segmentation import events
from segmentation.errors import BadInputError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
BLOCK_BYTES = 32 << 20
"""Text read at once: some 250,000 rows, enough to keep the cleaning vectorised."""
PARQUET_ROWS = 250_000

TEXT = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in events.COLUMNS)])


@dataclass(frozen=True)
class Reject:
    """A row that cannot be an event: its line (the header is line 1), the reason and the raw text."""

    line: int
    reason: str
    row: str


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
    return sorted(found, key=lambda path: (path.name, str(path)))


def read(path: Path, reject: Callable[[Reject], None]) -> Iterator[pa.RecordBatch]:
    """Yield the file's rows as text with their lines; rows of another shape go to `reject`.

    Raises BadInputError when the file cannot be read to its end.
    """
    batches = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, reject)
    try:
        yield from batches
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise BadInputError(f"{path.name} cannot be read: {reason}.") from error


def _check_columns(path: Path, names: Sequence[str]) -> None:
    if sorted(names) != sorted(events.COLUMNS):
        raise BadInputError(
            f"{path.name} has not the columns of an event file: expected {','.join(events.COLUMNS)} in its header."
        )


def _read_csv(path: Path, reject: Callable[[Reject], None]) -> Iterator[pa.RecordBatch]:
    misshapen: list[Reject] = []

    def keep(row: pa.csv.InvalidRow) -> str:
        misshapen.append(Reject(row.number, "wrong number of fields", row.text))
        return "skip"

    with pa.input_stream(path, compression="gzip" if path.suffix == ".gz" else None) as stream:
        reader = pa.csv.open_csv(
            stream,
            read_options=pa.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=pa.csv.ParseOptions(invalid_row_handler=keep, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(events.COLUMNS, pa.binary()), strings_can_be_null=False
            ),
        )
        _check_columns(path, reader.schema.names)
        line = 2
        for batch in reader:
            lines, line = _lines(line, batch.num_rows, [row.line for row in misshapen])
            yield from _readable(batch, lines, reject)
            for row in misshapen:
                reject(row)
            misshapen.clear()
        for row in misshapen:
            reject(row)


def _lines(first: int, rows: int, skipped: Sequence[int]) -> tuple[pa.Array, int]:
    """Number `rows` lines from `first` on, leaving out the `skipped` ones; also return the next line."""
    gaps = set(skipped)
    if not gaps:
        return pa.array(range(first, first + rows), pa.int64()), first + rows
    numbers = [n for n in range(first, first + rows + len(gaps)) if n not in gaps]
    return pa.array(numbers, pa.int64()), first + rows + len(gaps)


def _readable(batch: pa.RecordBatch, lines: pa.Array, reject: Callable[[Reject], None]) -> Iterator[pa.RecordBatch]:
    """Turn bytes into text; where some are not UTF-8, reject just the rows that hold them."""
    try:
        yield _text(batch, lines)
    except pa.ArrowInvalid:
        whole = [_is_text(row) for row in zip(*(batch[name].to_pylist() for name in events.COLUMNS), strict=True)]
        for index in (i for i, good in enumerate(whole) if not good):
            row = b",".join(batch[name][index].as_py() for name in events.COLUMNS)
            reject(Reject(lines[index].as_py(), "unreadable bytes", row.decode("utf-8", "backslashreplace")))
        mask = pa.array(whole)
        yield _text(batch.filter(mask), lines.filter(mask))


def _is_text(row: Sequence[bytes]) -> bool:
    try:
        b",".join(row).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(batch: pa.RecordBatch, lines: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([lines, *(batch[name].cast(pa.string()) for name in events.COLUMNS)], schema=TEXT)


def _read_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        _check_columns(path, file.schema_arrow.names)
        line = 2
        for batch in file.iter_batches(PARQUET_ROWS, columns=list(events.COLUMNS)):
            lines, line = _lines(line, batch.num_rows, ())
            columns = [_as_text(batch[name]) for name in events.COLUMNS]
            yield pa.RecordBatch.from_arrays([lines, *columns], schema=TEXT)


def _as_text(column: pa.Array) -> pa.Array:
    """Write a typed column as the CSV would hold it, so that both kinds of file are cleaned alike."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        # Integers with gaps often arrive as floats: 5.0 means 5.
        whole = pc.equal(column, pc.floor(column))
        if pc.all(whole).as_py() is not False:
            try:
                column = column.cast(pa.int64())
            except pa.ArrowInvalid:
                return column.cast(pa.string())
    return pc.fill_null(column.cast(pa.string()), "")
