"""Text rows to typed events, in one pass of SQL; rows that cannot be events get the reason instead.

The rules stand in docs/events.md.
"""

import duckdb
import pyarrow as pa

from segmentation.ingest import events, reasons

TIME = r"\d{4}-\d\d-\d\d[ T]([01]\d|2[0-3]):\d\d(:\d\d([.,]\d+)?)?( ?(UTC|GMT|Z|[+-]\d\d(:?\d\d)?))?"
"""The store's own form and ISO 8601; the engine's cast alone would also take `epoch`, `infinity` and 24:00."""

UNDERSTOOD = {
    1: "ids written with .0 are read as whole numbers",
    2: "event_time is read as seconds since 1970",
    4: "event_time is read as milliseconds since 1970",
    8: "event_time is read as microseconds since 1970",
    16: "event_time is read as nanoseconds since 1970",
    32: "dates with slashes are read as year, month and day",
    64: "GMT is read as UTC",
    128: "the case of event_type is ignored",
    256: "commas in prices that have a point, too, are read as thousands",
}
"""What may be assumed of a row's text: a bit each."""

# A cast alone would read '5.5' as 6 and '1_000' as 1000, so that the text must be an integer's own;
# comparing with the number written back spares most rows the regular expression. What floating point holds to the
# letter is whole with .0, too.
MACROS = r"""
CREATE TEMP MACRO exactly_whole(text) AS CASE
    WHEN regexp_full_match(text, '[+-]?\d{1,16}\.0+')
    AND abs(TRY_CAST(split_part(text, '.', 1) AS BIGINT)) < 9007199254740992
    THEN TRY_CAST(split_part(text, '.', 1) AS BIGINT) END;
CREATE TEMP MACRO whole_number(text) AS CASE
    WHEN CAST(TRY_CAST(text AS BIGINT) AS VARCHAR) = text OR regexp_full_match(trim(text), '[+-]?\d+')
    THEN TRY_CAST(text AS BIGINT) ELSE exactly_whole(trim(text)) END;
CREATE TEMP MACRO offset_minutes(zone) AS
    (60 * CAST(left(zone, 2) AS INTEGER) + CAST(coalesce(nullif(right(zone, -2), ''), '0') AS INTEGER));
CREATE TEMP MACRO iso_instant(text) AS CASE
    WHEN NOT regexp_full_match(text, '{time}') THEN NULL
    WHEN suffix(text, ' UTC') THEN TRY_CAST(replace(left(text, -4), ',', '.') AS TIMESTAMP)
    WHEN regexp_matches(text, '[+-]\d\d(:?\d\d)?$') AND length(text) > 16 THEN
        TRY_CAST(replace(regexp_replace(text, ' ?[+-]\d\d(:?\d\d)?$', ''), ',', '.') AS TIMESTAMP)
        - to_minutes(offset_minutes(replace(regexp_extract(text, '[+-](\d\d(:?\d\d)?)$', 1), ':', '')))
          * CASE WHEN regexp_matches(text, '-\d\d(:?\d\d)?$') THEN -1 ELSE 1 END
    ELSE TRY_CAST(replace(regexp_replace(text, ' ?(UTC|GMT|Z)$', ''), ',', '.') AS TIMESTAMP) END;
CREATE TEMP MACRO unit_of(text) AS CASE
    WHEN regexp_full_match(text, '\d{9,10}(\.\d{1,9})?') THEN 2
    WHEN regexp_full_match(text, '\d{12,13}(\.0+)?') THEN 4
    WHEN regexp_full_match(text, '\d{15,16}(\.0+)?') THEN 8
    WHEN regexp_full_match(text, '\d{18,19}') THEN 16 ELSE 0 END;
CREATE TEMP MACRO since_1970(text) AS CASE unit_of(text)
    WHEN 2 THEN make_timestamp(CAST(CAST(text AS DECIMAL(20, 9)) * 1000000 AS BIGINT))
    WHEN 4 THEN make_timestamp(CAST(split_part(text, '.', 1) AS BIGINT) * 1000)
    WHEN 8 THEN make_timestamp(CAST(split_part(text, '.', 1) AS BIGINT))
    WHEN 16 THEN make_timestamp(TRY_CAST(text AS BIGINT) // 1000) END;
CREATE TEMP MACRO with_dashes(text) AS regexp_replace(text, '^(\d{4})/(\d\d)/(\d\d)([ T])', '\1-\2-\3\4');
CREATE TEMP MACRO instant(text) AS
    coalesce(iso_instant(text), iso_instant(upper(with_dashes(trim(text)))), since_1970(trim(text)));
CREATE TEMP MACRO amount(text) AS coalesce(
    TRY_CAST(text AS DECIMAL(18, 4)),
    CASE WHEN regexp_full_match(trim(text), '[+-]?\d{1,3}(,\d{3})+(\.\d+|,\d{3})')
    THEN TRY_CAST(replace(text, ',', '') AS DECIMAL(18, 4)) END);
CREATE TEMP MACRO known(text) AS CASE WHEN text <> '' AND lower(text) NOT IN ({null_words}) THEN text END;
CREATE TEMP MACRO tidy(text) AS known(lower(trim(text, E' \t\r\n')));
CREATE TEMP MACRO below_zero(text) AS
    prefix(ltrim(text), '-') AND coalesce(TRY_CAST(text AS DOUBLE) < 0, amount(text) < 0, false);
CREATE TEMP MACRO understood(raw) AS
    CASE WHEN raw.user_id LIKE '%.%' OR raw.product_id LIKE '%.%' OR raw.category_id LIKE '%.%' THEN 1 ELSE 0 END
    | CASE WHEN raw.event_time NOT LIKE '%:%' THEN unit_of(trim(raw.event_time)) ELSE 0 END
    | CASE WHEN contains(raw.event_time, '/') THEN 32 ELSE 0 END
    | CASE WHEN suffix(upper(raw.event_time), 'GMT') THEN 64 ELSE 0 END
    | CASE WHEN raw.event_type <> lower(raw.event_type) THEN 128 ELSE 0 END
    | CASE WHEN contains(raw.price, ',') THEN 256 ELSE 0 END;
""".replace("{time}", TIME).replace("{null_words}", ", ".join(f"'{word}'" for word in events.NULL_WORDS))

CLEAN = """
WITH typed AS (
    SELECT
        line,
        instant(event_time) AS event_time,
        lower(trim(event_type)) AS event_type,
        whole_number(product_id) AS product_id,
        whole_number(category_id) AS category_id,
        tidy(category_code) AS category_code,
        tidy(brand) AS brand,
        amount(price) AS price,
        whole_number(user_id) AS user_id,
        known(trim(user_session)) AS user_session,
        CASE
            WHEN concat(raw.event_time, raw.event_type, raw.product_id, raw.category_id, raw.category_code,
                        raw.brand, raw.price, raw.user_id, raw.user_session) = '' THEN '{WRONG_FIELDS}'
            WHEN below_zero(raw.price) THEN '{BELOW_ZERO}'
        END AS fault,
        understood(raw) AS understood
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
    """Return the batch's rows typed as `events.SCHEMA`, with `line`, `reason` (null: an event) and `understood`."""
    connection.register("raw", pa.Table.from_batches([batch]))
    try:
        return connection.sql(CLEAN).to_arrow_table()
    finally:
        connection.unregister("raw")
