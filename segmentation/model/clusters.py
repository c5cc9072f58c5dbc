"""KMeans, and the number of clusters by silhouette."""

from collections.abc import Iterator
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_samples

from segmentation.model.space import nearest

K_RANGE = range(2, 13)
"""Numbers of clusters that are tried (design)."""
SELECTION_CLIENTS = 30_000
"""Clients on which each k is fitted to choose among them; the chosen one is fitted on many more."""
EXACT_CLIENTS = 8_000
"""Of so many, all distances take no longer than those of the samples."""
NEAR_THE_BEST = 0.02
"""A silhouette that is so much less than the best is as good: samples of a shop differ by as much."""
LEAST_MEMBERS, LEAST_SHARE = 8, 0.005
"""Of eight clients a fifth can be held out and the rest still make a leaf of the tree."""
DRAWS, DRAW_CLIENTS, DRAW_LEAST = 5, 4_000, 30
"""Samples for a silhouette, their size, and the fewest clients of a cluster in each, so that small ones are seen.

Smaller ones were farther than 0.005 from the exact silhouette of 20,000 clients.
"""


@dataclass(frozen=True)
class Silhouette:
    """The mean silhouette for `k` clusters with the standard error over its samples.

    `sizeable` clusters hold enough clients to carry a persona.
    """

    k: int
    mean: float
    standard_error: float
    sizeable: int


def silhouettes(points: np.ndarray, seven: np.ndarray, rng: np.random.Generator) -> list[Silhouette]:
    """Return the silhouette of each k that the points allow, ascending; from seven up beginning at `seven` centres."""
    points = subset(points, SELECTION_CLIENTS, rng)
    few = grown(points, points.mean(axis=0)[None], len(seven) - 1)
    found = ((len(centres), nearest(points, centres)) for centres in (*few, *grown(points, seven, K_RANGE[-1])))
    return [silhouette(points, labels, rng) for k, labels in found if k in K_RANGE and labels.any()]


def grown(points: np.ndarray, centres: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Yield the centres of KMeans that begins at these, and then with one more each time, up to `most`.

    They are fewer than there are different points. The widest cluster is parted along its longest
    axis, as in bisecting k-means, so that nothing is left to chance.
    """
    most = min(most, len(np.unique(points.round(9), axis=0)) - 1)
    centres = settled(points, centres)
    yield centres
    while len(centres) < most:
        centres = settled(points, _parted(points, centres))
        yield centres


def settled(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the centres at which KMeans comes to rest that begins at `centres`."""
    with catch_warnings():
        # Clients who are much alike fill fewer clusters: that is seen by the sizes of these.
        simplefilter("ignore", ConvergenceWarning)
        model = KMeans(len(centres), init=centres, n_init=1, random_state=0).fit(points)
    return np.asarray(model.cluster_centers_)


def _parted(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    labels = nearest(points, centres)
    spread = np.bincount(labels, np.square(points - centres[labels]).sum(axis=1), len(centres))
    widest = int(spread.argmax())
    own = points[labels == widest]
    variances, vectors = np.linalg.eigh(np.cov(own.T, bias=True).reshape(points.shape[1], -1))
    longest = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    step = np.sqrt(max(variances[-1], 0)) * longest
    rest = np.delete(centres, widest, axis=0)
    return np.vstack([rest, centres[widest] - step, centres[widest] + step])


def silhouette(points: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Silhouette:
    """Estimate the mean silhouette from stratified samples, each client weighted back by its cluster's size.

    Of no more than `EXACT_CLIENTS` clients it is exact, with an error of 0.
    """
    ks, sizes = np.unique(labels, return_counts=True)
    members = [np.flatnonzero(labels == k) for k in ks]
    share = DRAW_CLIENTS / len(labels) if len(labels) > EXACT_CLIENTS else 1
    quota = np.maximum(np.ceil(share * sizes), DRAW_LEAST).astype(int)
    means = []
    for _ in range(DRAWS if share < 1 else 1):
        drawn = [rng.permutation(m)[:n] for m, n in zip(members, quota, strict=True)]
        rows = np.concatenate(drawn)
        values = silhouette_samples(points[rows], labels[rows])
        by_cluster = [part.mean() for part in np.split(values, np.cumsum([len(d) for d in drawn])[:-1])]
        means.append(np.average(by_cluster, weights=sizes))
    error = float(np.std(means, ddof=1) / np.sqrt(DRAWS)) if share < 1 else 0.0
    return Silhouette(len(ks), float(np.mean(means)), error, int(sizeable(sizes).sum()))


def sizeable(sizes: np.ndarray) -> np.ndarray:
    """Tell which clusters are large enough to carry a persona: more than a handful of odd clients."""
    return sizes >= max(LEAST_MEMBERS, LEAST_SHARE * sizes.sum())


def choose(curve: list[Silhouette], least: int) -> int | None:
    """Return the smallest k with at least `least` sizeable clusters whose silhouette is near the best of such.

    None when there is none. A larger one must be worth it: the borders of more groups hold less well.
    """
    allowed = [s for s in curve if s.sizeable >= least]
    best = max((s.mean for s in allowed), default=0.0)
    return next((s.k for s in allowed if s.mean >= best - NEAR_THE_BEST), None)


def by_value(centres: np.ndarray, points: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the places of the centres in the order of their clients' mean `value`, the best first."""
    labels = nearest(points, centres)
    sizes = np.bincount(labels, minlength=len(centres))
    return np.argsort(-np.bincount(labels, value, len(centres)) / np.maximum(sizes, 1), kind="stable")


def subset(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return `most` rows drawn without replacement, in their order; all of them when there are no more."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(rng.choice(len(rows), most, replace=False))]
