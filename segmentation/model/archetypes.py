"""Clusters to personas: each persona gets the cluster that lies nearest to its archetype."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from contract.columns import AXES
from segmentation.model.clusters import sizeable
from segmentation.model.inputs import INPUT_NAMES
from segmentation.model.personas import PERSONAS

ARCHETYPES = np.array([[persona.archetype[axis] for axis in AXES] for persona in PERSONAS])
"""Where the personas lie on the four axes, shape (7, 4)."""


@dataclass(frozen=True)
class Naming:
    """The persona of each cluster (an index into PERSONAS), and how far each persona's clients are from its archetype.

    `positions` places the clusters on the four axes, shape (clusters, 4).
    """

    persona_of_cluster: np.ndarray
    fit: np.ndarray
    positions: np.ndarray


def ranks(X: np.ndarray) -> np.ndarray:
    """Return the percentile rank on the four axes of clients of raw inputs, shape (clients, 4); 1 is best."""

    def percentile(values: np.ndarray) -> np.ndarray:
        return (rankdata(values) - 0.5) / len(values)

    column = dict(zip(INPUT_NAMES, X.T, strict=True))
    activity = percentile(column["number_of_views_7m"]) + percentile(column["number_of_sessions_7m"])
    return np.column_stack(
        [
            percentile(-column["days_since_last_purchase"]),
            percentile(column["count_products_7m"]),
            percentile(column["total_purchase_value"]),
            percentile(activity),
        ]
    )


def name_clusters(ranks: np.ndarray, labels: np.ndarray, k: int, given: np.ndarray | None = None) -> Naming:
    """Give each cluster a persona: all personas are given, and clusters left over join their nearest one.

    Only sizeable clusters found a persona, as long as there are enough of them. Personas that are `given`, by
    cluster, stay.
    """
    positions = np.stack([ranks[labels == cluster].mean(axis=0) for cluster in range(k)])
    distances = np.linalg.norm(ARCHETYPES[:, None] - positions[None], axis=2)
    sizes = np.bincount(labels, minlength=k)
    persona_of_cluster = _nearest(distances, sizes) if given is None else given
    fit = [
        np.average(distances[persona, own], weights=sizes[own])
        for persona, own in ((p, persona_of_cluster == p) for p in range(len(PERSONAS)))
    ]
    return Naming(persona_of_cluster, np.array(fit), positions)


def _nearest(distances: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the persona of each cluster, from the distances of archetypes and clusters, shape (7, clusters)."""
    founders = np.flatnonzero(sizeable(sizes))
    if len(founders) < len(PERSONAS):
        founders = np.arange(len(sizes))
    given, chosen = linear_sum_assignment(distances[:, founders])
    persona_of_cluster = distances.argmin(axis=0)
    persona_of_cluster[founders[chosen]] = given
    return persona_of_cluster
