"""Clients to a model: space, number of clusters, clusters, personas, tree, and how good it all is."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from contract.columns import AXES
from segmentation.model.archetypes import Naming
from segmentation.model.evaluate import evaluate_tree, explanation_cost, stability
from segmentation.model.files import SPACES, Model
from segmentation.model.fitness import fitness, seen
from segmentation.model.groups import HOLD, Groups, group, regroup
from segmentation.model.inputs import INPUT_NAMES, matrix
from segmentation.model.personas import PERSONA_NAMES, PERSONAS
from segmentation.model.profiles import profile, recorded
from segmentation.model.scores import Scores
from segmentation.model.space import Space
from segmentation.model.tree import Tree
from segmentation.model.tree_fit import LEAVES, Cuts, fit_tree, grow_tree, recounted
from segmentation.model.verdict import verdict
from segmentation.tools.ahead import ahead
from segmentation.tools.engine import threads
from segmentation.tools.errors import QualityGateError
from segmentation.tools.parts import StoredTable, chunks
from segmentation.tools.progress import SILENT, Reporter

KINDS = {kind: name for name, kind in SPACES.items()}
"""What each space is called."""
LEAST_CLIENTS = 100
"""Below it a persona would rest on a dozen clients, and a fifth held out for the test on two or three."""
HELD_OUT = 0.2
SAMPLE_CLIENTS = 500_000
"""Clients that a model is fitted on, at most; on four times as many its figures hardly differ (docs/model.md)."""


OLD_TREE_SLACK = 0.02
"""By how much macro F1 a tree grown afresh must be better than that of before to take its place in a refit."""
OF_THE_FIT = {
    "seen",
    "pca",
    "grouping",
    "silhouette",
    "clusters",
    "distance_to_archetype",
    "tree",
    "held_out",
    "explanation_cost",
    "refit",
    "stability",
    "sample_clients",
    "agreement_of_fit",
    "model",
}
"""Metrics that stay with a model; all others are of the clients to whom it is applied."""


@dataclass(frozen=True)
class Fitted:
    """A model with every figure of its making."""

    model: Model
    metrics: dict[str, Any]


def fit(
    clients: pa.Table | StoredTable,
    seed: int,
    reporter: Reporter = SILENT,
    most: int = SAMPLE_CLIENTS,
    before: Model | None = None,
) -> Fitted:
    """Learn the model from a client table; the same table and seed give the same model on any number of threads.

    Of more than `most` clients it learns from a sample. With a model of `before` it goes on where that one stood, and
    its metrics say whom it gives another persona. Raises QualityGateError when the clients cannot honestly be split
    in seven.
    """
    _check_size(clients)
    # One thread: with more, sums are added in another order, and the last digits differ.
    with threadpool_limits(1):
        X = sample(clients, most, seed)
        fitted = _fit(X, np.random.default_rng(seed), reporter, before)
        if len(X) < clients.num_rows:
            fitted.metrics["sample_clients"] = len(X)
        metrics = _of_everyone(fitted, clients, reporter)
        metrics["agreement_of_fit"] = metrics["agreement"]
        # Of the clients it was learnt from, too: the run after, on the same events, then says the same.
        return Fitted(fitted.model, {**metrics, "fitness": fitness(metrics, X, metrics["agreement"])})


def apply(fitted: Fitted, clients: pa.Table | StoredTable, seed: int, reporter: Reporter = SILENT) -> Fitted:
    """Return a model that is kept, with the metrics of its fit, those of these clients, and how it fits them.

    Raises QualityGateError when there are too few: then events are missing rather than clients.
    """
    _check_size(clients)
    of_fit = Fitted(fitted.model, {name: of for name, of in fitted.metrics.items() if name in OF_THE_FIT})
    metrics = _of_everyone(of_fit, clients, reporter)
    X = sample(clients, SAMPLE_CLIENTS, seed)
    return Fitted(fitted.model, {**metrics, "fitness": fitness(metrics, X, metrics["agreement"])})


def _check_size(clients: pa.Table | StoredTable) -> None:
    if clients.num_rows < LEAST_CLIENTS:
        raise QualityGateError(
            f"{clients.num_rows} clients cannot be split in seven honestly; at least {LEAST_CLIENTS} are needed."
        )


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


def _fit(X: np.ndarray, rng: np.random.Generator, reporter: Reporter, before: Model | None) -> Fitted:
    """Learn in the way that is tried first, and by scores where that gives nothing that can be published."""
    X = X[np.lexsort(X.T)]  # the order of rows shall not matter
    refused: QualityGateError | None = None
    ways: list[Way] = [group, partial(group, by_scores=True)]
    if before:
        ways.insert(0, partial(regroup, before=before))
    for way in ways:
        try:
            return _learnt(X, way, rng, reporter, before)
        except QualityGateError as error:
            refused = refused or error
    raise refused or AssertionError


class Way(Protocol):
    """How clients of raw inputs are grouped."""

    def __call__(
        self,
        X: np.ndarray,
        rng: np.random.Generator,
        reporter: Reporter = ...,
        *,
        like: Groups | None = ...,
    ) -> Groups:
        """Group them, by the choices of those that they are to be `like`."""


def _learnt(X: np.ndarray, way: Way, rng: np.random.Generator, reporter: Reporter, before: Model | None) -> Fitted:
    groups = way(X, rng, reporter)
    labels, cuts = groups.labels, _cuts(groups)
    given = groups.naming.persona_of_cluster
    personas = given[labels]
    with reporter.step("Growing the decision tree"):
        always = np.random.default_rng(0)  # another seed shall not grow another tree
        seen_rows, held_out = _split(personas, always)
        tested, validation = fit_tree(X[seen_rows], personas[seen_rows], always, cuts)
        leaves = len(tested.leaves) if cuts is None else LEAVES[-1]
        tree = grow_tree(X, personas, leaves, cuts)
        told = evaluate_tree(tested, X[held_out], personas[held_out])
        if before and (old := _still_good(before.tree, X, personas, (seen_rows, held_out), told)):
            tree, told = old
    model = Model(groups.space, groups.centres, given, tree)
    with reporter.step("Evaluating"):
        metrics = {
            "clients": len(X),
            "seen": seen(X),
            "pca": _pca_metrics(groups.space),
            "grouping": {"by": KINDS[type(groups.space)], "measures_hold": groups.hold, "bar": HOLD},
            "silhouette": _silhouette_metrics(groups),
            "clusters": _cluster_metrics(groups.naming),
            "distance_to_archetype": dict(zip(PERSONA_NAMES, groups.naming.fit.tolist(), strict=True)),
            "tree": {"leaves": len(tree.leaves), "validation": validation},
            "held_out": told,
            "explanation_cost": explanation_cost(groups.points, labels, model.answers(X), given),
            **({"refit": _refit_metrics(before, model, X)} if before else {}),
        }
    with reporter.step("Learning from other samples"):
        again = partial(_again, way=way, like=groups, leaves=leaves, rng=rng)
        found, tree = stability(model, X, again, rng)
        metrics["stability"] = {**found, "verdict": verdict(found, told["by_persona"])}
    return Fitted(replace(model, tree=tree), metrics)


def _still_good(
    old: Tree, X: np.ndarray, personas: np.ndarray, rows: tuple[np.ndarray, np.ndarray], fresh: Mapping[str, Any]
) -> tuple[Tree, dict[str, Any]] | None:
    """Return the tree of before, its leaves counted anew, and its figures, where it does nearly as well as a fresh one.

    A tree grown afresh brings its own borders, and clients who did nothing get another persona.
    """
    seen_rows, held_out = rows
    told = evaluate_tree(recounted(old, X[seen_rows], personas[seen_rows]), X[held_out], personas[held_out])
    tree = recounted(old, X, personas)
    every = len(set(tree.persona[tree.leaves])) == len(PERSONAS)
    return (tree, told) if every and told["macro_f1"] >= fresh["macro_f1"] - OLD_TREE_SLACK else None


def _refit_metrics(before: Model, model: Model, X: np.ndarray) -> dict[str, Any]:
    """Return the share of clients who get another persona by the new rules, on the same figures; also by persona."""
    old, new = before.answers(X), model.answers(X)
    return {
        "relabelled": float((old != new).mean()),
        "by_persona": {
            name: float((new[old == i] != i).mean()) if (old == i).any() else 0.0
            for i, name in enumerate(PERSONA_NAMES)
        },
    }


def _again(X: np.ndarray, way: Way, like: Groups, leaves: int, rng: np.random.Generator) -> Model:
    """Learn a model from another sample, by the same choices and with a tree of the size that was found."""
    groups = way(X, rng, like=like)
    personas = groups.naming.persona_of_cluster[groups.labels]
    tree = grow_tree(X, personas, leaves, _cuts(groups))
    return Model(groups.space, groups.centres, groups.naming.persona_of_cluster, tree)


def _cuts(groups: Groups) -> Cuts | None:
    """Return where the tree may cut: groups of scores are told apart by the steps of the scores alone."""
    return groups.space.borders if isinstance(groups.space, Scores) else None


def _of_everyone(fitted: Fitted, clients: pa.Table | StoredTable, reporter: Reporter) -> dict[str, Any]:
    """Return the metrics of a fit with those that are of all clients."""
    model, metrics = fitted.model, fitted.metrics
    with reporter.step("Counting the clients of each cluster"):
        counts = _count(model, clients)
    agree = model.persona_of_cluster[:, None] == model.tree.persona
    return {
        **metrics,
        "clients": clients.num_rows,
        "everyone": profile(clients),
        "recorded": recorded(clients),
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


def _split(personas: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a fifth of each persona's clients, so that each is tested."""
    held_out = np.zeros(len(personas), dtype=bool)
    for persona in range(len(PERSONAS)):
        members = rng.permutation(np.flatnonzero(personas == persona))
        held_out[members[: round(len(members) * HELD_OUT)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _pca_metrics(space: Space | Scores) -> dict[str, Any]:
    return {
        "explained_variance": space.explained.tolist(),
        "components_kept": len(space.components),
        "loadings": [dict(zip(space.names, row, strict=True)) for row in space.components.tolist()],
    }


def _silhouette_metrics(groups: Groups) -> dict[str, Any]:
    curve = groups.curve
    best = max(curve, key=lambda s: s.mean)
    chosen = next(s for s in curve if s.k == len(groups.centres))
    if best.k == chosen.k:
        note = f"k = {chosen.k} is the best of all that were tried."
    elif isinstance(groups.space, Scores):
        note = (
            f"Groups of measures hold too little from sample to sample ({groups.hold:.2f} of 1, {HOLD} is asked for):"
            f" clients are grouped by scores, one group at each of the seven archetypes."
        )
    else:
        note = (
            f"k = {best.k} scored better ({best.mean:.3f} against {chosen.mean:.3f}), but seven personas"
            f" need at least seven clusters; k = {chosen.k} is the smallest from seven up that is near the best."
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
