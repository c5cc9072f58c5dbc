"""The event schema: what a raw row holds, and what a cleaned event is."""

import pyarrow as pa

EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase")

PRICE = pa.decimal128(18, 4)
"""Four decimals hold any currency's smallest coin; eighteen digits still fit a 64-bit sum's input."""

SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("us")),
        ("event_type", pa.string()),
        ("product_id", pa.int64()),
        ("category_id", pa.int64()),
        ("category_code", pa.string()),
        ("brand", pa.string()),
        ("price", PRICE),
        ("user_id", pa.int64()),
        ("user_session", pa.string()),
    ]
)
"""A cleaned event; times are UTC, the price is per item in the shop's currency."""

NULL_WORDS = ("null", "(null)", "nan", "none", "na", "n/a", "#n/a", "<na>", "nat", "undefined", "\\n")
"""What databases, spreadsheets and data frames write where there is nothing, in small letters."""

COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)
