"""The decision tree that gives personas: learnt by scikit-learn, kept as plain arrays of readable cuts."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from contract.columns import INPUTS
from segmentation.model.clusters import subset
from segmentation.model.inputs import ASKED
from segmentation.model.personas import PERSONA_NAMES, PERSONAS
from segmentation.tools.errors import QualityGateError

LEAVES = (7, 8, 10, 12, 14, 16, 20, 24, 28, 32)
"""Sizes tried; more than 32 leaves nobody reads."""
SELECTION_CLIENTS, FOLDS = 40_000, 4
LEAST_IN_LEAF = 5
LEAF = -1


@dataclass(frozen=True)
class Tree:
    """A binary tree as arrays by node: go left where the input is at most the threshold.

    `feature` is an index into INPUTS, -1 at a leaf; `shares` has the training clients' personas at each
    node, shape (nodes, 7).
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    shares: np.ndarray

    @property
    def leaves(self) -> np.ndarray:
        """Return the indices of the leaves."""
        return np.flatnonzero(self.feature == LEAF)

    @property
    def persona(self) -> np.ndarray:
        """Return the persona that each node would answer."""
        return self.shares.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """Return the share of that persona among the node's training clients, four decimals."""
        return self.shares.max(axis=1).round(4)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Return the leaf of each client of raw inputs, shape (clients, inputs)."""
        nodes = np.zeros(len(X), dtype=np.int64)
        rows = np.arange(len(X))
        while len(rows):
            at = nodes[rows]
            rows = rows[self.feature[at] != LEAF]
            at = nodes[rows]
            below = X[rows, self.feature[at]] <= self.threshold[at]
            nodes[rows] = np.where(below, self.left[at], self.right[at])
        return nodes


def fit_tree(X: np.ndarray, personas: np.ndarray, rng: np.random.Generator) -> tuple[Tree, list[dict[str, float]]]:
    """Learn a tree of the smallest size that is as good as the best; also return the validation of each size."""
    rows = subset(np.arange(len(X)), SELECTION_CLIENTS, rng)
    seed = int(rng.integers(2**31))
    validation = _validate(X[rows][:, ASKED], personas[rows], seed)
    best = max(validation, key=lambda size: size["macro_f1"])
    bar = best["macro_f1"] - best["standard_error"]
    for leaves in (int(size["leaves"]) for size in validation if size["macro_f1"] >= bar):
        tree = _counted(_readable(_classifier(leaves, seed).fit(X[:, ASKED], personas)), X, personas)
        missing = set(range(len(PERSONAS))) - set(tree.persona[tree.leaves])
        if not missing:
            return tree, validation
    names = ", ".join(PERSONA_NAMES[i] for i in sorted(missing))
    raise QualityGateError(f"The decision tree finds no rule for {names}: these clients do not fall into seven.")


def _counted(tree: Tree, X: np.ndarray, personas: np.ndarray) -> Tree:
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


def _readable(classifier: DecisionTreeClassifier) -> Tree:
    """Copy the learnt arrays, with cuts that can be said: whole counts and days, money in cents."""
    learnt = classifier.tree_
    shares = np.zeros((learnt.node_count, len(PERSONAS)))
    shares[:, classifier.classes_] = learnt.value[:, 0] / learnt.value[:, 0].sum(axis=1, keepdims=True)
    feature = np.where(learnt.children_left == LEAF, LEAF, ASKED[learnt.feature])
    money = np.array([INPUTS[f].kind == "money" for f in feature])
    threshold = np.where(money, np.floor(learnt.threshold * 100) / 100, np.floor(learnt.threshold))
    return Tree(
        feature,
        np.where(feature == LEAF, 0.0, threshold),
        learnt.children_left.copy(),
        learnt.children_right.copy(),
        shares,
    )
