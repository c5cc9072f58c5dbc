"""The client columns that the model looks at (`contract.columns`) as a matrix, and how they are unskewed.

The averages of the shorter windows stay out: they are null for whoever bought nothing lately, and what they
say is said by the counts beside them.
"""

import numpy as np
import pyarrow as pa

from contract.columns import INPUTS

INPUT_NAMES = tuple(column.name for column in INPUTS)

ASKED = np.array([i for i, column in enumerate(INPUTS) if column.is_asked])
"""The inputs that the decision tree may ask about: "last purchase 158 days ago" says to a person what "nothing
bought in 5 months" says in another way, and a rule that mixes three windows is no rule that anyone keeps in mind."""


def matrix(clients: pa.Table) -> np.ndarray:
    """Return the model's columns of a client table as floats, shape (clients, inputs)."""
    return np.column_stack([clients[name].to_numpy().astype(np.float64) for name in INPUT_NAMES])


def unskew(X: np.ndarray) -> np.ndarray:
    """Take logarithms of counts and money, whose differences are ratios; days stay days."""
    logarithmic = np.array([column.kind in {"count", "money"} for column in INPUTS])
    return np.where(logarithmic, np.log1p(X), X)
