"""The decision tree, learnt by scikit-learn, its size by cross-validation, its cuts made readable."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from contract.columns import INPUTS
from segmentation.model.clusters import subset
from segmentation.model.inputs import ASKED
from segmentation.model.personas import PERSONA_NAMES, PERSONAS
from segmentation.model.tree import LEAF, Tree
from segmentation.tools.errors import QualityGateError

LEAVES = (7, 8, 10, 12, 14, 16, 20, 24, 28, 32)
"""Sizes tried; more than 32 leaves nobody reads."""
SELECTION_CLIENTS, FOLDS = 40_000, 4
LEAST_IN_LEAF = 5

Cuts = Mapping[int, np.ndarray]
"""The only cuts that a tree may make, ascending, by the input's place in INPUTS."""


def fit_tree(
    X: np.ndarray, personas: np.ndarray, rng: np.random.Generator, cuts: Cuts | None = None
) -> tuple[Tree, list[dict[str, float]]]:
    """Learn a tree of the smallest size that is as good as the best; also return the validation of each size.

    Where it may only cut at `cuts` it can be exact, and has as many leaves as that takes, up to the most.
    """
    rows = subset(np.arange(len(X)), SELECTION_CLIENTS, rng)
    seed = int(rng.integers(2**31))
    validation = _validate(_asked(X[rows], cuts), personas[rows], seed)
    best = max(validation, key=lambda size: size["macro_f1"])
    bar = best["macro_f1"] - best["standard_error"]
    sizes = [int(size["leaves"]) for size in validation if size["macro_f1"] >= bar]
    for leaves in sizes if cuts is None else LEAVES[-1:]:
        tree = grow_tree(X, personas, leaves, cuts)
        missing = set(range(len(PERSONAS))) - set(tree.persona[tree.leaves])
        if not missing:
            return tree, validation
    names = ", ".join(PERSONA_NAMES[i] for i in sorted(missing))
    raise QualityGateError(f"The decision tree finds no rule for {names}: these clients do not fall into seven.")


def grow_tree(X: np.ndarray, personas: np.ndarray, leaves: int, cuts: Cuts | None = None) -> Tree:
    """Learn a tree of so many leaves at most from clients of raw inputs and their personas."""
    classifier = _classifier(leaves, 0).fit(_asked(X, cuts), personas)
    return recounted(_readable(classifier, cuts), X, personas)


def _asked(X: np.ndarray, cuts: Cuts | None) -> np.ndarray:
    """Return what the tree looks at: inputs, or between which of the cuts they lie."""
    if cuts is None:
        return X[:, ASKED]
    return np.column_stack([np.searchsorted(own, X[:, place]) for place, own in cuts.items()])


def recounted(tree: Tree, X: np.ndarray, personas: np.ndarray) -> Tree:
    """Count the personas in each leaf anew: a cut that was rounded may have sent clients to another one."""
    counts = np.zeros_like(tree.shares)
    np.add.at(counts, (tree.apply(X), personas), 1)
    sizes = counts.sum(axis=1, keepdims=True)
    return replace(tree, shares=np.where(sizes > 0, counts / np.maximum(sizes, 1), tree.shares))


def _validate(X: np.ndarray, personas: np.ndarray, seed: int) -> list[dict[str, float]]:
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, personas))
    validation = []
    for leaves in LEAVES:
        scores = [
            f1_score(
                personas[test],
                _classifier(leaves, seed).fit(X[train], personas[train]).predict(X[test]),
                average="macro",
            )
            for train, test in folds
        ]
        error = np.std(scores, ddof=1) / np.sqrt(FOLDS)
        validation.append({"leaves": leaves, "macro_f1": float(np.mean(scores)), "standard_error": float(error)})
    return validation


def _classifier(leaves: int, seed: int) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=LEAST_IN_LEAF, random_state=seed)


def _readable(classifier: DecisionTreeClassifier, cuts: Cuts | None) -> Tree:
    """Copy the learnt arrays, with cuts that can be said: whole counts and days, money to three digits."""
    learnt = classifier.tree_
    shares = np.zeros((learnt.node_count, len(PERSONAS)))
    shares[:, classifier.classes_] = learnt.value[:, 0] / learnt.value[:, 0].sum(axis=1, keepdims=True)
    places = ASKED if cuts is None else np.array(list(cuts))
    feature = np.where(learnt.children_left == LEAF, LEAF, places[learnt.feature])
    if cuts is None:
        money = np.array([INPUTS[f].kind == "money" for f in feature])
        threshold = np.where(money, [_round(cut) for cut in learnt.threshold], np.floor(learnt.threshold))
    else:
        threshold = np.array(
            [0.0 if f == LEAF else cuts[f][int(t)] for f, t in zip(feature, learnt.threshold, strict=True)]
        )
    return Tree(
        feature,
        np.where(feature == LEAF, 0.0, threshold),
        learnt.children_left.copy(),
        learnt.children_right.copy(),
        shares,
        np.ones(len(feature)),
    )


def _round(money: float) -> float:
    """Return an amount to three digits, in cents at the finest."""
    return round(float(f"{money:.3g}"), 2)
