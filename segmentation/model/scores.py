"""The space of scores: how lately, for how much and how actively clients bought, each in a few steps.

Where clients fall into no groups of themselves, the borders of groups found among measures are an accident of the
sample. Steps of three scores hold from sample to sample, as in RFM analysis; the archetypes tell what they mean.
"""

from dataclasses import dataclass

import numpy as np

from contract.columns import Axis
from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.space import principal

SCORED = ("days_since_last_purchase", "total_purchase_value", "number_of_sessions_7m")
SCORED_AXES: tuple[Axis, ...] = ("recency", "monetary", "activity")
"""What the scores rest on, and the axis of each."""
_PLACES = [INPUT_NAMES.index(name) for name in SCORED]

RECENCY_SHARES = (0.15, 0.3, 0.5, 0.75)
"""Of the days that the clients' last purchases span: in seven months about one, two, three and a half, and five months.

Days mean the same in every shop and every month, so that they are cut at set shares and not at quantiles."""
MONETARY_QUANTILES = (0.25, 0.5, 0.75)
ACTIVITY_QUANTILES = (1 / 3, 2 / 3)
"""Thirds rather than quarters: visits are few whole numbers, and a border between two of them moves many clients."""
RECENCY_SLACK, SHARE_SLACK = 0.1, 0.05
"""By how much, of the days and of all clients, a shop may differ and a model's steps still serve it."""


@dataclass(frozen=True)
class Scores:
    """A fitted projection, as `Space` is one.

    `cuts` has for each scored input the highest value of each step but the last, ascending; `steps` the score of
    each step, from 0 to 1. `components`, of shape (3, 3), turn the scores about their `mean`; `explained` is the
    share of the variance of each.
    """

    cuts: tuple[np.ndarray, ...]
    steps: tuple[np.ndarray, ...]
    mean: np.ndarray
    components: np.ndarray
    explained: np.ndarray

    names = SCORED
    """The inputs that it rests on."""

    def codes(self, X: np.ndarray) -> np.ndarray:
        """Return the step of each client of raw inputs on each scored input, shape (clients, 3), from 0 up."""
        return np.column_stack(
            [np.searchsorted(cuts, X[:, place]) for place, cuts in zip(_PLACES, self.cuts, strict=True)]
        )

    @property
    def borders(self) -> dict[int, np.ndarray]:
        """Return the cuts by the place of their input."""
        return dict(zip(_PLACES, self.cuts, strict=True))

    def scored(self, codes: np.ndarray) -> np.ndarray:
        """Return the scores of steps, in the same shape."""
        return np.column_stack([steps[codes[:, i]] for i, steps in enumerate(self.steps)])

    def turned(self, scores: np.ndarray) -> np.ndarray:
        """Return the coordinates of scores; each row for itself."""
        return np.einsum("ij,kj->ik", scores - self.mean, self.components)

    def scores_at(self, points: np.ndarray) -> np.ndarray:
        """Return the scores at coordinates: what `turned` turned."""
        return points @ self.components + self.mean

    def project(self, X: np.ndarray) -> np.ndarray:
        """Return the coordinates of clients of raw inputs, shape (clients, 3)."""
        return self.turned(self.scored(self.codes(X)))


def fit_scores(X: np.ndarray, before: Scores | None = None) -> Scores:
    """Learn the steps, and the turn that PCA gives them, from raw inputs, shape (clients, inputs).

    The steps of `before` stay wherever they still part the clients much as they did.
    """
    cuts, steps = _steps(X)
    if before:
        stays = [
            _recency_stays(before.cuts[0], cuts[0]),
            *(_shares_stay(before.cuts[i], cuts[i], X[:, place]) for i, place in enumerate(_PLACES) if i),
        ]
        cuts = tuple(old if stay else new for old, new, stay in zip(before.cuts, cuts, stays, strict=True))
        steps = tuple(old if stay else new for old, new, stay in zip(before.steps, steps, stays, strict=True))
        if all(stays):
            return before
    return _turned(X, cuts, steps)


def _recency_stays(old: np.ndarray, new: np.ndarray) -> bool:
    return len(old) == len(new) and bool((np.abs(new - old) <= RECENCY_SLACK * old).all())


def _shares_stay(old: np.ndarray, new: np.ndarray, values: np.ndarray) -> bool:
    """Tell whether few clients lie between the cuts of before and those of today."""
    if len(old) != len(new):
        return False
    then, now = ((values[:, None] <= cuts).mean(axis=0) for cuts in (old, new))
    return bool((np.abs(now - then) <= SHARE_SLACK).all())


def _steps(X: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return the cuts and the scores of the steps of each scored input."""
    days, money, visits = (X[:, place] for place in _PLACES)
    span = days.max() + 1
    cuts = (
        np.unique(np.round(span * np.array(RECENCY_SHARES))),
        _quantiles(money, MONETARY_QUANTILES),
        _quantiles(visits, ACTIVITY_QUANTILES),
    )
    # Evenly apart, however many clients are at each: which persona is nearest to one is then no matter of the sample.
    recency, *others = ((np.arange(len(of) + 1) + 0.5) / (len(of) + 1) for of in cuts)
    return cuts, (1 - recency, *others)


def _turned(X: np.ndarray, cuts: tuple[np.ndarray, ...], steps: tuple[np.ndarray, ...]) -> Scores:
    flat = Scores(cuts, steps, np.zeros(len(SCORED)), np.eye(len(SCORED)), np.zeros(len(SCORED)))
    scores = flat.project(X)
    mean = scores.mean(axis=0)
    return Scores(cuts, steps, mean, *principal(scores - mean))


def _quantiles(values: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Return the values at these shares, each once, to three digits; but for the greatest: nobody would be beyond."""
    found = np.quantile(values, shares, method="inverted_cdf")
    rounded = np.unique([float(f"{value:.3g}") for value in found])
    return rounded[(values.min() <= rounded) & (rounded < values.max())]
