"""KMeans, and the number of clusters by silhouette."""

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_samples

K_RANGE = range(2, 13)
"""Numbers of clusters that are tried (design)."""
SELECTION_CLIENTS = 30_000
"""Clients on which each k is fitted to choose among them; the chosen one is fitted on many more."""
LEAST_MEMBERS, LEAST_SHARE = 8, 0.005
"""Of eight clients a fifth can be held out and the rest still make a leaf of the tree."""
DRAWS, DRAW_CLIENTS, DRAW_LEAST = 5, 4_000, 30
"""Samples for a silhouette, their size, and the fewest clients of a cluster in each, so that small ones are seen.

Smaller ones were farther than 0.005 from the exact silhouette of 20,000 clients; so few clients need no sample.
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


def silhouettes(points: np.ndarray, rng: np.random.Generator) -> list[Silhouette]:
    """Return the silhouette of each k that the points allow, ascending."""
    points = subset(points, SELECTION_CLIENTS, rng)
    distinct = len(np.unique(points.round(9), axis=0))
    seed = int(rng.integers(2**31))
    return [
        silhouette(points, KMeans(k, n_init=3, random_state=seed).fit_predict(points), rng)
        for k in K_RANGE
        if k < distinct
    ]


def silhouette(points: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Silhouette:
    """Estimate the mean silhouette from stratified samples, each client weighted back by its cluster's size.

    Of no more than `DRAW_CLIENTS` clients it is exact, with an error of 0.
    """
    ks, sizes = np.unique(labels, return_counts=True)
    members = [np.flatnonzero(labels == k) for k in ks]
    share = min(DRAW_CLIENTS / len(labels), 1)
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


def choose(curve: list[Silhouette], least: int) -> Silhouette | None:
    """Return the best silhouette among those with at least `least` sizeable clusters; None when there is none."""
    return max((s for s in curve if s.sizeable >= least), key=lambda s: s.mean, default=None)


def fit_clusters(points: np.ndarray, value: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the centres of `k` clusters, shape (k, components), those of the best clients by `value` first."""
    model = KMeans(k, n_init=5, random_state=int(rng.integers(2**31))).fit(points)
    mean_value = np.bincount(model.labels_, value, k) / np.bincount(model.labels_, minlength=k)
    return np.asarray(model.cluster_centers_[np.argsort(-mean_value, kind="stable")])


def subset(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return `most` rows drawn without replacement, in their order; all of them when there are no more."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(rng.choice(len(rows), most, replace=False))]
