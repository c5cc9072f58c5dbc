"""How a CSV file is laid out: what its first lines say of delimiter, columns and decimal sign."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contract.errors import BadInputError
from segmentation.ingest import events
from segmentation.ingest.mapping import Mapping, may_read_it
from segmentation.ingest.text_stream import TextStream

_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_SEP_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
_VALUE = re.compile(r"[+-]?\d[\d.,:/ TZUC+-]*")
"""What stands in rows, and in no header: a number or a time."""
_COMMA, _GROUPED = re.compile(r"[+-]?\d*,\d+"), re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
_ENCODINGS = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}
_SHOWN = 8


@dataclass(frozen=True)
class Columns:
    """Which columns of a file are those of an event: `names` has each at its place, None at one that is not used."""

    names: list[str | None]
    understood: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """What to read a CSV file by, and what was assumed, in sentences without their full stop."""

    delimiter: str
    names: list[str | None]
    has_decimal_comma: bool
    understood: list[str]

    @property
    def read(self) -> list[str]:
        """Return the columns that are read: those of an event in their order, or a mapping's as they stand."""
        names = [name for name in self.names if name]
        return list(events.COLUMNS) if set(names) == set(events.COLUMNS) else names


def layout_of(text: TextStream, mapping: Mapping | None = None) -> Layout:
    """Take the header, and what stands before it, off a text; raise BadInputError where it is not that of events."""
    if mapping and mapping.header:
        return Layout(mapping.delimiter or ",", list(mapping.header), False, [])
    if text.is_empty():
        raise BadInputError(f"{text.name} is empty: it has not even a header.")
    understood = [f"the encoding is {_ENCODINGS.get(text.encoding, text.encoding)}"] if text.encoding != "utf-8" else []
    first = text.take_line()
    said = _SEP_LINE.fullmatch(first.strip(' "'))
    if said:
        understood.append(f"the first line is {first.strip(' ')!r}, not the header")
        first = text.take_line()
    if not first.replace("\t", "").isprintable():
        raise BadInputError(f"{text.name} has not the columns of an event file: its first line is no text.")
    if mapping:
        delimiter = mapping.delimiter or (said.group(1) if said else _delimiter(first, mapping.uses))
        return Layout(delimiter, mapped(_split(first, delimiter), mapping), False, understood)
    delimiter = said.group(1) if said else _delimiter(first, lambda name: _event_column(name) is not None)
    columns = used(text.name, _split(first, delimiter), has_header=not _is_row(first))
    if delimiter != "," and not said:
        understood.append(f"the delimiter is {_DELIMITERS[delimiter]}")
    sample = text.head().splitlines()
    comma = _has_decimal_comma(sample, delimiter, columns.names.index("price"))
    if comma:
        understood.append("the decimal sign is a comma")
    return Layout(delimiter, columns.names, comma, [*understood, *columns.understood])


def used(file: str, header: Sequence[str], has_header: bool = True) -> Columns:
    """Return which of a file's columns are used; raise BadInputError where one of an event's is missing, or twice."""
    plain = [name.strip() for name in header]
    found = [_event_column(name) for name in plain]
    missing = [name for name in events.COLUMNS if name not in found]
    if missing and not has_header:
        raise BadInputError(f"{file} has no header: its first line is a row, and should name the columns.")
    if missing:
        lacks = _lacks(file, missing, [name for name, use in zip(plain, found, strict=True) if not use])
        raise BadInputError(f"{lacks} {may_read_it(plain)}")
    twice = [name for name in events.COLUMNS if found.count(name) > 1]
    if twice:
        raise BadInputError(f"{file} has the column {twice[0]} more than once.")
    understood = []
    if any(use and name.lower() != use for name, use in zip(plain, found, strict=True)):
        understood.append("spaces within the column names are read as underscores")
    if any(use and name != name.lower() for name, use in zip(plain, found, strict=True)):
        understood.append("the case of the column names is ignored")
    if any(use and name != its for name, its, use in zip(plain, header, found, strict=True)):
        understood.append("spaces around the column names are ignored")
    extra = [name for name, use in zip(plain, found, strict=True) if name and not use]
    if extra:
        understood.append(f"{_listed(extra)} {'is' if len(extra) == 1 else 'are'} not used")
    if "" in plain:
        understood.append("a column without a name is not used")
    return Columns(found, understood)


def _event_column(name: str) -> str | None:
    """Return which column of an event a file's column is, as people write names."""
    plain = name.lower().replace(" ", "_").replace("-", "_")
    return plain if plain in events.COLUMNS else None


def _lacks(file: str, missing: Sequence[str], extra: Sequence[str]) -> str:
    told = f"{file} lacks the {'column' if len(missing) == 1 else 'columns'} {_listed(missing, len(events.COLUMNS))}"
    named = [name for name in extra if name]
    return f"{told}; it has {_listed(named)} beside." if named else f"{told}."


def _listed(names: Sequence[str], most: int = _SHOWN) -> str:
    shown = ["".join(c if c.isprintable() else "?" for c in name[:40]) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def mapped(header: Sequence[str], mapping: Mapping) -> list[str | None]:
    """Return the columns of a file that a mapping may speak of, each in its place."""
    names: list[str | None] = []
    for name in map(str.strip, header):
        is_new = name.lower() not in {
            "line",
            *(each.lower() for each in names if each),
        }  # a row's own line has that name
        names.append(name if is_new and mapping.uses(name) else None)
    return names


def delimiter_of(header: str) -> str:
    """Return what parts a header of any names."""
    return max(_DELIMITERS, key=lambda sign: len(_split(header, sign)))


def _delimiter(header: str, is_wanted: Callable[[str], bool]) -> str:
    """Return what parts most of the names wanted from each other."""
    return max(_DELIMITERS, key=lambda sign: sum(map(is_wanted, {name.strip() for name in _split(header, sign)})))


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _is_row(line: str) -> bool:
    return any(_VALUE.fullmatch(value.strip()) for sign in _DELIMITERS for value in _split(line, sign))


def _has_decimal_comma(lines: Sequence[str], delimiter: str, place: int) -> bool:
    """Tell whether prices have a comma for a point: some do, not all for thousands, and no other has a point."""
    rows = [fields for fields in csv.reader(lines, delimiter=delimiter) if len(fields) > place]
    prices = [price for fields in rows if (price := fields[place].strip())]
    with_comma = [price for price in prices if _COMMA.fullmatch(price.replace(".", ""))]
    mean_thousands = all(len(price.rpartition(",")[2]) == len("000") for price in with_comma)
    return (
        bool(with_comma)
        and not mean_thousands
        and not any("." in price and not _GROUPED.fullmatch(price) for price in prices)
    )
