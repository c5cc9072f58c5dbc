"""How good the model is, on clients that its tree has not seen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from segmentation.model.clusters import subset
from segmentation.model.files import Model
from segmentation.model.personas import PERSONA_NAMES
from segmentation.model.tree import Tree
from segmentation.tools.errors import QualityGateError

BOOTSTRAPS, BOOTSTRAP_CLIENTS = 10, 20_000


def evaluate_tree(tree: Tree, X: np.ndarray, personas: np.ndarray) -> dict[str, Any]:
    """Compare the tree's answers on held-out clients with the personas of their clusters."""
    shares = tree.shares[tree.apply(X)]
    answers = shares.argmax(axis=1)
    every = range(len(PERSONA_NAMES))
    precision, recall, f1, support = precision_recall_fscore_support(
        personas, answers, labels=list(every), zero_division=0.0
    )
    dummy = DummyClassifier(strategy="most_frequent").fit(X, personas).predict(X)
    return {
        "clients": len(X),
        "accuracy": float(accuracy_score(personas, answers)),
        "macro_f1": float(f1_score(personas, answers, average="macro", labels=list(every), zero_division=0.0)),
        "by_persona": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "auc": _auc(personas == i, shares[:, i]),
                "support": int(support[i]),
            }
            for i, name in enumerate(PERSONA_NAMES)
        },
        "roc": {name: _roc(personas == i, shares[:, i]) for i, name in enumerate(PERSONA_NAMES)},
        "confusion_matrix": confusion_matrix(personas, answers, labels=list(every)).tolist(),
        "baseline": {
            "strategy": "the most frequent persona for everyone",
            "accuracy": float(accuracy_score(personas, dummy)),
            "macro_f1": float(f1_score(personas, dummy, average="macro", zero_division=0.0)),
        },
    }


def _auc(positive: np.ndarray, share: np.ndarray) -> float | None:
    """Return the area under the ROC curve, one persona against the rest; None when only one of both occurs."""
    return float(roc_auc_score(positive, share)) if 0 < positive.sum() < len(positive) else None


def _roc(positive: np.ndarray, share: np.ndarray) -> dict[str, list[float]]:
    """Return the ROC curve, one persona against the rest; no points when only one of both occurs."""
    if not 0 < positive.sum() < len(positive):
        return {"false_positive_rate": [], "true_positive_rate": []}
    false_positive, true_positive, _ = roc_curve(positive, share)
    return {"false_positive_rate": false_positive.tolist(), "true_positive_rate": true_positive.tolist()}


def explanation_cost(points: np.ndarray, clusters: np.ndarray, answers: np.ndarray, personas: np.ndarray) -> float:
    """Return how much wider the personas are as the tree gives them than as their clusters do.

    The ratio, less one, of the sums of squared distances to each group's own mean; the "price of
    explainability" of Moshkovitz, Dasgupta, Rashtchian and Frost (ICML 2020), taken over personas.
    """
    return _spread(points, answers) / max(_spread(points, personas[clusters]), 1e-12) - 1


def _spread(points: np.ndarray, groups: np.ndarray) -> float:
    return sum(
        float(np.square(points[groups == g] - points[groups == g].mean(axis=0)).sum()) for g in np.unique(groups)
    )


def stability(
    model: Model, X: np.ndarray, learn: Callable[[np.ndarray], Model], rng: np.random.Generator
) -> tuple[dict[str, Any], Tree]:
    """Learn from bootstrap samples anew and compare the personas that clients get with those of the model.

    Adjusted Rand index, 1 when nothing changes; by persona, the share of its clients that keep it. A sample that
    cannot be split in seven agrees in nothing. Also returns the model's tree, which knows the share of each leaf.
    """
    X = subset(X, BOOTSTRAP_CLIENTS, rng)
    answers = model.answers(X)
    scores, kept = [], []
    for _ in range(BOOTSTRAPS):
        drawn = X[rng.integers(len(X), size=len(X))]
        try:
            again = learn(drawn).answers(X)
        except QualityGateError:
            again = np.full(len(X), -1)
        scores.append(float(adjusted_rand_score(answers, again)))
        kept.append(answers == again)
    stays = np.mean(kept, axis=0)
    leaf = model.tree.apply(X)
    nodes = len(model.tree.held)
    sizes, kept_in = np.bincount(leaf, minlength=nodes), np.bincount(leaf, stays, nodes)
    tree = replace(model.tree, held=np.where(sizes > 0, kept_in / np.maximum(sizes, 1), 1.0))
    found = {
        "bootstraps": BOOTSTRAPS,
        "bootstrap_ari": float(np.mean(scores)),
        "least": min(scores),
        "standard_deviation": float(np.std(scores, ddof=1)),
        "by_persona": {
            name: float(stays[answers == i].mean()) if (answers == i).any() else 0.0
            for i, name in enumerate(PERSONA_NAMES)
        },
    }
    return found, tree
