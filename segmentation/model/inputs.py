"""Which client columns the model looks at, on which axis of behaviour each lies, and how it is unskewed.

The averages of the shorter windows stay out: they are null for whoever bought nothing lately, and what they
say is said by the counts beside them.
"""

import numpy as np
import pyarrow as pa

from segmentation.features.columns import COLUMN, WINDOW_MONTHS, Column

AXIS_OF = {
    "days_since_last_purchase": "recency",
    **{f"count_products_{m}m": "frequency" for m in WINDOW_MONTHS},
    "avg_price_7m": "monetary",
    "total_purchase_value": "monetary",
    **{f"{name}_{m}m": "activity" for name in ("number_of_views", "number_of_carts") for m in WINDOW_MONTHS},
    **{f"number_of_sessions_{m}m": "activity" for m in WINDOW_MONTHS},
    "cart_abandonments": "activity",
}
INPUTS: tuple[Column, ...] = tuple(COLUMN[name] for name in AXIS_OF)
INPUT_NAMES = tuple(AXIS_OF)

ASKED = np.array([i for i, name in enumerate(INPUT_NAMES) if not name.endswith(("_2m", "_5m"))])
"""The inputs that the decision tree may ask about: "last purchase 158 days ago" says to a person what "nothing
bought in 5 months" says in another way, and a rule that mixes three windows is no rule that anyone keeps in mind."""


def matrix(clients: pa.Table) -> np.ndarray:
    """Return the model's columns of a client table as floats, shape (clients, inputs)."""
    return np.column_stack([clients[name].to_numpy().astype(np.float64) for name in INPUT_NAMES])


def unskew(X: np.ndarray) -> np.ndarray:
    """Take logarithms of counts and money, whose differences are ratios; days stay days."""
    logarithmic = np.array([column.kind in {"count", "money"} for column in INPUTS])
    return np.where(logarithmic, np.log1p(X), X)
