"""The decision tree that gives personas: plain arrays of readable cuts."""

from dataclasses import dataclass

import numpy as np

LEAF = -1


@dataclass(frozen=True)
class Tree:
    """A binary tree as arrays by node: go left where the input is at most the threshold.

    `feature` is an index into INPUTS, -1 at a leaf; `shares` has the training clients' personas at each
    node, shape (nodes, 7); `held` the share of a leaf's clients to whom models of other samples give the same persona.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    shares: np.ndarray
    held: np.ndarray

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
        """Return the share of that persona among the node's clients, less what other samples would tell otherwise."""
        return (self.shares.max(axis=1) * self.held).round(4)

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
