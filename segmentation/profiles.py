"""What the typical client of a group is like: medians and quartiles, what it prefers, when it is active."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segmentation.columns import DAY_TIMES, WEEKDAYS

TYPICAL = (
    "days_since_last_purchase",
    "count_products_7m",
    "total_purchase_value",
    "avg_price_7m",
    "number_of_sessions_7m",
    "number_of_views_7m",
    "number_of_carts_7m",
)
FAVOURITES = ("preferred_brand", "preferred_category", "most_active_time", "most_active_day")
MOST_NAMED = 3
"""Brands and categories that are named of a group."""


def profile(clients: pa.Table) -> dict[str, Any]:
    """Return the profile of a group of clients, of which there is one at least."""
    quartiles = {name: np.quantile(clients[name].to_numpy(), (0.25, 0.5, 0.75)).tolist() for name in TYPICAL}
    ranked = {name: _ranked(clients[name]) for name in FAVOURITES}
    return {
        **{f"median_{name}": median for name, (_, median, _) in quartiles.items()},
        **{f"quartiles_{name}": [low, high] for name, (low, _, high) in quartiles.items()},
        **{f"top_{name}": next(iter(shares), None) for name, shares in ranked.items()},
        "brands": _named(ranked["preferred_brand"]),
        "categories": _named(ranked["preferred_category"]),
        "active_times": {time: ranked["most_active_time"].get(time, 0.0) for time in DAY_TIMES},
        "active_days": {day: ranked["most_active_day"].get(day, 0.0) for day in WEEKDAYS},
    }


def _ranked(values: pa.ChunkedArray) -> dict[str, float]:
    """Return the share of each value among those known, the most frequent first, equals in alphabetical order."""
    known = values.drop_null()
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(known).to_pylist()}
    return {value: counts[value] / len(known) for value in sorted(counts, key=lambda value: (-counts[value], value))}


def _named(shares: dict[str, float]) -> list[dict[str, Any]]:
    return [{"name": name, "share": share} for name, share in list(shares.items())[:MOST_NAMED]]
