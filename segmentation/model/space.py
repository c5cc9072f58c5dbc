"""The space in which clients are compared: unskewed, standardised, balanced by axis, turned by PCA."""

from dataclasses import dataclass

import numpy as np

from contract.columns import INPUTS
from segmentation.model.inputs import INPUT_NAMES, unskew

VARIANCE_KEPT = 0.9
"""Share of the variance that the components kept explain (design)."""


@dataclass(frozen=True)
class Space:
    """A fitted projection: `mean` and `scale` by input, `components` of shape (components, inputs).

    `explained` is the share of the variance of every component, those left out included.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    explained: np.ndarray

    names = INPUT_NAMES
    """The inputs that it rests on."""

    def project(self, X: np.ndarray) -> np.ndarray:
        """Return the coordinates of clients, shape (clients, components); each row for itself."""
        # einsum adds up each row alone: a matrix product may round a row differently in another batch.
        return np.einsum("ij,kj->ik", (unskew(X) - self.mean) / self.scale, self.components)


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the index of the nearest centre for each point."""
    distances = np.stack([np.square(points - centre).sum(axis=1) for centre in centres])
    return distances.argmin(axis=0)


def fit_space(X: np.ndarray) -> Space:
    """Learn the space from the clients' raw inputs, shape (clients, inputs)."""
    values = unskew(X)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    varies = deviation > 1e-9
    scale = np.where(varies, deviation * _axis_weight(varies), 1.0)
    standardised = (values - mean) / scale
    components, explained = principal(standardised)
    kept = int(np.searchsorted(np.cumsum(explained), VARIANCE_KEPT)) + 1
    return Space(mean, scale, components[:kept], explained)


def principal(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all principal components of values whose mean is 0, and the share of the variance that each explains."""
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    order = np.argsort(variances)[::-1]
    explained = np.clip(variances[order], 0, None) / max(variances.sum(), 1e-12)
    components = vectors[:, order].T
    # A component's sign is arbitrary: let its largest loading be positive.
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return components * np.sign(largest), explained


def _axis_weight(varies: np.ndarray) -> np.ndarray:
    """Give each axis of behaviour the same total variance, however many columns speak of it.

    The idea of multiple factor analysis: ten columns of activity shall not outvote one of recency.
    """
    axes = np.array([column.axis for column in INPUTS])
    return np.sqrt([max(1, int(varies[axes == axis].sum())) for axis in axes])
