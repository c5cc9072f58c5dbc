"""Quotes in CSV as they are meant: a line end within them is kept, and a stray one swallows no other line."""

import re
from array import array

import numpy as np

LINE_END = "\ufdd1"
"""Stands for a line end within quotes, so that a line is a row; Unicode keeps it out of all real text."""
LONGEST_FIELD = 1 << 20
"""Bytes after which a quote that is still open is a stray one."""
_QUOTE, _MARK = b'"', LINE_END.encode()


class Quotes:
    """Gives each row a line of its own; `strays` counts the lines whose quotes are taken as they stand."""

    def __init__(self, delimiter: str, columns: int) -> None:
        self.strays = 0
        self.rows = 0
        self.spans = array("q")
        """For each row of several lines, how many rows there were up to it, and how many lines more it took."""
        self._delimiter, self._columns = delimiter.encode(), columns
        between = re.escape(self._delimiter)
        self._quoted = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"(?=%b|\n|\Z)' % between)
        self._open = re.compile(rb'"[^"]*+(?:""[^"]*+)*+\Z')
        self._plain = re.compile(rb"[^\n%b]*+" % between)

    def untangled(self, lines: bytes, final: bool) -> tuple[bytes, bytes]:
        """Return whole lines, which end in LF, as rows, a line each, and the rest, which waits for what follows.

        Of lines with stray quotes not more than some are returned at once.
        """
        if _QUOTE not in lines or self._is_simple(lines):
            self.rows += lines.count(b"\n")
            return lines, b""
        pieces: list[bytes] = []
        at = 0
        while (quote := lines.find(_QUOTE, at)) >= 0:
            if at > LONGEST_FIELD:
                return b"".join(pieces), lines[at:]
            begin = lines.rfind(b"\n", at, quote) + 1 or at
            pieces.append(lines[at:begin])
            self.rows += pieces[-1].count(b"\n")
            row = self._row(lines, begin, final)
            if row is None:
                return b"".join(pieces), lines[begin:]
            pieces.append(row[0])
            at = row[1]
        pieces.append(lines[at:])
        self.rows += pieces[-1].count(b"\n")
        return b"".join(pieces), b""

    def _is_simple(self, lines: bytes) -> bool:
        """Tell at a glance whether all fields with quotes are quoted by the letter, none across lines."""
        found = np.frombuffer(lines, np.uint8)
        at = np.flatnonzero(found == ord(_QUOTE))
        if len(at) % 2 or np.any(np.searchsorted(at, np.flatnonzero(found == ord("\n"))) % 2):
            return False
        around = np.concatenate([[ord("\n")], found, [ord("\n")]])
        outside = np.zeros(256, bool)
        outside[[ord("\n"), ord('"'), self._delimiter[0]]] = True
        return bool(outside[around[at[::2]]].all() and outside[around[at[1::2] + 2]].all())

    def _row(self, lines: bytes, begin: int, final: bool) -> tuple[bytes, int] | None:
        """Return the row that begins there, and where the next one does; None if that cannot be told yet."""
        fields, at = [], begin
        while True:
            field = self._quoted.match(lines, at)
            if field:
                fields.append(field.group())
                at = field.end()
            elif self._is_open(lines, at):
                return None if not final and len(lines) - begin < LONGEST_FIELD else self._line(lines, begin)
            else:
                field = self._plain.match(lines, at)
                if not field or _QUOTE in field.group():
                    return self._line(lines, begin)
                fields.append(field.group())
                at = field.end()
            if lines[at : at + 1] != self._delimiter:
                break
            at += 1
        more = lines.count(b"\n", begin, at)
        if more and self._swallows(lines[begin:at]):
            return self._line(lines, begin)
        self.rows += 1
        if more:
            self.spans.extend((self.rows, more))
        return self._delimiter.join(fields).replace(b"\n", _MARK) + lines[at : at + 1], at + 1

    def _is_open(self, lines: bytes, at: int) -> bool:
        return lines[at : at + 1] == _QUOTE and bool(self._open.match(lines, at))

    def _swallows(self, row: bytes) -> bool:
        """Tell whether most lines of what would be one row are rows themselves: what joins them is two stray quotes."""
        each = [self._literally(line) for line in row.split(b"\n")]
        return 2 * sum(len(fields) == self._columns for fields in each) > len(each)

    def _literally(self, line: bytes) -> list[bytes]:
        """Return the fields of one line, with quotes that are not in pairs around a field as they stand."""
        fields: list[bytes] = []
        at = 0
        while True:
            field = self._quoted.match(line, at) or self._plain.match(line, at)
            if not field:
                return fields
            fields.append(field.group())
            if field.end() >= len(line):
                return fields
            at = field.end() + 1

    def _line(self, lines: bytes, begin: int) -> tuple[bytes, int]:
        end = lines.find(b"\n", begin)
        end = len(lines) if end < 0 else end
        self.strays += 1
        self.rows += 1
        fields = [self._as_it_stands(field) for field in self._literally(lines[begin:end])]
        return self._delimiter.join(fields) + lines[end : end + 1], end + 1

    def _as_it_stands(self, field: bytes) -> bytes:
        if _QUOTE not in field or self._quoted.fullmatch(field):
            return field
        return _QUOTE + field.replace(_QUOTE, _QUOTE * 2) + _QUOTE
