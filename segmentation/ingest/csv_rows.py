"""CSV files as batches of text rows; whatever is wrong with a row, the rows around it are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from contract.errors import BadInputError
from segmentation.ingest import events, reasons
from segmentation.ingest.layout import Layout, layout_of
from segmentation.ingest.mapping import Mapping
from segmentation.ingest.packed import unpacked
from segmentation.ingest.quotes import LINE_END, Quotes
from segmentation.ingest.text_stream import MOST_TIMES, SMALL, UNREADABLE, TextStream

BLOCK_BYTES = 8 << 20
"""Text read at once: some 60,000 rows. Larger blocks leave the processor's cache, smaller ones cost calls."""
MOST_MISSHAPEN = 100_000
"""After so many rows that are none, if they are most of those so far, the rest of the file is not looked at."""

TEXT = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in events.COLUMNS)])
"""A raw row as text, and its line in the file; the header is line 1."""

_STRAYS = "quotes that stand in no pair around a field are taken as they are, in {:,} line{}"


@dataclass(frozen=True)
class Reject:
    """A row that cannot be an event: its line, the reason, the raw text, and what shows the reason."""

    line: int
    reason: str
    row: str
    value: str | None = None


RejectRow = Callable[[Reject], None]
Understand = Callable[[str], None]
"""Is told what was assumed of a file, in a sentence without its full stop."""


def read_csv(
    path: Path, reject: RejectRow, understand: Understand, mapping: Mapping | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file, plain or packed, as `TEXT`; rows of another shape go to `reject`.

    With a mapping they have the columns that it may speak of instead.
    """
    with unpacked(path) as stream:
        most = max(SMALL, MOST_TIMES * path.stat().st_size)
        text = TextStream(stream, path.name, most, mapping.encoding if mapping else None)
        layout = layout_of(text, mapping)
        for sentence in layout.understood:
            understand(sentence)
        text.quotes = Quotes(layout.delimiter, len(layout.names))
        try:
            yield from _rows(text, layout, reject)
        finally:
            text.stop()
        if text.quotes.strays:
            understand(_STRAYS.format(text.quotes.strays, "" if text.quotes.strays == 1 else "s"))


def _rows(text: TextStream, layout: Layout, reject: RejectRow) -> Iterator[pa.RecordBatch]:
    misshapen: list[pa.csv.InvalidRow] = []
    row = 1  # as Arrow numbers them
    for batch in _parse(text, layout, misshapen):
        numbers, inside, row = _number_rows(batch.num_rows, row, misshapen)
        for odd in misshapen[:inside]:
            _reject(odd, text, reject)
        del misshapen[:inside]
        yield _readable(batch, pa.array(text.lines_of(numbers - 1)), text, layout, reject)
    for odd in misshapen:
        _reject(odd, text, reject)


def _parse(text: TextStream, layout: Layout, misshapen: list[pa.csv.InvalidRow]) -> Iterator[pa.RecordBatch]:
    found = 0

    def keep(row: pa.csv.InvalidRow) -> str:
        nonlocal found
        found += 1
        misshapen.append(row)
        return "error" if found >= MOST_MISSHAPEN and 2 * found > row.number else "skip"

    if text.is_empty():
        return
    try:
        with _opened(text, layout, keep) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        if found >= MOST_MISSHAPEN:
            told = f"{text.name} is no event file: of its first {misshapen[-1].number:,} rows"
            raise BadInputError(f"{told} {found:,} have another number of fields than its header.") from error
        raise


def _opened(text: TextStream, layout: Layout, keep: Callable[[pa.csv.InvalidRow], str]) -> pa.csv.CSVStreamingReader:
    return pa.csv.open_csv(
        pa.PythonFile(text, "r"),
        read_options=pa.csv.ReadOptions(
            block_size=BLOCK_BYTES,
            use_threads=False,
            column_names=[name or f"unused {place}" for place, name in enumerate(layout.names)],
        ),
        parse_options=pa.csv.ParseOptions(
            delimiter=layout.delimiter, invalid_row_handler=keep, ignore_empty_lines=False
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(layout.read, pa.string()),
            include_columns=layout.read,
            strings_can_be_null=False,
        ),
    )


def _number_rows(rows: int, first: int, misshapen: list[pa.csv.InvalidRow]) -> tuple[np.ndarray, int, int]:
    """Number a batch's rows, leaving out the misshapen ones among them; return how many those are, and the next row."""
    after, inside = first + rows, 0
    for odd in misshapen:
        if odd.number <= after:  # the parser may be a block ahead
            inside += 1
            after += 1
    numbers = np.arange(first, after)
    return numbers[~np.isin(numbers, [odd.number for odd in misshapen[:inside]])], inside, after


def _reject(odd: pa.csv.InvalidRow, text: TextStream, reject: RejectRow) -> None:
    fields = f"{odd.actual_columns}, not {odd.expected_columns}"
    reject(Reject(text.line_of(odd.number - 1), reasons.WRONG_FIELDS, _shown(odd.text.rstrip("\r")), fields))


def _readable(
    batch: pa.RecordBatch, lines: pa.Array, text: TextStream, layout: Layout, reject: RejectRow
) -> pa.RecordBatch:
    """Give the rows their lines; where the file holds bytes that are no text, reject just the rows that do."""
    columns = [batch[name] for name in layout.read]
    if text.damaged:
        held = [pc.match_substring(column, UNREADABLE) for column in columns]
        bad = np.logical_or.reduce([mask.to_numpy(zero_copy_only=False) for mask in held])
        for i in np.flatnonzero(bad):
            row = ",".join(column[i].as_py() for column in columns)
            reject(Reject(lines[i].as_py(), reasons.UNREADABLE, _shown(row)))
        keep = pa.array(~bad)
        lines, columns = lines.filter(keep), [column.filter(keep) for column in columns]
    if text.quotes.spans:
        columns = [pc.replace_substring(column, LINE_END, "\n") for column in columns]
    if layout.has_decimal_comma:
        place = events.COLUMNS.index("price")
        columns[place] = _with_point(columns[place])
    return pa.RecordBatch.from_arrays([lines, *columns], names=["line", *layout.read])


def _with_point(prices: pa.Array) -> pa.Array:
    grouped = pc.match_substring_regex(prices, r"^\s*[+-]?\d{1,3}(\.\d{3})+(,\d+)?\s*$")
    prices = pc.if_else(grouped, pc.replace_substring(prices, ".", ""), prices)
    return pc.replace_substring_regex(prices, r"^\s*([+-]?\d*),(\d+)\s*$", r"\1.\2")


def _shown(row: str) -> str:
    return row.replace(UNREADABLE, "\\x").replace(LINE_END, "\n")
