"""Parquet files as batches of text rows, in memory that follows their size, whatever they say of themselves."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import BadInputError
from segmentation.ingest import events
from segmentation.ingest.csv_rows import Understand
from segmentation.ingest.layout import mapped, used
from segmentation.ingest.mapping import Mapping
from segmentation.ingest.text_stream import LONGEST_LINE, MOST_TIMES, SMALL

ROWS_AT_ONCE = 250_000
"""About as many as a block of CSV holds."""
_TEXT_AT_ONCE = 64 << 20
"""Bytes, once what stands in the file for a text is written out."""
_A_ROW = 64
"""Bytes that a row takes beside its text: a million of nothing take their time, too."""
_PAGE_HEAD, _LONGEST_PAGE_HEAD = 1 << 8, 1 << 20


_IDS = ("user_id", "product_id", "category_id")
_EXACT = {16: 11, 32: 24, 64: 53}
"""By its bits, the power of two from which on floating point does not hold every whole number."""


def read_parquet(path: Path, understand: Understand, mapping: Mapping | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file as `TEXT`; BadInputError where no event file would go on.

    With a mapping they have the columns that it may speak of instead, as text.
    """
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
        places = _mapped(file.schema_arrow, mapping) if mapping else _places(path, file.schema_arrow, understand)
        _check_pages(path, metadata)
    with pq.ParquetFile(path, metadata=metadata, read_dictionary=list(places.values())) as file:
        yield from _rows(path, file, places)


def _places(path: Path, schema: pa.Schema, understand: Understand) -> dict[str, str]:
    """Return what the columns of an event are called in the file."""
    columns = used(path.name, schema.names)
    for sentence in columns.understood:
        understand(sentence)
    found = {use: name for name, use in zip(schema.names, columns.names, strict=True) if use}
    places = {use: found[use] for use in events.COLUMNS}
    for use, name in places.items():
        kind = schema.field(name).type
        if pa.types.is_nested(kind):
            raise BadInputError(
                f"{path.name} has lists or structures in its column {name} ({str(kind)[:60]}), not single values."
            )
        if use == "category_id" and pa.types.is_floating(kind):
            understand("category_id is floating point, and left out where that is not exact")
    return places


def _mapped(schema: pa.Schema, mapping: Mapping) -> dict[str, str]:
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    return {name: place for name, place in zip(mapped(flat, mapping), flat, strict=True) if name}


def _rows(path: Path, file: pq.ParquetFile, places: dict[str, str]) -> Iterator[pa.RecordBatch]:
    left = max(SMALL, MOST_TIMES * path.stat().st_size)
    line = 2  # as if it had a header, so that lines mean the same in every file
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(places.values())):
        found = [batch[place] for place in places.values()]
        sizes = sum(map(_text_sizes, found), np.full(batch.num_rows, _A_ROW))
        if sizes.max(initial=0) > LONGEST_LINE:
            raise BadInputError(f"{path.name} has a row of more than {LONGEST_LINE >> 20} MB, and is no event file.")
        ends = np.cumsum(sizes)
        left -= int(ends[-1]) if len(ends) else 0
        if left < 0:
            raise _unpacks_too_far(path)
        first = 0
        while first < batch.num_rows:
            before = ends[first - 1] if first else 0
            after = max(int(np.searchsorted(ends, before + _TEXT_AT_ONCE, side="right")), first + 1)
            lines = pa.array(range(line + first, line + after), pa.int64())
            columns = [
                _as_text(name, column.slice(first, after - first), path)
                for name, column in zip(places, found, strict=True)
            ]
            yield pa.RecordBatch.from_arrays([lines, *columns], names=["line", *places])
            first = after
        line += batch.num_rows


def _text_sizes(column: pa.Array) -> np.ndarray:
    """Return how many bytes each value takes as text; those that are no text hardly take any."""
    if not pa.types.is_dictionary(column.type):
        return np.zeros(len(column), np.int64)
    words = column.dictionary
    is_text = pa.types.is_string(words.type) or pa.types.is_binary(words.type) or pa.types.is_large_string(words.type)
    if not is_text or not len(words):
        return np.zeros(len(column), np.int64)
    sizes = pc.fill_null(pc.binary_length(words), 0).to_numpy(zero_copy_only=False)
    places = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    return np.where(places < 0, 0, sizes[places]).astype(np.int64)


def _as_text(name: str, column: pa.Array, path: Path) -> pa.Array:
    """Write a typed column as the CSV would hold it, so that both kinds of file are cleaned alike."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if name in _IDS and pa.types.is_floating(column.type):
        column = _exact_ids(name, column, path)
    elif pa.types.is_floating(column.type):
        column = _whole_if_possible(column)
    elif pa.types.is_decimal(column.type):
        column = pc.replace_substring_regex(column.cast(pa.string()), r"\.0+$", "")
    return pc.fill_null(column.cast(pa.string()), "")


def _exact_ids(name: str, column: pa.Array, path: Path) -> pa.Array:
    """Write ids that came as floating point, those with gaps do, as the whole numbers they are."""
    numbers = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    power = _EXACT[column.type.bit_width]
    inexact = np.abs(numbers) >= 1 << power
    if name != "category_id" and inexact.any():
        raise BadInputError(
            f"{path.name} has {name} as floating point, which does not hold such large ids: from 2^{power} on"
            " neighbours become one. Write the column as whole numbers or as text."
        )
    whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & ~inexact
    text = pa.array(np.where(whole, numbers, 0).astype(np.int64)).cast(pa.string())
    return pc.if_else(pa.array(whole), text, pc.if_else(pa.array(inexact), None, column.cast(pa.string())))


def _whole_if_possible(column: pa.Array) -> pa.Array:
    """Read numbers that are all whole as integers: what has gaps often arrives as 5.0."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _check_pages(path: Path, metadata: pq.FileMetaData) -> None:
    """Raise BadInputError if the pages unpack to more than an event file would.

    A page is unpacked whole into as much memory as its own head says. What the footer says may be another thing, and is
    not looked at.
    """
    size = path.stat().st_size
    left = max(SMALL, MOST_TIMES * size)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(place)
                begins = (chunk.dictionary_page_offset, chunk.data_page_offset)
                at = min(offset for offset in begins if offset is not None)
                end = at + chunk.total_compressed_size
                if not 0 < at <= end <= size:
                    raise BadInputError(f"{path.name} cannot be read: its pages lie outside the file.")
                while at < end:
                    unpacked, packed, at = _page(descriptor, at, path)
                    at += packed
                    left -= unpacked
                    if min(unpacked, packed) < 0:
                        raise BadInputError(f"{path.name} cannot be read: the size of a page is negative.")
                    if left < 0:
                        raise _unpacks_too_far(path)
    finally:
        os.close(descriptor)


def _unpacks_too_far(path: Path) -> BadInputError:
    return BadInputError(
        f"{path.name} unpacks to more than {MOST_TIMES} times its size, which no event file does; "
        "write it as CSV, if it is one all the same."
    )


def _page(descriptor: int, at: int, path: Path) -> tuple[int, int, int]:
    """Return a page's size unpacked and packed, and where its head ends."""
    head_bytes = _PAGE_HEAD
    while head_bytes <= _LONGEST_PAGE_HEAD:
        head = _Compact(os.pread(descriptor, head_bytes, at))
        try:
            numbers = head.struct()
        except IndexError:
            head_bytes *= 4
        else:
            return numbers.get(_UNPACKED, 0), numbers.get(_PACKED, 0), at + head.at
    raise BadInputError(f"{path.name} cannot be read: the head of a page does not end.")


_UNPACKED, _PACKED = 2, 3
"""The fields of a page's head: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift"""
_DEEPEST = 16


class _Compact:
    """Reads Thrift's compact protocol, as far as the head of a page needs it.

    https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """Return the whole numbers of a struct by field; IndexError if it does not end."""
        numbers: dict[int, int] = {}
        number = 0
        while byte := self._byte():
            kind = byte & 15
            number = number + (byte >> 4) if byte >> 4 else self._whole()
            value = self._value(kind, depth)
            if value is not None:
                numbers[number] = value
        return numbers

    def _value(self, kind: int, depth: int) -> int | None:
        if depth > _DEEPEST:
            raise IndexError
        match kind:
            case 4 | 5 | 6:
                return self._whole()
            case 1 | 2:  # a truth is in the kind itself
                pass
            case 3:
                self._byte()
            case 7:
                self._skip(8)
            case 8:
                self._skip(self._length())
            case 12:
                self.struct(depth + 1)
            case _:  # lists and maps, which no page's head has
                raise IndexError
        return None

    def _byte(self) -> int:
        self._skip(1)
        return self._content[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._content):
            raise IndexError

    def _length(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128 and shift < 63:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _whole(self) -> int:
        value = self._length()
        return value >> 1 ^ -(value & 1)
