"""Bytes as UTF-8 text, a line a row: whatever the encoding, the line ends, the quotes and the blank lines."""

import codecs
import io
from itertools import pairwise
from math import inf
from threading import Lock

import numpy as np

from contract.errors import BadInputError
from segmentation.ingest.quotes import LONGEST_FIELD, Quotes

HEAD_BYTES = 1 << 16
_PIECE = 1 << 20
"""Bytes in which blank lines are looked for at once: each takes some 60 bytes meanwhile."""
LONGEST_LINE = 4 << 20
"""Bytes; an event takes some 150."""
MOST_TIMES, SMALL = 200, 64 << 20
"""By how much a file may unpack beyond so many bytes: event files do so about five times."""

UNREADABLE = "\ufdd0"
"""Stands before each byte that is no text, as two hexadecimal digits; Unicode keeps it out of all real text."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(f"{UNREADABLE}{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("menagerie-mark", _mark)


def _encoding_of(begin: bytes) -> str:
    """Return what a file is written in: its mark says so, or the zeros of every other byte."""
    for mark, encoding in _MARKS.items():
        if begin.startswith(mark):
            return encoding
    zeros = [begin[first:200:2].count(0) for first in (0, 1)]
    if 4 * max(zeros) > len(begin[:200]) and max(zeros) > 3 * min(zeros):  # most letters are of the first 256
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8"


class TextStream(io.RawIOBase):
    """A stream of bytes as rows of UTF-8 text that always decodes: bytes that are none are marked with `UNREADABLE`.

    Line ends are LF or CRLF, and those within quotes `quotes.LINE_END`; blank lines are left out as they stream by,
    however many. Raises BadInputError where no event file would go on: for a line without end, and for more than
    `most` bytes.
    """

    def __init__(
        self, stream: io.RawIOBase | io.BytesIO, name: str, most: float = inf, encoding: str | None = None
    ) -> None:
        self.name = name
        self.damaged = False
        self.quotes = Quotes(",", 0)
        self._stream, self._most = stream, most
        self._first = bytes(stream.read(HEAD_BYTES))
        self.encoding = encoding or _encoding_of(self._first)
        self._decoder = codecs.getincrementaldecoder(self.encoding)("menagerie-mark")
        self._is_ascii_safe = bytes(range(128)).decode(self.encoding, "replace") == bytes(range(128)).decode("ascii")
        self._tail = self._unread = self._held = self._ahead = b""
        self._bytes = self._lines_before = self._let_through = 0
        self._ended = False
        self._reading, self._stopped = Lock(), False
        self._blank: list[np.ndarray] = []
        """Where blank lines were left out: how many rows were let through before, and how many were left out."""

    def readable(self) -> bool:  # noqa: D102 (as in its base)
        return True

    def stop(self) -> None:
        """Give no more, and wait for a thread that is reading: none may be left when the interpreter ends."""
        with self._reading:
            self._stopped = True

    def head(self) -> str:
        """Return the first lines that no `take_line` has taken, as they stand, those of some 60 kB at the most."""
        self._unread = self._unread or self._lines(HEAD_BYTES)
        return self._unread.decode()

    def take_line(self) -> str:
        """Take the first line that is not blank, before any row is read."""
        while self.head():
            line, _, self._unread = self._unread.partition(b"\n")
            self._lines_before += 1
            if line:
                return line.removesuffix(b"\r").decode()
        return ""

    def is_empty(self) -> bool:
        """Tell whether nothing more is in the file, or nothing but blank lines, before any row is read."""
        while self.head():
            rest = self._unread.lstrip(b"\n")
            self._lines_before += len(self._unread) - len(rest)
            self._unread = rest
            if rest:
                return False
        return True

    def read(self, size: int = -1) -> bytes:  # noqa: D102 (as in its base)
        with self._reading:
            return b"" if self._stopped else self._read(size)

    def lines_of(self, rows: np.ndarray) -> np.ndarray:
        """Return on which lines of the file rows begin, by their numbers from 0."""
        # Another thread may be a block ahead: what it appends meanwhile stays, and waiting for it would cost its time.
        blank, spans = self._blank[:], np.array(self.quotes.spans[:], np.int64)
        if blank:
            self._blank[: len(blank)] = blank = [np.concatenate(blank, axis=1)]
        spans = spans[: len(spans) // 2 * 2].reshape(-1, 2).T
        return 1 + self._lines_before + _with_left_out(_with_left_out(rows, *blank), spans)

    def line_of(self, row: int) -> int:
        """Return on which line of the file a row begins."""
        return int(self.lines_of(np.array([row]))[0])

    def _read(self, size: int) -> bytes:
        # Never more than was asked for, which marked bytes could make it: the caller's buffer has that size.
        size = size if size > 0 else HEAD_BYTES
        text = self._ahead or self._next(size)
        self._ahead = text[size:]
        return text[:size]

    def _next(self, size: int) -> bytes:
        while not self._ended:
            lines = self._lines(size) if len(self._held) <= LONGEST_FIELD else None
            before = self.quotes.rows
            text, self._held = self.quotes.untangled(self._held + (lines or b""), final=lines == b"")
            self._ended = lines == b"" and not self._held
            if text := self._without_blank(text, self.quotes.rows - before):
                return text
        return b""

    def _lines(self, size: int) -> bytes:
        """Return the next whole lines, nothing at the end."""
        if self._unread:
            lines, self._unread = self._unread, b""
            return lines
        while block := self._block(max(size - len(self._tail), size // 2)):
            text = self._decode(block)
            end = text.rfind(b"\n") + 1 or text.rfind(b"\r", 0, len(text) - 1) + 1
            if end:
                lines = b"".join((self._tail, memoryview(text)[:end]))  # one copy of it, not two
                self._tail = text[end:]
                return _ended_alike(lines)
            self._tail += text
            if len(self._tail) > LONGEST_LINE:
                told = f"{self.name} has a line of more than {LONGEST_LINE >> 20} MB, and is no event file."
                raise BadInputError(told)
        rest, self._tail = self._tail + self._decode(b"", final=True), b""
        return _ended_alike(rest)

    def _block(self, size: int) -> bytes:
        block, self._first = self._first or bytes(self._stream.read(max(size, 1))), b""
        if not self._bytes and self.encoding == "utf-8":
            block = block.removeprefix(codecs.BOM_UTF8)
        self._bytes += len(block)
        if self._bytes > self._most:
            told = f"{self.name} unpacks to more than {MOST_TIMES} times its size, which no event file does"
            raise BadInputError(f"{told}; unpack it, if it is one all the same.")
        return block

    def _decode(self, block: bytes, final: bool = False) -> bytes:
        if self._is_ascii_safe and block.isascii() and self._decoder.getstate()[0] == b"":
            return block
        text = self._decoder.decode(block, final)
        self.damaged = self.damaged or UNREADABLE in text
        return text.encode("utf-8", "replace")

    def _without_blank(self, text: bytes, rows: int) -> bytes:
        """Leave out lines that hold nothing but their end; counting so many lines takes its time."""
        if not (text.startswith(b"\n") or b"\n\n" in text):
            self._let_through += rows
            return text
        begins = [0]
        while begins[-1] < len(text):
            begins.append(text.find(b"\n", begins[-1] + _PIECE) + 1 or len(text))
        return b"".join(self._piece_without_blank(text[begin:end]) for begin, end in pairwise(begins))

    def _piece_without_blank(self, text: bytes) -> bytes:
        found = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(found == ord("\n"))
        blank = np.diff(ends, prepend=-1) == 1
        if blank.any():
            after = self._let_through + np.cumsum(~blank)[blank]
            self._blank.append(np.stack(np.unique(after, return_counts=True)))
        self._let_through += int(np.count_nonzero(~blank))
        keep = np.ones(len(found), bool)
        keep[ends[blank]] = False
        return found[keep].tobytes()


def _ended_alike(lines: bytes) -> bytes:
    """Return lines that end in LF, however they ended; those that all end in CRLF the parser takes as they are."""
    if b"\r" not in lines or (b'"' not in lines and _end_in_crlf(lines)):
        return lines
    lines = lines.replace(b"\r\n", b"\n")
    return lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in lines else lines  # as after CR CR LF


def _end_in_crlf(lines: bytes) -> bool:
    """Tell whether each CR is followed by LF, and none of the lines is blank: that takes a fifth of replacing them."""
    found = np.frombuffer(lines, np.uint8)
    at = np.flatnonzero(found == ord("\r"))
    if at[0] == 0 or at[-1] == len(found) - 1:
        return False
    return bool((found[at + 1] == ord("\n")).all() and (found[at - 1] >= ord(" ")).all())


def _with_left_out(numbers: np.ndarray, left_out: np.ndarray | None = None) -> np.ndarray:
    """Return numbers from 0 among all, given those among what was let through: `left_out` has where and how many."""
    if left_out is None or not left_out.size:
        return numbers
    counts = np.concatenate([[0], np.cumsum(left_out[1])])
    return np.asarray(numbers + counts[np.searchsorted(left_out[0], numbers, side="right")])
