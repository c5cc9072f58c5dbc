"""Clients to a model: space, number of clusters, clusters, personas, tree, and how good it all is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from contract.columns import AXES
from segmentation.model.archetypes import Naming, name_clusters, ranks
from segmentation.model.clusters import Silhouette, choose, fit_clusters, silhouettes
from segmentation.model.evaluate import evaluate_tree, explanation_cost, stability
from segmentation.model.files import Model
from segmentation.model.inputs import INPUT_NAMES, matrix
from segmentation.model.personas import PERSONA_NAMES, PERSONAS
from segmentation.model.profiles import profile
from segmentation.model.space import Space, fit_space, nearest
from segmentation.model.tree_fit import fit_tree
from segmentation.tools.ahead import ahead
from segmentation.tools.engine import threads
from segmentation.tools.errors import QualityGateError
from segmentation.tools.parts import StoredTable, chunks
from segmentation.tools.progress import SILENT, Reporter

LEAST_CLIENTS = 100
"""Below it a persona would rest on a dozen clients, and a fifth held out for the test on two or three."""
HELD_OUT = 0.2
SAMPLE_CLIENTS = 500_000
"""Clients that a model is fitted on, at most; on four times as many its figures hardly differ (docs/model.md)."""


@dataclass(frozen=True)
class Fitted:
    """A model with every figure of its making."""

    model: Model
    metrics: dict[str, Any]


def fit(clients: pa.Table | StoredTable, seed: int, reporter: Reporter = SILENT, most: int = SAMPLE_CLIENTS) -> Fitted:
    """Learn the model from a client table; the same table and seed give the same model on any number of threads.

    Of more than `most` clients it learns from a sample. Raises QualityGateError when the clients cannot honestly be
    split in seven.
    """
    if clients.num_rows < LEAST_CLIENTS:
        raise QualityGateError(
            f"{clients.num_rows} clients cannot be split in seven honestly; at least {LEAST_CLIENTS} are needed."
        )
    # One thread: with more, sums are added in another order, and the last digits differ.
    with threadpool_limits(1):
        fitted = _fit(sample(clients, most, seed), np.random.default_rng(seed), reporter)
        with reporter.step("Counting the clients of each cluster"):
            return Fitted(fitted.model, _of_everyone(fitted, clients))


def sample(clients: pa.Table | StoredTable, most: int, seed: int) -> np.ndarray:
    """Return the raw inputs of `most` clients drawn without replacement, in order; of all if there are fewer."""
    # A stream of its own: fitting draws the same whether or not the clients were drawn before.
    rng = np.random.default_rng(seed).spawn(1)[0]
    rows = np.sort(rng.choice(clients.num_rows, min(most, clients.num_rows), replace=False))
    X = np.empty((len(rows), len(INPUT_NAMES)))
    first = 0
    for chunk in chunks(clients, INPUT_NAMES):
        begin, end = np.searchsorted(rows, (first, first + len(chunk)))
        X[begin:end] = matrix(chunk)[rows[begin:end] - first]
        first += len(chunk)
    return X


def _fit(X: np.ndarray, rng: np.random.Generator, reporter: Reporter) -> Fitted:
    value = X[:, INPUT_NAMES.index("total_purchase_value")]
    space = fit_space(X)
    points = space.project(X)
    with reporter.step("Choosing the number of clusters"):
        curve = silhouettes(points, rng)
        chosen = _choose(curve)
    with reporter.step(f"Fitting {chosen.k} clusters"):
        centres = fit_clusters(points, value, chosen.k, rng)
        labels = nearest(points, centres)
        naming = name_clusters(ranks(X), labels, chosen.k)
    personas = naming.persona_of_cluster[labels]
    with reporter.step("Growing the decision tree"):
        seen, held_out = _split(personas, rng)
        tree, validation = fit_tree(X[seen], personas[seen], rng)
    with reporter.step("Evaluating"):
        answers = tree.persona[tree.apply(X)]
        metrics = {
            "clients": len(X),
            "pca": _pca_metrics(space),
            "silhouette": _silhouette_metrics(curve, chosen),
            "clusters": _cluster_metrics(naming),
            "distance_to_archetype": dict(zip(PERSONA_NAMES, naming.fit.tolist(), strict=True)),
            "stability": stability(points, centres, rng),
            "tree": {"leaves": len(tree.leaves), "validation": validation},
            "held_out": evaluate_tree(tree, X[held_out], personas[held_out]),
            "explanation_cost": explanation_cost(points, labels, answers, naming.persona_of_cluster),
        }
    return Fitted(Model(space, centres, naming.persona_of_cluster, tree), metrics)


def _of_everyone(fitted: Fitted, clients: pa.Table | StoredTable) -> dict[str, Any]:
    """Return the metrics of a sample with those that are of all clients, and of how many clients the sample is."""
    model, metrics = fitted.model, fitted.metrics
    counts = _count(model, clients)
    agree = model.persona_of_cluster[:, None] == model.tree.persona
    sampled = metrics["clients"] < clients.num_rows
    return {
        **metrics,
        **({"sample_clients": metrics["clients"]} if sampled else {}),
        "clients": clients.num_rows,
        "everyone": profile(clients),
        "clusters": [
            {**cluster, "clients": size}
            for cluster, size in zip(metrics["clusters"], counts.sum(axis=1).tolist(), strict=True)
        ],
        "tree": {**metrics["tree"], "clients_by_leaf": counts.sum(axis=0)[model.tree.leaves].tolist()},
        "agreement": float(counts[agree].sum() / clients.num_rows),
    }


def _count(model: Model, clients: pa.Table | StoredTable) -> np.ndarray:
    """Count the clients by cluster and by node of the tree, shape (clusters, nodes)."""
    shape = len(model.centres), len(model.tree.feature)

    def count(chunk: pa.Table) -> np.ndarray:
        cells = np.ravel_multi_index(model.place(matrix(chunk)), shape)
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)

    with ThreadPoolExecutor(threads()) as pool:
        return np.sum(list(ahead(pool, count, chunks(clients, INPUT_NAMES), threads())), axis=0)


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


def _cluster_metrics(naming: Naming) -> list[dict[str, Any]]:
    return [
        {
            "cluster": cluster,
            "persona": PERSONA_NAMES[naming.persona_of_cluster[cluster]],
            "position": dict(zip(AXES, position, strict=True)),
        }
        for cluster, position in enumerate(naming.positions.tolist())
    ]
