"""The client table in Polars, lazy and on its streaming engine, as fast as we could write them."""

from datetime import date
from pathlib import Path

import polars as pl

from contract.calendar import DAY_TIMES, WEEKDAYS, WINDOW_MONTHS
from contract.columns import NAMES
from segmentation.features.calendar import windows

BITS = 21


def write_clients(events: Path, as_of: date, out: Path) -> None:
    """Write the client table of an ingested folder."""
    span = windows(as_of)
    recent = {months: pl.col("event_time") >= span.starts[months] for months in WINDOW_MONTHS}
    inside = pl.scan_parquet(events / "events" / "*" / "*.parquet", hive_partitioning=False).filter(
        pl.col("event_time").is_between(span.start, span.end, closed="left")
    )
    bought = inside.filter(pl.col("event_type") == "purchase").select(
        "user_id", "event_time", "price", "brand", "category_code"
    )
    buyers = bought.select("user_id").unique()
    kept = (
        inside.select("user_id", "event_time", "event_type", "user_session")
        .join(buyers, on="user_id", how="semi")
        .select(
            "user_id",
            "event_time",
            pl.col("user_session").hash(),
            viewed=pl.col("event_type") == "view",
            carted=pl.col("event_type") == "cart",
            hour=pl.col("event_time").dt.hour(),
            weekday=pl.col("event_time").dt.weekday(),
        )
    )
    table = purchases(bought, recent, as_of)
    parts = [activity(kept, recent), sessions(kept, recent)]
    parts += [preferred(bought, "brand", "preferred_brand"), preferred(bought, "category_code", "preferred_category")]
    for part in parts:
        table = table.join(part, on="user_id", how="left")
    carts_left = pl.col("number_of_carts_7m") - pl.col("count_products_7m")
    table = table.with_columns(
        pl.col("^number_of_sessions_.*$").fill_null(0), cart_abandonments=pl.max_horizontal(carts_left, 0)
    )
    table.select(NAMES).sort("user_id").sink_parquet(out, compression="zstd", engine="streaming")


def purchases(bought: pl.LazyFrame, recent: dict[int, pl.Expr], as_of: date) -> pl.LazyFrame:
    summed = bought.group_by("user_id").agg(
        *(_count(since, f"count_products_{months}m") for months, since in recent.items()),
        *(pl.col("price").filter(since).sum().alias(f"value_{months}m") for months, since in recent.items()),
        last_purchase=pl.col("event_time").max(),
    )
    return summed.with_columns(
        *(
            pl.when(pl.col(f"count_products_{n}m") > 0)
            .then(pl.col(f"value_{n}m").cast(pl.Float64) / pl.col(f"count_products_{n}m"))
            .alias(f"avg_price_{n}m")
            for n in recent
        ),
        total_purchase_value=pl.col("value_7m").cast(pl.Float64),
        days_since_last_purchase=(pl.lit(as_of) - pl.col("last_purchase").dt.date()).dt.total_days().cast(pl.Int32),
    )


def activity(kept: pl.LazyFrame, recent: dict[int, pl.Expr]) -> pl.LazyFrame:
    """Count with three counters of 21 bits in an integer, as features_yardstick.sql does: a tenth less work."""
    hour, weekday = pl.col("hour"), pl.col("weekday")
    packed = kept.select(
        "user_id",
        views=_pack(*(pl.col("viewed") & since for since in recent.values())),
        carts=_pack(*(pl.col("carted") & since for since in recent.values())),
        hours=_pack(hour.is_between(5, 11), hour.is_between(12, 17), hour >= 18),
        first_days=_pack(*(weekday == i for i in (1, 2, 3))),
        next_days=_pack(*(weekday == i for i in (4, 5, 6))),
    )
    summed = packed.group_by("user_id").agg(pl.all().sum(), events=pl.len().cast(pl.Int64))
    counted = summed.with_columns(
        **_nested("views", "number_of_views"),
        **_nested("carts", "number_of_carts"),
        **dict(zip(DAY_TIMES[:3], _unpack("hours"), strict=True)),
        **dict(zip(WEEKDAYS[:6], (*_unpack("first_days"), *_unpack("next_days")), strict=True)),
    ).with_columns(
        **{DAY_TIMES[3]: pl.col("events") - pl.sum_horizontal(DAY_TIMES[:3])},
        **{WEEKDAYS[6]: pl.col("events") - pl.sum_horizontal(WEEKDAYS[:6])},
    )
    return counted.with_columns(most_active_time=_most(DAY_TIMES), most_active_day=_most(WEEKDAYS))


def sessions(kept: pl.LazyFrame, recent: dict[int, pl.Expr]) -> pl.LazyFrame:
    each = kept.filter(pl.col("user_session").is_not_null()).group_by("user_id", "user_session")
    return (
        each.agg(pl.col("event_time").max())
        .group_by("user_id")
        .agg(*(_count(since, f"number_of_sessions_{months}m") for months, since in recent.items()))
    )


def preferred(bought: pl.LazyFrame, column: str, name: str) -> pl.LazyFrame:
    """Return the most purchased value; of several, the first in alphabetical order."""
    counted = bought.filter(pl.col(column).is_not_null()).group_by("user_id", column).len()
    return (
        counted.sort(["len", column], descending=[True, False])
        .group_by("user_id")
        .agg(pl.col(column).first().alias(name))
    )


def _count(where: pl.Expr, name: str) -> pl.Expr:
    return where.sum().cast(pl.Int64).alias(name)


def _pack(low: pl.Expr, middle: pl.Expr, high: pl.Expr) -> pl.Expr:
    """Return one in the place of the first condition that holds."""
    ones = [pl.lit(1 << shift, pl.Int64) for shift in (0, BITS, 2 * BITS)]
    return pl.when(low).then(ones[0]).when(middle).then(ones[1]).when(high).then(ones[2]).otherwise(pl.lit(0, pl.Int64))


def _unpack(name: str) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    packed = pl.col(name)
    return packed % (1 << BITS), packed // (1 << BITS) % (1 << BITS), packed // (1 << 2 * BITS)


def _nested(packed: str, name: str) -> dict[str, pl.Expr]:
    """Return a counter for each window from those of 2 months, the 3 before and the 2 before those."""
    recent, before, first = _unpack(packed)
    return {f"{name}_2m": recent, f"{name}_5m": recent + before, f"{name}_7m": recent + before + first}


def _most(names: tuple[str, ...]) -> pl.Expr:
    highest = pl.max_horizontal(names)
    return pl.coalesce(pl.when(pl.col(name) == highest).then(pl.lit(name)) for name in names)
