"""The distribution of each column of a client table, as a statistician would look at it before anything is learnt."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import kurtosis, skew

from segmentation.features.columns import SCHEMA
from segmentation.tools.parts import StoredTable

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_DIGITS = 6
"""Significant ones that are kept: more would differ from machine to machine."""


def statistics(clients: Path) -> dict[str, dict[str, Any]]:
    """Return, by column of a client table (a file or a folder of them): `count` of values and `nulls`.

    Of numbers also mean, standard deviation (of the population), skewness, excess kurtosis and `QUANTILES`, to six
    digits; of all others how many values are `distinct`. Ids are left out.
    """
    table = StoredTable(clients, SCHEMA, "features")
    return {field.name: _of(table[field.name]) for field in SCHEMA if field.name != "user_id"}


def _of(column: pa.ChunkedArray) -> dict[str, Any]:
    told: dict[str, Any] = {"count": len(column) - column.null_count, "nulls": column.null_count}
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return told | {"distinct": len(pc.unique(column.drop_null().unify_dictionaries()))}
    values = column.drop_null().to_numpy().astype(np.float64)
    if not len(values):
        return told
    is_constant = values.min() == values.max()
    figures = {
        "mean": values.mean(),
        "sd": values.std(),
        "skewness": 0.0 if is_constant else skew(values),
        "kurtosis": 0.0 if is_constant else kurtosis(values),
    }
    quantiles = np.quantile(values, QUANTILES, method="inverted_cdf")
    return told | {
        **{name: _rounded(figure) for name, figure in figures.items()},
        "quantiles": {f"{share:g}": _rounded(value) for share, value in zip(QUANTILES, quantiles, strict=True)},
    }


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
