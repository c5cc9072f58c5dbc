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
ACTIVITY_QUANTILES = ((1 / 3, 2 / 3), (0.4, 0.7), (0.3, 0.6), (0.4, 0.75), (0.25, 0.6))
"""Thirds rather than quarters: visits are few whole numbers, and a border between two of them moves many clients.

Where another sample may put a border between other numbers, the next pair is taken for which none does."""
STEADY = 2.5
"""Standard errors between a quantile and the share of clients up to a whole number, from which on none does."""
RECENCY_SLACK, SHARE_SLACK = 0.1, 0.1
"""By how much, of the days and of all clients, a shop may differ and a model's steps still serve it."""


@dataclass(frozen=True)
class Scores:
    """A fitted projection, as `Space` is one.

    `cuts` has for each scored input the highest value of each step but the last, ascending; `shares` the share of
    the clients up to each cut; `steps` the score of each step, from 0 to 1. `components`, of shape (3, 3), turn the
    scores about their `mean`; `explained` is the share of the variance of each.
    """

    cuts: tuple[np.ndarray, ...]
    shares: tuple[np.ndarray, ...]
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


Pair = tuple[float, float]


def steady_pair(X: np.ndarray) -> Pair:
    """Return at which quantiles to part visits so that it is no matter of the sample between which numbers that is."""
    visits = X[:, _PLACES[-1]]
    shares = np.bincount(visits.astype(int)).cumsum() / len(visits)

    def steadiness(pair: Pair) -> float:
        """Return by how many standard errors the nearest share lies off, `STEADY` at most."""
        errors = np.sqrt(np.multiply(pair, np.subtract(1, pair)) / len(visits))
        return min(STEADY, float((np.abs(shares[:, None] - pair) / errors).min()))

    return max(ACTIVITY_QUANTILES, key=steadiness)


def fit_scores(X: np.ndarray, pair: Pair, before: Scores | None = None) -> Scores:
    """Learn the steps, and the turn that PCA gives them, from raw inputs, shape (clients, inputs).

    Visits are parted at a `pair` of quantiles. The steps of `before` stay wherever they still part the clients much as
    they did.
    """
    cuts, steps = _steps(X, pair)
    if before:
        stays = [
            _recency_stays(before.cuts[0], cuts[0]),
            *(_shares_stay(before, i, X[:, place]) for i, place in enumerate(_PLACES) if i),
        ]
        cuts = tuple(old if stay else new for old, new, stay in zip(before.cuts, cuts, stays, strict=True))
        steps = tuple(old if stay else new for old, new, stay in zip(before.steps, steps, stays, strict=True))
        if all(stays):
            return before
    shares = tuple(_shares(X[:, place], of) for place, of in zip(_PLACES, cuts, strict=True))
    return _turned(X, cuts, shares, steps)


def _recency_stays(old: np.ndarray, new: np.ndarray) -> bool:
    return len(old) == len(new) and bool((np.abs(new - old) <= RECENCY_SLACK * old).all())


def _shares_stay(before: Scores, i: int, values: np.ndarray) -> bool:
    """Tell whether the share of clients up to each cut is near what it was."""
    return bool((np.abs(_shares(values, before.cuts[i]) - before.shares[i]) <= SHARE_SLACK).all())


def _shares(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    return np.array([(values <= cut).mean() for cut in cuts])


def _steps(X: np.ndarray, pair: Pair) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return the cuts and the scores of the steps of each scored input."""
    days, money, visits = (X[:, place] for place in _PLACES)
    span = days.max() + 1
    cuts = (
        np.unique(np.round(span * np.array(RECENCY_SHARES))),
        _quantiles(money, MONETARY_QUANTILES),
        _apart(_quantiles(visits, pair), visits),
    )
    # Evenly apart, however many clients are at each: which persona is nearest to one is then no matter of the sample.
    recency, *others = ((np.arange(len(of) + 1) + 0.5) / (len(of) + 1) for of in cuts)
    return cuts, (1 - recency, *others)


def _apart(cuts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Cut once more, above the next count, where quantiles fall on one: two thirds with one visit are no other case
    than nearly two thirds."""
    if len(cuts) > 1 or not len(cuts) or cuts[0] + 1 >= counts.max():
        return cuts
    return np.append(cuts, cuts[0] + 1)


def _turned(
    X: np.ndarray, cuts: tuple[np.ndarray, ...], shares: tuple[np.ndarray, ...], steps: tuple[np.ndarray, ...]
) -> Scores:
    flat = Scores(cuts, shares, steps, np.zeros(len(SCORED)), np.eye(len(SCORED)), np.zeros(len(SCORED)))
    scores = flat.project(X)
    mean = scores.mean(axis=0)
    return Scores(cuts, shares, steps, mean, *principal(scores - mean))


def _quantiles(values: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Return the values at these shares, each once, to three digits; but for the greatest: nobody would be beyond."""
    found = np.quantile(values, shares, method="inverted_cdf")
    rounded = np.unique([float(f"{value:.3g}") for value in found])
    return rounded[(values.min() <= rounded) & (rounded < values.max())]
