"""Rows as the store itself writes them, typed by Arrow's strict casts; all others take the way through `clean`.

Nearly every batch is of this kind, and to type it so takes a third of the time.
"""

import pyarrow as pa
import pyarrow.compute as pc

from segmentation.ingest import events

_ZONE = " UTC"
_TIME_LENGTH = len("2019-10-01 00:00:00")
_BLANKS = " \t\r\n"
_TYPES = pa.array(events.EVENT_TYPES)
_NOTHING = pa.array(["", *events.NULL_WORDS])
_LONGEST_NULL = max(map(len, events.NULL_WORDS))


def typed(batch: pa.RecordBatch) -> pa.Table | None:
    """Return the batch of text rows as `events.SCHEMA` if each of them is an event in the usual form, else None."""
    try:
        columns = {
            "event_time": _instants(batch["event_time"]),
            "event_type": _event_types(batch["event_type"]),
            "product_id": _ids(batch["product_id"]),
            "category_id": _ids(_or_null(batch["category_id"])),
            "category_code": _tidy(batch["category_code"]),
            "brand": _tidy(batch["brand"]),
            "price": _prices(batch["price"]),
            "user_id": _ids(batch["user_id"]),
            "user_session": _known(pc.utf8_trim(batch["user_session"], " ")),
        }
    except pa.ArrowInvalid:
        return None
    return pa.table(columns, schema=events.SCHEMA)


def _instants(text: pa.Array) -> pa.Array:
    # Of a time with fractions the cut leaves more than a time.
    _demand(pc.all(pc.ends_with(text, _ZONE)))
    cut = pc.binary_replace_slice(text, _TIME_LENGTH, _TIME_LENGTH + len(_ZONE), "")
    instants = pc.cast(cut, pa.timestamp("us"))
    _demand(pc.greater_equal(pc.min(instants), pa.scalar("0001-01-01").cast(pa.timestamp("us"))))
    return instants


def _event_types(text: pa.Array) -> pa.Array:
    _demand(pc.all(pc.is_in(text, _TYPES)))
    return text


def _ids(text: pa.Array) -> pa.Array:
    # What begins with a zero could be a hexadecimal number to Arrow; what is negative is rare.
    _demand(pc.greater_equal(pc.min(text), "1"))
    return pc.cast(text, pa.int64())


def _prices(text: pa.Array) -> pa.Array:
    prices = pc.cast(text, events.PRICE)
    _demand(pc.greater_equal(pc.min(prices), pa.scalar(0, events.PRICE)))
    return prices


def _tidy(text: pa.Array) -> pa.Array:
    """Trim and lower-case each of the few words once."""
    coded = text.dictionary_encode()
    words = coded.dictionary
    _demand(pc.all(pc.string_is_ascii(words)))  # the engine and Arrow may not agree on other letters
    return _known(pc.ascii_lower(pc.ascii_trim(words, _BLANKS))).take(coded.indices)


def _known(text: pa.Array) -> pa.Array:
    """Put null where there is nothing, or a word that stands for it."""
    if pc.min(pc.binary_length(text)).as_py() > _LONGEST_NULL:  # as sessions are, of which there are many
        return text
    return pc.if_else(pc.is_in(pc.utf8_lower(text), _NOTHING), None, text)


def _or_null(text: pa.Array) -> pa.Array:
    empty = pc.equal(text, "")
    return pc.if_else(empty, None, text) if pc.any(empty).as_py() else text


def _demand(holds: pa.Scalar) -> None:
    if not holds.as_py():
        raise pa.ArrowInvalid("not in the usual form")
