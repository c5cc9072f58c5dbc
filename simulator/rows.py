"""Events as an Arrow table in the raw schema, or as the text of the raw files."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from segmentation.ingest.events import COLUMNS
from simulator.catalogue import BRAND_NAMES, CATEGORY_IDS, CODES, PHONES_CODE, REFILED_CODE, Catalogue
from simulator.draws import Ints, Words, mix
from simulator.events import TYPES, Events
from simulator.months import DAY_S, DAYS, FIRST_DAY, REFILED_FROM_S
from simulator.population import user_id

_EPOCH = np.datetime64(FIRST_DAY.isoformat(), "s")
_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2").view(np.uint16)
_DATES = np.array([str(_EPOCH + np.timedelta64(day, "D"))[:10] + " " for day in range(DAYS)], "S11")
_TIMES = np.array([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(DAY_S)], "S8")


def as_table(events: Events, catalogue: Catalogue) -> pa.Table:
    """Return the events as typed columns; text columns are dictionaries."""
    category = _category(events, catalogue)
    named = np.where(category < len(CODES), category, -1)
    brand = catalogue.brand[events.product]
    price = np.where(events.priced, catalogue.price[events.product], 0.0)
    columns = (
        pa.array(_EPOCH + events.second.astype("m8[s]")).cast(pa.timestamp("us")),
        pa.DictionaryArray.from_arrays(pa.array(events.type), list(TYPES)),
        pa.array(catalogue.product_id[events.product]),
        pa.array(CATEGORY_IDS[category]),
        _dictionary(named, CODES),
        _dictionary(brand, BRAND_NAMES),
        pa.array(price),
        pa.array(user_id(events.user.astype(np.int64))),
        pa.DictionaryArray.from_arrays(pa.array(events.session), uuids(events.words)),
    )
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


def as_text(table: pa.Table) -> pa.Table:
    """Return the columns as the raw files write them: times with ` UTC`, prices with two decimals."""
    second = (table["event_time"].to_numpy() - _EPOCH).astype("m8[s]").astype(np.int64)
    cents = np.rint(table["price"].to_numpy() * 100).astype(np.int64)
    prices, which = np.unique(cents, return_inverse=True)
    words = pa.array([f"{price // 100}.{price % 100:02d}" for price in prices.tolist()])
    text = {
        name: column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(text | {"event_time": _times(second), "price": words.take(pa.array(which))})


def uuids(words: Words) -> pa.Array:
    """Return a random-looking UUID (version 4) for each word; different words give different UUIDs."""
    low = mix(words ^ np.uint64(0xA5A5A5A5A5A5A5A5))
    raw = np.stack([words, low], axis=1).astype(">u8").view(np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = _HEX[raw].view(np.uint8)
    text = np.full((len(words), 36), ord("-"), np.uint8)
    at = 0
    for first, last in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)):
        text[:, at : at + last - first] = digits[:, first:last]
        at += last - first + 1
    return _fixed_width(text)


def _category(events: Events, catalogue: Catalogue) -> npt.NDArray[np.int16]:
    category = catalogue.category[events.product]
    refiled = (category == PHONES_CODE) & (events.second >= REFILED_FROM_S) & (events.product % 10 > 0)
    return np.where(refiled, np.int16(REFILED_CODE), category)


def _dictionary(index: npt.NDArray[np.int16], names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index, mask=index < 0), list(names))


def _times(second: Ints) -> pa.Array:
    text = np.empty((len(second), 23), np.uint8)
    text[:, :11] = _DATES.view(np.uint8).reshape(-1, 11)[second // DAY_S]
    text[:, 11:19] = _TIMES.view(np.uint8).reshape(-1, 8)[second % DAY_S]
    text[:, 19:] = np.frombuffer(b" UTC", np.uint8)
    return _fixed_width(text)


def _fixed_width(text: npt.NDArray[np.uint8]) -> pa.Array:
    n, width = text.shape
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), n, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))]
    )
