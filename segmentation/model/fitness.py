"""Whether a model still fits the clients of today: a stated, measured rule."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from segmentation.model.inputs import INPUT_NAMES

MOST_DRIFT = 0.5
"""Mean population stability index of the inputs. Credit scoring calls 0.25 of a single one a major shift (N. Siddiqi,
Credit Risk Scorecards, Wiley, 2006); on real shops the mean was 0.02 within five months."""
MOST_OUTSIDE = 0.3
"""Share of clients beyond the least or the most that the model has seen of any input; 0.03 on real shops."""
MOST_LOST = 0.3
"""By how much the share of clients whose cluster and tree agree may fall."""
_DECILES = np.arange(1, 10) / 10
_SMOOTH = 0.5
"""Clients added to each bin, so that an empty one is no infinite drift."""


def seen(X: np.ndarray) -> dict[str, Any]:
    """Return what a model has seen of each input: its ends, its deciles, and the share of clients up to each."""
    return {name: _seen(values) for name, values in zip(INPUT_NAMES, X.T, strict=True)}


def _seen(values: np.ndarray) -> dict[str, Any]:
    cuts = np.unique(np.quantile(values, _DECILES, method="inverted_cdf"))
    return {
        "ends": [float(values.min()), float(values.max())],
        "cuts": cuts.tolist(),
        "shares": _shares(values, cuts).tolist(),
    }


def _shares(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    counts = np.bincount(np.searchsorted(cuts, values), minlength=len(cuts) + 1) + _SMOOTH
    return np.asarray(counts / counts.sum())


def drift(known: Mapping[str, Any], X: np.ndarray) -> dict[str, float]:
    """Return the population stability index of each input, of clients of raw inputs against those seen."""
    found = {}
    for name, values in zip(INPUT_NAMES, X.T, strict=True):
        then, now = np.array(known[name]["shares"]), _shares(values, np.array(known[name]["cuts"]))
        found[name] = float(((now - then) * np.log(now / then)).sum())
    return found


def outside(known: Mapping[str, Any], X: np.ndarray) -> float:
    """Return the share of clients beyond what was seen of any input."""
    low, high = np.array([known[name]["ends"] for name in INPUT_NAMES]).T
    return float(((low > X) | (high < X)).any(axis=1).mean())


def fitness(metrics: Mapping[str, Any], X: np.ndarray, agreement: float) -> dict[str, Any]:
    """Return how a model fits clients of raw inputs, `agreement` of whom get the persona of their cluster.

    `metrics` are those of its fit. `misfit` is the sentence that tells why it no longer does, None while it does.
    What an older version has not noted of a model is not asked.
    """
    lost = metrics["agreement_of_fit"] - agreement if "agreement_of_fit" in metrics else 0.0
    found: dict[str, Any] = {"agreement_lost": lost, "misfit": None}
    if "seen" in metrics:
        by_input = drift(metrics["seen"], X)
        found |= {"drift": by_input, "mean_drift": float(np.mean(list(by_input.values())))}
        found |= {"outside": outside(metrics["seen"], X)}
    if found.get("mean_drift", 0.0) > MOST_DRIFT:
        found["misfit"] = f"clients have changed since (mean drift {found['mean_drift']:.2f}, at most {MOST_DRIFT})"
    elif found.get("outside", 0.0) > MOST_OUTSIDE:
        found["misfit"] = (
            f"{found['outside']:.0%} of the clients are beyond what it has seen (at most {MOST_OUTSIDE:.0%})"
        )
    elif lost > MOST_LOST:
        found["misfit"] = f"clusters and rules agree on {lost:.0%} of the clients fewer (at most {MOST_LOST:.0%})"
    return found
