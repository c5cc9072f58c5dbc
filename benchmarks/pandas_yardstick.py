"""The client table in pandas, as somebody who knows it well would write them: the reader prunes and filters."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds

from contract.calendar import DAY_TIMES, WEEKDAYS, WINDOW_MONTHS
from contract.columns import NAMES
from segmentation.features.calendar import Windows, windows
from segmentation.features.columns import SCHEMA


def write_clients(events: Path, as_of: date, out: Path) -> None:
    """Write the client table of an ingested folder."""
    span = windows(as_of)
    bought, kept = read(events, span)
    table = pd.concat([purchases(bought, span, as_of), activity(kept, span), sessions(kept, span)], axis=1)
    table["preferred_brand"] = preferred(bought, "brand")
    table["preferred_category"] = preferred(bought, "category_code")
    of_sessions = [f"number_of_sessions_{months}m" for months in WINDOW_MONTHS]
    table[of_sessions] = table[of_sessions].fillna(0)
    table["cart_abandonments"] = (table["number_of_carts_7m"] - table["count_products_7m"]).clip(lower=0)
    table = table.sort_index().reset_index()[list(NAMES)]
    table.astype({"days_since_last_purchase": "int32"}).to_parquet(out, compression="zstd", index=False, schema=SCHEMA)


def read(events: Path, span: Windows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the purchases, and all that their buyers did."""
    files = ds.dataset(events / "events", format="parquet")
    inside = (ds.field("event_time") >= span.start) & (ds.field("event_time") < span.end)
    columns = {name: ds.field(name) for name in ("user_id", "event_time", "brand", "category_code")}
    columns["price"] = ds.field("price").cast("float64")
    bought = files.to_table(columns, filter=inside & (ds.field("event_type") == "purchase")).to_pandas()
    buyers = ds.field("user_id").isin(bought["user_id"].unique())
    columns = {name: ds.field(name) for name in ("user_id", "event_time", "event_type", "user_session")}
    kept = files.to_table(columns, filter=inside & buyers).to_pandas(self_destruct=True, split_blocks=True)
    return bought, kept


def purchases(bought: pd.DataFrame, span: Windows, as_of: date) -> pd.DataFrame:
    table = {}
    for months in WINDOW_MONTHS:
        price = bought[bought["event_time"] >= span.starts[months]].groupby("user_id")["price"]
        table[f"count_products_{months}m"] = price.size()
        table[f"avg_price_{months}m"] = price.mean()
    table["total_purchase_value"] = bought.groupby("user_id")["price"].sum()
    table["last_purchase"] = last = bought.groupby("user_id")["event_time"].max()
    table["days_since_last_purchase"] = (pd.Timestamp(as_of) - last.dt.normalize()).dt.days
    counts = {f"count_products_{months}m": "int64" for months in WINDOW_MONTHS}
    return pd.DataFrame(table).fillna(dict.fromkeys(counts, 0)).astype(counts)


def activity(kept: pd.DataFrame, span: Windows) -> pd.DataFrame:
    user, time = kept["user_id"], kept["event_time"]
    hour, weekday = time.dt.hour, time.dt.day_of_week
    part = (hour.between(5, 11), hour.between(12, 17), hour >= 18, hour < 5)
    flags = {
        f"{name}_{months}m": (kept["event_type"] == kind) & (time >= span.starts[months])
        for kind, name in {"view": "number_of_views", "cart": "number_of_carts"}.items()
        for months in WINDOW_MONTHS
    }
    flags |= dict(zip(DAY_TIMES, part, strict=True)) | {name: weekday == i for i, name in enumerate(WEEKDAYS)}
    counted = pd.DataFrame(flags).groupby(user).sum()
    counted["most_active_time"] = _most(counted, DAY_TIMES)
    counted["most_active_day"] = _most(counted, WEEKDAYS)
    return counted.drop(columns=[*DAY_TIMES, *WEEKDAYS])


def sessions(kept: pd.DataFrame, span: Windows) -> pd.DataFrame:
    ends = kept.groupby(["user_id", "user_session"], sort=False)["event_time"].max()
    user = ends.index.get_level_values("user_id")
    return pd.DataFrame(
        {f"number_of_sessions_{months}m": (ends >= span.starts[months]).groupby(user).sum() for months in WINDOW_MONTHS}
    )


def preferred(bought: pd.DataFrame, column: str) -> pd.Series:
    """Return the most purchased value; of several, the first in alphabetical order."""
    counted = bought.groupby(["user_id", column]).size().rename("items").reset_index()
    ranked = counted.sort_values(["user_id", "items", column], ascending=[True, False, True])
    return ranked.drop_duplicates("user_id").set_index("user_id")[column]


def _most(counted: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Return the name of the column with the highest count, the first of several."""
    return counted[list(names)].idxmax(axis=1)
