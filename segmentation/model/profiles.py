"""What the typical client of a group is like: medians and quartiles, what it prefers, when it is active."""

from typing import Any

import numpy as np
import pyarrow as pa

from contract.calendar import DAY_TIMES, LONGEST_WINDOW, WEEKDAYS
from contract.columns import COLUMNS, FAVOURITES, TYPICAL
from segmentation.tools.parts import StoredTable

MOST_NAMED = 3
"""Brands and categories that are named of a group."""


def profile(clients: pa.Table | StoredTable) -> dict[str, Any]:
    """Return the profile of all clients, of which there is one at least."""
    return profiles(clients, np.zeros(clients.num_rows, dtype=np.uint8), 1)[0]


def profiles(clients: pa.Table | StoredTable, group: np.ndarray, groups: int) -> list[dict[str, Any]]:
    """Return the profile of each group; `group` has a client's own, from 0 up.

    That of an empty one has no medians. Only one column is in memory at a time.
    """
    quartiles = {column.name: _quartiles(clients[column.name], group, groups) for column in TYPICAL}
    ranked = {column.name: _ranked(clients[column.name], group, groups) for column in FAVOURITES}
    return [
        _told({name: of[g] for name, of in quartiles.items()}, {name: of[g] for name, of in ranked.items()})
        for g in range(groups)
    ]


def recorded(clients: pa.Table | StoredTable) -> dict[str, bool]:
    """Return which kinds of events the shop tells of, beside purchases: none of any client is taken for not told."""
    counted = {column.event: column.name for column in COLUMNS if column.event and column.months == LONGEST_WINDOW}
    return {event: bool(clients[name].to_numpy().any()) for event, name in counted.items()}


def _told(quartiles: dict[str, list[float]], ranked: dict[str, dict[str, float]]) -> dict[str, Any]:
    known = {name: of for name, of in quartiles.items() if of}
    return {
        **{f"median_{name}": median for name, (_, median, _) in known.items()},
        **{f"quartiles_{name}": [low, high] for name, (low, _, high) in known.items()},
        **{f"top_{name}": next(iter(shares), None) for name, shares in ranked.items()},
        "brands": _named(ranked["preferred_brand"]),
        "categories": _named(ranked["preferred_category"]),
        "active_times": {time: ranked["most_active_time"].get(time, 0.0) for time in DAY_TIMES},
        "active_days": {day: ranked["most_active_day"].get(day, 0.0) for day in WEEKDAYS},
    }


def _quartiles(column: pa.ChunkedArray, group: np.ndarray, groups: int) -> list[list[float]]:
    values = column.to_numpy()
    own = (values[group == g] for g in range(groups))
    return [np.quantile(of, (0.25, 0.5, 0.75)).tolist() if len(of) else [] for of in own]


def _ranked(column: pa.ChunkedArray, group: np.ndarray, groups: int) -> list[dict[str, float]]:
    """Return each group's share of each value known, the most frequent first, equals in alphabetical order."""
    encoded = column.dictionary_encode().combine_chunks()
    values = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(values)).to_numpy()  # who has none is counted behind the others
    counts = (np.bincount(codes[group == g], minlength=len(values) + 1)[:-1] for g in range(groups))
    return [_shares(dict(zip(values, own.tolist(), strict=True))) for own in counts]


def _shares(counts: dict[str, int]) -> dict[str, float]:
    known = sum(counts.values())
    ordered = sorted((value for value in counts if counts[value]), key=lambda value: (-counts[value], value))
    return {value: counts[value] / known for value in ordered}


def _named(shares: dict[str, float]) -> list[dict[str, Any]]:
    return [{"name": name, "share": share} for name, share in list(shares.items())[:MOST_NAMED]]
