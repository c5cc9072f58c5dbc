"""A tree's leaves as sentences: what a client must have done to be given a persona."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from contract.columns import INPUTS
from languages import Language
from languages.phrases import phrases_of
from segmentation.model.tree import LEAF, Tree


@dataclass(frozen=True)
class Rule:
    """The way to one leaf: for each input on it, the values lie above the first and up to the second bound."""

    leaf: int
    bounds: dict[int, tuple[float, float]]

    def said(self, say: Language) -> str:
        """Return the rule as one phrase."""
        ranges = [
            phrases.range(low, high, say)
            for i, (low, high) in sorted(self.bounds.items())
            if (phrases := phrases_of(INPUTS[i]))
        ]
        return say.listed(ranges)


def rules(tree: Tree) -> list[Rule]:
    """Return the rule of each leaf, from left to right."""
    return list(_walk(tree, 0, {}))


def _walk(tree: Tree, node: int, bounds: dict[int, tuple[float, float]]) -> Iterator[Rule]:
    feature = int(tree.feature[node])
    if feature == LEAF:
        yield Rule(node, bounds)
        return
    low, high = bounds.get(feature, (-math.inf, math.inf))
    cut = float(tree.threshold[node])
    yield from _walk(tree, int(tree.left[node]), bounds | {feature: (low, min(high, cut))})
    yield from _walk(tree, int(tree.right[node]), bounds | {feature: (max(low, cut), high)})
