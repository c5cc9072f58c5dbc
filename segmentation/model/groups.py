"""Clients to named groups, in whichever of two spaces they hold from sample to sample."""

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from contract.columns import AXES
from segmentation.model.archetypes import ARCHETYPES, Naming, name_clusters, ranks
from segmentation.model.clusters import Silhouette, by_value, choose, grown, settled, silhouettes, sizeable, subset
from segmentation.model.files import Model
from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.scores import SCORED_AXES, Pair, Scores, fit_scores, steady_pair
from segmentation.model.space import Space, fit_space, nearest
from segmentation.tools.errors import QualityGateError
from segmentation.tools.progress import SILENT, Reporter

HOLD = 0.97
"""Agreement of clusterings of other samples, as adjusted Rand index, from which on groups of measures are natural."""
DRAWS, DRAW_CLIENTS = 10, 10_000
"""Bootstrap samples that tell it, and their size at most."""
WORST = 0.1
"""By how much the least of them may fall short of the bar: groups that are there are found in every sample."""
SLACK = 0.02
"""By how much it must be better or worse before a refit goes over to the other space."""
ANCHOR_WEIGHT = 4.0
"""Of seven, each counts as so many sevenths of the clients: clusters lean towards what the personas mean."""
HELD_WEIGHT = 12.0
"""The same of the centres of before, in a refit: a step between two of them shall not go over for a trifle."""
START_CLIENTS = 8
"""Clients that stand for an archetype that nobody is nearest to, when clusters begin."""


@dataclass(frozen=True)
class Groups:
    """Clusters in a space, with their personas.

    `points` are the clients in it; `hold` is the agreement that decided for it, of clusters of measures; `curve` has
    the silhouette of each number of clusters; `pair` are the quantiles at which scores part visits.
    """

    space: Space | Scores
    points: np.ndarray
    centres: np.ndarray
    naming: Naming
    hold: float
    curve: list[Silhouette]
    pair: Pair

    @property
    def labels(self) -> np.ndarray:
        """Return the cluster of each client."""
        return nearest(self.points, self.centres)


def group(
    X: np.ndarray,
    rng: np.random.Generator,
    reporter: Reporter = SILENT,
    *,
    like: Groups | None = None,
    by_scores: bool = False,
) -> Groups:
    """Group clients of raw inputs: by their measures where these form groups that hold, by scores elsewhere.

    Or `by_scores` in any case. The choices are those of groups that they are to be `like`: the kind of space, how many,
    and where visits are parted; else as these clients, their silhouettes and a steady pair of quantiles say.
    Raises QualityGateError when the clients are too much alike for seven groups of some size.
    """
    pair = like.pair if like else steady_pair(X)
    hold = _hold(X, rng, reporter, like)
    by_scores = isinstance(like.space, Scores) if like else by_scores or hold < HOLD
    space: Space | Scores = fit_scores(X, pair) if by_scores else fit_space(X)
    points, given = space.project(X), None
    seven = _anchored(space, X, _archetypes(space)) if isinstance(space, Scores) else _seven(points, ranks(X))
    curve = []
    k: int | None = len(like.centres) if like else None
    if k is None:
        with reporter.step("Choosing the number of clusters"):
            curve = silhouettes(points, seven, rng)
            k = choose(curve, least=len(seven))
    if isinstance(space, Scores):
        centres, given = seven, np.arange(len(seven))
    else:
        *_, centres = grown(points, seven, k or len(seven))
    order = by_value(centres, points, X[:, INPUT_NAMES.index("total_purchase_value")])
    naming = _named(X, points, centres[order], None if given is None else given[order])
    return Groups(space, points, centres[order], naming, hold, curve, pair)


def regroup(
    X: np.ndarray,
    rng: np.random.Generator,
    reporter: Reporter = SILENT,
    *,
    before: Model,
    like: Groups | None = None,
) -> Groups:
    """Group clients of raw inputs where the groups of a model stood: its scales, its number of groups, their names.

    Centres begin at those of before and are drawn towards them. Where groups of measures that held do so no more by
    far, or those that did not do so well, they are found anew.
    """
    hold = _hold(X, rng, reporter, like)
    of_scores = isinstance(before.space, Scores)
    goes_over = hold >= HOLD + SLACK if of_scores else hold < HOLD - SLACK
    if like:
        goes_over = type(like.space) is not type(before.space)
    if goes_over:
        return group(X, rng, reporter, like=like)
    pair = like.pair if like else steady_pair(X)
    if isinstance(before.space, Scores):
        scores = fit_scores(X, pair, before.space)
        centres = _anchored(scores, X, scores.turned(before.space.scores_at(before.centres)), HELD_WEIGHT)
        space: Space | Scores = scores
        points = space.project(X)
    else:
        space, points = before.space, before.space.project(X)
        centres = _drawn(points, np.ones(len(points)), before.centres, HELD_WEIGHT)
    curve = []
    if like is None:
        with reporter.step("Choosing the number of clusters"):
            curve = silhouettes(points, centres, rng)
    naming = _named(X, points, centres, before.persona_of_cluster)
    return Groups(space, points, centres, naming, hold, curve, pair)


def _hold(X: np.ndarray, rng: np.random.Generator, reporter: Reporter, like: Groups | None) -> float:
    """Return how groups of measures agree, which is no matter where the choice of the space is made."""
    if like:
        return like.hold
    with reporter.step("Looking for groups that hold"):
        return agreement(X, rng)


def _named(X: np.ndarray, points: np.ndarray, centres: np.ndarray, given: np.ndarray | None) -> Naming:
    """Return the personas of the clusters; raise QualityGateError where fewer than seven are of some size."""
    labels = nearest(points, centres)
    if sizeable(np.bincount(labels, minlength=len(centres))).sum() < len(ARCHETYPES):
        raise QualityGateError("The clients are too much alike: they do not fall into seven groups of some size.")
    return name_clusters(ranks(X), labels, len(centres), given)


def agreement(X: np.ndarray, rng: np.random.Generator) -> float:
    """Return how far seven clusters of measures, begun at the archetypes, agree with those of bootstrap samples.

    It is the mean over ten samples, and no more than `WORST` above the least of them; the first that is so far below
    `HOLD` is the last.
    """
    X = subset(X, DRAW_CLIENTS, rng)
    clusters = _clusters(X, X)
    found: list[float] = []
    while len(found) < DRAWS and min(found, default=1.0) >= HOLD - WORST:
        sample = X[rng.integers(len(X), size=len(X))]
        found.append(float(adjusted_rand_score(clusters, _clusters(sample, X))))
    return min(sum(found) / len(found), min(found) + WORST)


def _clusters(sample: np.ndarray, X: np.ndarray) -> np.ndarray:
    space = fit_space(sample)
    points = space.project(sample)
    return nearest(space.project(X), settled(points, _seven(points, ranks(sample))))


def _seven(points: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return where seven clusters begin: at the means of the clients who are nearest to each archetype."""
    distances = np.stack([np.square(ranks - archetype).sum(axis=1) for archetype in ARCHETYPES])
    own = distances.argmin(axis=0)
    starts = [
        np.flatnonzero(own == i) if (own == i).any() else np.argsort(of, kind="stable")[:START_CLIENTS]
        for i, of in enumerate(distances)
    ]
    return np.stack([points[rows].mean(axis=0) for rows in starts])


def _archetypes(scores: Scores) -> np.ndarray:
    return scores.turned(ARCHETYPES[:, [AXES.index(axis) for axis in SCORED_AXES]])


def _anchored(scores: Scores, X: np.ndarray, anchors: np.ndarray, weight: float = ANCHOR_WEIGHT) -> np.ndarray:
    """Return the centres of clusters of scores that begin at anchors and are drawn towards them."""
    cells, counts = np.unique(scores.codes(X), axis=0, return_counts=True)
    return _drawn(scores.turned(scores.scored(cells)), counts, anchors, weight)


def _drawn(points: np.ndarray, counts: np.ndarray, anchors: np.ndarray, weight: float) -> np.ndarray:
    """Return the centres of KMeans that begins at anchors and has them among its points, each of which counts."""
    weights = np.concatenate([counts, np.full(len(anchors), weight * counts.sum() / len(anchors))])
    model = KMeans(len(anchors), init=anchors, n_init=1, random_state=0)
    return np.asarray(model.fit(np.vstack([points, anchors]), sample_weight=weights).cluster_centers_)
