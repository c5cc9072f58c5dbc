"""CSV files as batches of text rows; whatever is wrong with a row, the rows around it are read."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from contract.errors import BadInputError
from segmentation.ingest import events, reasons

BLOCK_BYTES = 8 << 20
"""Text read at once: some 60,000 rows. Larger blocks leave the processor's cache, smaller ones cost calls."""
HEADER_BYTES = 1 << 16

TEXT = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in events.COLUMNS)])
"""A raw row as text, and its line in the file; the header is line 1."""

UNREADABLE = "\ufdd0"
"""Stands before each byte that is no UTF-8, as two hexadecimal digits; Unicode keeps it out of all real text."""


@dataclass(frozen=True)
class Reject:
    """A row that cannot be an event: its line, the reason and the raw text."""

    line: int
    reason: str
    row: str


RejectRow = Callable[[Reject], None]


def read_csv(path: Path, reject: RejectRow) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file, plain or gzipped, as `TEXT`; rows of another shape go to `reject`."""
    with pa.input_stream(path, compression="gzip" if path.suffix == ".gz" else None) as stream:
        text = _Readable(stream)
        first = text.read_line().decode().removeprefix("\ufeff")
        header = next(csv.reader([first]), []) if first.isprintable() else []
        if sorted(header) != sorted(events.COLUMNS):
            raise BadInputError(
                f"{path.name} has not the columns of an event file: its header should be {','.join(events.COLUMNS)}."
            )
        yield from _rows(text, header, 2, reject)


def _rows(
    text: "_Readable", header: list[str], first_line: int, reject: RejectRow, quoted: bool = True
) -> Iterator[pa.RecordBatch]:
    misshapen: list[pa.csv.InvalidRow] = []
    line = first_line - 1  # of the row before the next one, where rows are numbered from 1
    row = 1
    for batch in _parse(text, header, misshapen, quoted):
        numbers, inside, row_after = _number_rows(batch.num_rows, row, misshapen)
        lines = numbers + line
        for odd in inside:
            at, extra = odd.number + line, odd.text.count("\n")
            yield from _misshapen(odd.text, at, header, reject, text)
            lines[numbers > odd.number] += extra
            line += extra
        yield from _readable(batch, pa.array(lines), text, reject)
        row, misshapen[: len(inside)] = row_after, []
    for odd in misshapen:
        yield from _misshapen(odd.text, odd.number + line, header, reject, text)
        line += odd.text.count("\n")


def _parse(
    text: "_Readable", header: list[str], misshapen: list[pa.csv.InvalidRow], quoted: bool
) -> Iterator[pa.RecordBatch]:
    def keep(row: pa.csv.InvalidRow) -> str:
        misshapen.append(row)
        return "skip"

    if not text.peek():
        return iter(())
    return pa.csv.open_csv(
        pa.PythonFile(text, "r"),
        read_options=pa.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False, column_names=header),
        parse_options=pa.csv.ParseOptions(
            invalid_row_handler=keep, ignore_empty_lines=False, quote_char='"' if quoted else False
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        ),
    )


def _number_rows(
    rows: int, first: int, misshapen: list[pa.csv.InvalidRow]
) -> tuple[np.ndarray, list[pa.csv.InvalidRow], int]:
    """Number a batch's rows, leaving out the misshapen ones among them; return these, and the next row's number."""
    after, inside = first + rows, []
    for odd in misshapen:
        if odd.number <= after:  # the parser may be a block ahead
            inside.append(odd)
            after += 1
    numbers = np.arange(first, after)
    return numbers[~np.isin(numbers, [odd.number for odd in inside])], inside, after


def _misshapen(
    row: str, line: int, header: list[str], reject: RejectRow, text: "_Readable"
) -> Iterator[pa.RecordBatch]:
    """Reject a row with too few or too many fields; one that swallowed others by a stray quote is read again."""
    if "\n" in row:
        again = _Readable(io.BytesIO(row.encode()))
        again.damaged = text.damaged
        yield from _rows(again, header, line, reject, quoted=False)
    else:
        reject(Reject(line, reasons.WRONG_FIELDS, _shown(row.rstrip("\r"))))


def _readable(batch: pa.RecordBatch, lines: pa.Array, text: "_Readable", reject: RejectRow) -> Iterator[pa.RecordBatch]:
    """Give the rows their lines; where the file holds bytes that are no UTF-8, reject just the rows that do."""
    columns = [batch[name] for name in events.COLUMNS]
    if text.damaged:
        held = [pc.match_substring(column, UNREADABLE) for column in columns]
        bad = np.logical_or.reduce([mask.to_numpy(zero_copy_only=False) for mask in held])
        for i in np.flatnonzero(bad):
            row = ",".join(column[i].as_py() for column in columns)
            reject(Reject(lines[i].as_py(), reasons.UNREADABLE, _shown(row)))
        keep = pa.array(~bad)
        lines, columns = lines.filter(keep), [column.filter(keep) for column in columns]
    yield pa.RecordBatch.from_arrays([lines, *columns], schema=TEXT)


def _shown(row: str) -> str:
    return row.replace(UNREADABLE, "\\x")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(f"{UNREADABLE}{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("menagerie-mark", _mark)


class _Readable(io.RawIOBase):
    """A stream of bytes as UTF-8 that always decodes: bytes that are none are marked with `UNREADABLE`."""

    def __init__(self, stream: io.RawIOBase | io.BytesIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("menagerie-mark")
        self._ahead = b""
        self.damaged = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # Never more than was asked for, which marked bytes could make it: the caller's buffer has that size.
        size = size if size > 0 else BLOCK_BYTES
        text = self._ahead or self._next(size)
        self._ahead = text[size:]
        return text[:size]

    def peek(self) -> bytes:
        """Return some of what comes next, nothing at the end, without taking it."""
        self._ahead = self._ahead or self._next(HEADER_BYTES)
        return self._ahead

    def read_line(self) -> bytes:
        """Take the first line, or as much of it as a header could have."""
        line, _, self._ahead = self.peek().partition(b"\n")
        return line.rstrip(b"\r")

    def _next(self, size: int) -> bytes:
        while block := self._stream.read(size):
            if text := self._decode(bytes(block)):
                return text
        return self._decode(b"", final=True)

    def _decode(self, block: bytes, final: bool = False) -> bytes:
        if block.isascii() and self._decoder.getstate()[0] == b"":
            return block
        text = self._decoder.decode(block, final)
        self.damaged = self.damaged or UNREADABLE in text
        return text.encode()
