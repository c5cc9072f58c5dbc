"""A tree's leaves as sentences: what a client must have done to be given a persona."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from segmentation import words
from segmentation.model.inputs import INPUTS
from segmentation.model.tree import LEAF, Tree

_AND = {"en": " and ", "fr": " et "}


@dataclass(frozen=True)
class Rule:
    """The way to one leaf: for each input on it, the values lie above the first and up to the second bound."""

    leaf: int
    bounds: dict[int, tuple[float, float]]

    def say(self, language: str) -> str:
        """Return the rule as one phrase."""
        return _AND[language].join(
            words.bounds(INPUTS[i], None if low == -math.inf else low, None if high == math.inf else high, language)
            for i, (low, high) in sorted(self.bounds.items())
        )


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
