"""Clients of seven kinds, as plain as can be, to fit models on."""

from typing import Any

import numpy as np
import pyarrow as pa
from snapshots import plain

from contract.calendar import DAY_TIMES, WEEKDAYS
from contract.columns import COLUMNS
from segmentation.features.columns import SCHEMA

# Seven kinds of client: days since the last purchase, items, value, views.
KINDS = [
    (5, 9, 3000, 120),
    (20, 12, 500, 60),
    (70, 2, 30, 20),
    (75, 2, 2500, 18),
    (25, 5, 700, 400),
    (140, 2, 300, 4),
    (200, 1, 900, 3),
]


def some_clients(per_kind: int, seed: int = 0) -> pa.Table:
    """Make clients of seven kinds, as a plain client table."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for days, items, value, views in KINDS:
        for _ in range(per_kind):
            age = max(0, int(rng.normal(days, 3)))
            bought, spent = 1 + rng.poisson(items - 1), value * np.exp(rng.normal(0, 0.15))
            seen = 1 + rng.poisson(views)
            own = {
                "days": age,
                "count": seen,
                "money": spent,
            }  # also of a new column: one that is constant has no weight
            row: dict[str, Any] = {column.name: own.get(column.kind, plain(column)) for column in COLUMNS}
            for months, reach in ((2, 61), (5, 152), (7, 213)):
                inside = age < reach
                row |= {
                    f"number_of_views_{months}m": seen * inside,
                    f"number_of_carts_{months}m": bought * inside,
                    f"number_of_sessions_{months}m": (1 + seen // 5) * inside,
                    f"count_products_{months}m": bought * inside,
                    f"avg_price_{months}m": spent / bought if inside else None,
                }
            row |= {
                "user_id": len(rows) + 1,
                "days_since_last_purchase": age,
                "cart_abandonments": int(rng.poisson(seen / 20)),
                "total_purchase_value": spent,
                "preferred_brand": None,
                "preferred_category": "shoes",
                "most_active_time": DAY_TIMES[0],
                "most_active_day": WEEKDAYS[0],
            }
            rows.append(row)
    return pa.table({name: [row[name] for row in rows] for name in SCHEMA.names}).cast(SCHEMA)
