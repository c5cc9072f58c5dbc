"""Clients to a model: space, number of clusters, clusters, personas, tree, and how good it all is."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from segmentation.errors import QualityGateError
from segmentation.model.archetypes import Naming, name_clusters, ranks
from segmentation.model.clusters import Silhouette, choose, fit_clusters, nearest, silhouettes
from segmentation.model.evaluate import evaluate_tree, explanation_cost, stability
from segmentation.model.files import Model
from segmentation.model.inputs import INPUT_NAMES, matrix
from segmentation.model.space import Space, fit_space
from segmentation.model.tree import fit_tree
from segmentation.personas import AXES, PERSONA_NAMES, PERSONAS
from segmentation.profiles import profile
from segmentation.progress import SILENT, Reporter

LEAST_CLIENTS = 100
"""Below it a persona would rest on a dozen clients, and a fifth held out for the test on two or three."""
HELD_OUT = 0.2


@dataclass(frozen=True)
class Fitted:
    """A model with every figure of its making."""

    model: Model
    metrics: dict[str, Any]


def fit(clients: pa.Table, seed: int, reporter: Reporter = SILENT) -> Fitted:
    """Learn the model from a client table; the same table and seed give the same model on any number of threads.

    Raises QualityGateError when the clients cannot honestly be split in seven.
    """
    if clients.num_rows < LEAST_CLIENTS:
        raise QualityGateError(
            f"{clients.num_rows} clients cannot be split in seven honestly; at least {LEAST_CLIENTS} are needed."
        )
    # One thread: with more, sums are added in another order, and the last digits differ.
    with threadpool_limits(1):
        return _fit(clients, np.random.default_rng(seed), reporter)


def _fit(clients: pa.Table, rng: np.random.Generator, reporter: Reporter) -> Fitted:
    X = matrix(clients)
    value = clients["total_purchase_value"].to_numpy()
    space = fit_space(X)
    points = space.project(X)
    with reporter.step("Choosing the number of clusters"):
        curve = silhouettes(points, rng)
        chosen = _choose(curve)
    with reporter.step(f"Fitting {chosen.k} clusters"):
        centres = fit_clusters(points, value, chosen.k, rng)
        labels = nearest(points, centres)
        naming = name_clusters(ranks(clients), labels, chosen.k)
    personas = naming.persona_of_cluster[labels]
    with reporter.step("Growing the decision tree"):
        seen, held_out = _split(personas, rng)
        tree, validation = fit_tree(X[seen], personas[seen], rng)
    with reporter.step("Evaluating"):
        leaves = tree.apply(X)
        answers = tree.persona[leaves]
        metrics = {
            "clients": len(X),
            "everyone": profile(clients),
            "pca": _pca_metrics(space),
            "silhouette": _silhouette_metrics(curve, chosen),
            "clusters": _cluster_metrics(naming, labels),
            "distance_to_archetype": dict(zip(PERSONA_NAMES, naming.fit.tolist(), strict=True)),
            "stability": stability(points, centres, rng),
            "tree": {
                "leaves": len(tree.leaves),
                "clients_by_leaf": np.bincount(leaves, minlength=len(tree.feature))[tree.leaves].tolist(),
                "validation": validation,
            },
            "held_out": evaluate_tree(tree, X[held_out], personas[held_out]),
            "agreement": float((answers == personas).mean()),
            "explanation_cost": explanation_cost(points, labels, answers, naming.persona_of_cluster),
        }
    return Fitted(Model(space, centres, naming.persona_of_cluster, tree), metrics)


def _choose(curve: list[Silhouette]) -> Silhouette:
    chosen = choose(curve, least=len(PERSONAS))
    if chosen is None:
        raise QualityGateError("The clients are too much alike: they do not fall into seven groups of some size.")
    return chosen


def _split(personas: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fifth of each persona's clients, so that each is tested."""
    held_out = np.zeros(len(personas), dtype=bool)
    for persona in range(len(PERSONAS)):
        members = rng.permutation(np.flatnonzero(personas == persona))
        held_out[members[: round(len(members) * HELD_OUT)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _pca_metrics(space: Space) -> dict[str, Any]:
    return {
        "explained_variance": space.explained.tolist(),
        "components_kept": len(space.components),
        "loadings": [dict(zip(INPUT_NAMES, row, strict=True)) for row in space.components.tolist()],
    }


def _silhouette_metrics(curve: list[Silhouette], chosen: Silhouette) -> dict[str, Any]:
    best = max(curve, key=lambda s: s.mean)
    note = f"k = {chosen.k} is the best of all that were tried."
    if best.k != chosen.k:
        note = (
            f"k = {best.k} scored better ({best.mean:.3f} against {chosen.mean:.3f}), but seven personas"
            f" need at least seven clusters; k = {chosen.k} is the best from seven up."
        )
    return {"by_k": [asdict(s) for s in curve], "chosen_k": chosen.k, "best_k": best.k, "note": note}


def _cluster_metrics(naming: Naming, labels: np.ndarray) -> list[dict[str, Any]]:
    sizes = np.bincount(labels, minlength=len(naming.positions))
    return [
        {
            "cluster": cluster,
            "clients": int(sizes[cluster]),
            "persona": PERSONA_NAMES[naming.persona_of_cluster[cluster]],
            "position": dict(zip(AXES, position, strict=True)),
        }
        for cluster, position in enumerate(naming.positions.tolist())
    ]
