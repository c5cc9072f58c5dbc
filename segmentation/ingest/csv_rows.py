"""CSV files as batches of text rows; whatever is wrong with a row, the rows around it are read."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from contract.errors import BadInputError
from segmentation.ingest import events, reasons
from segmentation.ingest.packed import unpacked

BLOCK_BYTES = 8 << 20
"""Text read at once: some 60,000 rows. Larger blocks leave the processor's cache, smaller ones cost calls."""
HEADER_BYTES = 1 << 16
_PIECE = 1 << 20
"""Bytes in which blank lines are looked for at once: each takes some 60 bytes meanwhile."""
LONGEST_LINE = 4 << 20
"""Bytes; an event takes some 150."""
MOST_TIMES, SMALL = 200, 64 << 20
"""By how much a file may unpack beyond so many bytes: event files do so about five times."""
MOST_MISSHAPEN = 100_000
"""After so many rows that are none, if they are most of those so far, the rest of the file is not looked at."""

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
    """Yield the rows of a CSV file, plain or packed, as `TEXT`; rows of another shape go to `reject`."""
    with unpacked(path) as stream:
        text = _Readable(stream, path.name, max(SMALL, MOST_TIMES * path.stat().st_size))
        try:
            yield from _rows_of(path, text, reject)
        finally:
            text.stop()


def _rows_of(path: Path, text: "_Readable", reject: RejectRow) -> Iterator[pa.RecordBatch]:
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
    """Yield the rows of a text whose first row stands on `first_line`, blank lines not counted."""
    misshapen: list[pa.csv.InvalidRow] = []
    line = first_line - 1  # of the row before the next one, where rows are numbered from 1
    row = 1
    for batch in _parse(text, header, misshapen, quoted):
        numbers, inside, row_after = _number_rows(batch.num_rows, row, misshapen)
        lines = numbers + line
        for odd in inside:
            at, extra = odd.number + line, odd.text.count("\n")
            yield from _misshapen(odd.text, text.line_of(at), header, reject, text)
            lines[numbers > odd.number] += extra
            line += extra
        yield from _readable(batch, pa.array(text.lines_of(lines)), text, reject)
        row, misshapen[: len(inside)] = row_after, []
    for odd in misshapen:
        yield from _misshapen(odd.text, text.line_of(odd.number + line), header, reject, text)
        line += odd.text.count("\n")


def _parse(
    text: "_Readable", header: list[str], misshapen: list[pa.csv.InvalidRow], quoted: bool
) -> Iterator[pa.RecordBatch]:
    found = 0

    def keep(row: pa.csv.InvalidRow) -> str:
        nonlocal found
        found += 1
        misshapen.append(row)
        return "error" if found >= MOST_MISSHAPEN and 2 * found > row.number else "skip"

    if not text.peek():
        return
    try:
        with _opened(text, header, keep, quoted) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        if found >= MOST_MISSHAPEN:
            told = f"{text.name} is no event file: of its first {misshapen[-1].number:,} rows"
            raise BadInputError(f"{told} {found:,} have another number of fields than its header.") from error
        raise


def _opened(
    text: "_Readable", header: list[str], keep: Callable[[pa.csv.InvalidRow], str], quoted: bool
) -> pa.csv.CSVStreamingReader:
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
        again = _Readable(io.BytesIO(row.encode()), text.name)
        again.damaged, again.first_line = text.damaged, line
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
    """A stream of bytes as UTF-8 that always decodes: bytes that are none are marked with `UNREADABLE`.

    Blank lines are left out as they stream by, however many. Raises BadInputError where no event file would go on: for
    a line without end, and for more than `most` bytes.
    """

    def __init__(self, stream: io.RawIOBase | io.BytesIO, name: str, most: float = inf) -> None:
        self.name = name
        self.damaged = False
        self.first_line = 1
        self._stream, self._most = stream, most
        self._decoder = codecs.getincrementaldecoder("utf-8")("menagerie-mark")
        self._ahead = b""
        self._held = b""
        """A carriage return at the end of a block, which may begin a blank line."""
        self._bytes = self._since_line = self._lines = self._quotes = 0
        self._ends_line = True
        self._reading, self._stopped = Lock(), False
        self._blank: list[np.ndarray] = []
        """Where blank lines were left out: how many lines were let through before, and how many were left out."""

    def lines_of(self, lines: np.ndarray) -> np.ndarray:
        """Return on which lines of the file those stand that are let through, by their numbers without blank ones."""
        if not self._blank:
            return lines
        self._blank = [np.concatenate(self._blank, axis=1)]
        after, count = self._blank[0]
        left_out = np.concatenate([[0], np.cumsum(count)])
        return np.asarray(lines + left_out[np.searchsorted(after, lines - self.first_line, side="right")])

    def line_of(self, line: int) -> int:
        """Return on which line of the file one stands that is let through."""
        return int(self.lines_of(np.array([line]))[0])

    def readable(self) -> bool:
        return True

    def stop(self) -> None:
        """Give no more, and wait for a thread that is reading: none may be left when the interpreter ends."""
        with self._reading:
            self._stopped = True

    def read(self, size: int = -1) -> bytes:
        with self._reading:
            return b"" if self._stopped else self._read(size)

    def _read(self, size: int) -> bytes:
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
        while block := bytes(self._stream.read(size)):
            self._check(block)
            text = self._decode(block)
            if not self._held and self._has_no_blank(text):
                self._pass(text)
                return text
            pieces = (text[begin : begin + _PIECE] for begin in range(0, len(text), _PIECE))
            if text := b"".join(map(self._without_blank, pieces)):
                return text
        held, self._held = self._held, b""
        return held + self._decode(b"", final=True)

    def _check(self, block: bytes) -> None:
        self._bytes += len(block)
        end = block.rfind(b"\n")
        self._since_line = self._since_line + len(block) if end < 0 else len(block) - end - 1
        if self._since_line > LONGEST_LINE:
            raise BadInputError(f"{self.name} has a line of more than {LONGEST_LINE >> 20} MB, and is no event file.")
        if self._bytes > self._most:
            told = f"{self.name} unpacks to more than {MOST_TIMES} times its size, which no event file does"
            raise BadInputError(f"{told}; unpack it, if it is one all the same.")

    def _without_blank(self, text: bytes) -> bytes:
        """Leave out lines that hold nothing but their end, unless they stand within quotes."""
        text = self._held + text
        self._held = b"\r" * (len(text) - len(text.rstrip(b"\r")))
        text = text.removesuffix(self._held)
        if self._has_no_blank(text):
            self._pass(text)
            return text
        found = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(found == ord("\n"))
        begins = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
        returns = np.concatenate([[0], np.cumsum(found == ord("\r"))])
        quotes = np.concatenate([[0], np.cumsum(found == ord('"'))])
        blank = (returns[ends] - returns[begins] == ends - begins) & ((self._quotes + quotes[ends]) % 2 == 0)
        blank[:1] &= self._ends_line
        self._blank.append(np.stack(np.unique(self._lines + np.cumsum(~blank)[blank], return_counts=True)))
        dropped = np.zeros(len(found) + 1, np.int64)
        np.add.at(dropped, begins[blank], 1)
        np.add.at(dropped, ends[blank] + 1, -1)
        kept = found[np.cumsum(dropped[:-1]) == 0].tobytes()
        self._pass(kept)
        return kept

    def _has_no_blank(self, text: bytes) -> bool:
        """Tell at a glance of a text that has no blank line, nor may begin one with its end."""
        begins = self._ends_line and text[:1] in {b"\n", b"\r"}
        returns = b"\r" in text  # one character is found twenty times as fast as two
        return bool(text) and not (begins or b"\n\n" in text or (returns and (text[-1:] == b"\r" or b"\n\r" in text)))

    def _pass(self, text: bytes) -> None:
        if text:
            self._lines += text.count(b"\n")
            self._quotes += text.count(b'"') if b'"' in text else 0
            self._ends_line = text.endswith(b"\n")

    def _decode(self, block: bytes, final: bool = False) -> bytes:
        if block.isascii() and self._decoder.getstate()[0] == b"":
            return block
        text = self._decoder.decode(block, final)
        self.damaged = self.damaged or UNREADABLE in text
        return text.encode()
