"""Text rows to typed events, in one pass of SQL; rows that cannot be events get the reason instead.

The rules stand in docs/events.md.
"""

import duckdb
import pyarrow as pa

from segmentation.ingest import events, reasons

TIME = r"\d{4}-\d\d-\d\d[ T]([01]\d|2[0-3]):\d\d(:\d\d(\.\d+)?)?( ?(UTC|Z|[+-]\d\d(:?\d\d)?))?"
"""The store's own form and ISO 8601; the engine's cast alone would also take `epoch`, `infinity` and 24:00."""

# A cast alone would read '5.5' as 6 and '1_000' as 1000, so that the text must be an integer's own;
# comparing with the number written back spares most rows the regular expression.
MACROS = r"""
CREATE TEMP MACRO whole_number(text) AS CASE
    WHEN CAST(TRY_CAST(text AS BIGINT) AS VARCHAR) = text OR regexp_full_match(trim(text), '[+-]?\d+')
    THEN TRY_CAST(text AS BIGINT) END;
CREATE TEMP MACRO offset_minutes(zone) AS
    (60 * CAST(left(zone, 2) AS INTEGER) + CAST(coalesce(nullif(right(zone, -2), ''), '0') AS INTEGER));
CREATE TEMP MACRO instant(text) AS CASE
    WHEN NOT regexp_full_match(text, '{time}') THEN NULL
    WHEN suffix(text, ' UTC') THEN TRY_CAST(left(text, -4) AS TIMESTAMP)
    WHEN regexp_matches(text, '[+-]\d\d(:?\d\d)?$') AND length(text) > 16 THEN
        TRY_CAST(regexp_replace(text, ' ?[+-]\d\d(:?\d\d)?$', '') AS TIMESTAMP)
        - to_minutes(offset_minutes(replace(regexp_extract(text, '[+-](\d\d(:?\d\d)?)$', 1), ':', '')))
          * CASE WHEN regexp_matches(text, '-\d\d(:?\d\d)?$') THEN -1 ELSE 1 END
    ELSE TRY_CAST(regexp_replace(text, ' ?(UTC|Z)$', '') AS TIMESTAMP) END;
CREATE TEMP MACRO known(text) AS CASE WHEN text <> '' AND lower(text) NOT IN ({null_words}) THEN text END;
CREATE TEMP MACRO tidy(text) AS known(lower(trim(text, E' \t\r\n')));
CREATE TEMP MACRO below_zero(text) AS prefix(ltrim(text), '-') AND coalesce(TRY_CAST(text AS DOUBLE) < 0, false);
""".replace("{time}", TIME).replace("{null_words}", ", ".join(f"'{word}'" for word in events.NULL_WORDS))

CLEAN = """
WITH typed AS (
    SELECT
        line,
        instant(event_time) AS event_time,
        event_type,
        whole_number(product_id) AS product_id,
        whole_number(category_id) AS category_id,
        tidy(category_code) AS category_code,
        tidy(brand) AS brand,
        TRY_CAST(price AS DECIMAL(18, 4)) AS price,
        whole_number(user_id) AS user_id,
        known(trim(user_session)) AS user_session,
        CASE
            WHEN concat(raw.event_time, raw.event_type, raw.product_id, raw.category_id, raw.category_code,
                        raw.brand, raw.price, raw.user_id, raw.user_session) = '' THEN '{WRONG_FIELDS}'
            WHEN below_zero(raw.price) THEN '{BELOW_ZERO}'
        END AS fault
    FROM raw
)
SELECT
    * EXCLUDE (fault),
    CASE
        WHEN fault = '{WRONG_FIELDS}' THEN fault
        WHEN event_time IS NULL OR year(event_time) NOT BETWEEN 1 AND 9999 THEN '{NO_TIME}'
        WHEN event_type IS NULL OR event_type NOT IN ({event_types}) THEN '{NO_TYPE}'
        WHEN user_id IS NULL THEN '{NO_USER}'
        WHEN product_id IS NULL THEN '{NO_PRODUCT}'
        WHEN fault IS NOT NULL THEN fault
        WHEN price IS NULL THEN '{NO_PRICE}'
    END AS reason
FROM typed
""".format(**vars(reasons), event_types=", ".join(f"'{name}'" for name in events.EVENT_TYPES))


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the connection the macros that `clean` uses."""
    connection.execute(MACROS)


def clean(connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch) -> pa.Table:
    """Return the batch's rows typed as `events.SCHEMA`, with `line` and `reason` (null: an event)."""
    connection.register("raw", pa.Table.from_batches([batch]))
    try:
        return connection.sql(CLEAN).to_arrow_table()
    finally:
        connection.unregister("raw")
