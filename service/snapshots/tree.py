"""Why a client has its persona: the decision tree's path for it, in plain words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

from languages import LANGUAGES, Language, language
from languages.phrases import Phrases, phrases_in

Bounds = tuple[float, float]

_FORMAT = 1
_LEAF = -1
SAID = {code: language(code) for code in LANGUAGES}
"""Every language, by its code."""


@dataclass(frozen=True)
class Feature:
    """One that the tree asks about, and how it is spoken of."""

    name: str
    phrases: Phrases


@dataclass(frozen=True)
class Tree:
    """A client goes left at a node when its feature is at most the threshold; a leaf has feature -1."""

    features: tuple[Feature, ...]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    persona: tuple[int, ...]
    confidence: tuple[float, ...]

    @cached_property
    def asked(self) -> frozenset[str]:
        """Return the features that some node asks about."""
        return frozenset(self.features[place].name for place in self.feature if place != _LEAF)

    def answer(self, values: Mapping[str, Any]) -> tuple[int, float]:
        """Return persona (its place) and confidence for a client with these values."""
        leaf = self._path(values)[-1]
        return self.persona[leaf], self.confidence[leaf]

    @cached_property
    def leaves(self) -> list[tuple[int, dict[str, Bounds]]]:
        """Return each leaf's persona and the values that lead there: low < value <= high, by feature."""
        found = []
        waiting: list[tuple[int, dict[str, Bounds]]] = [(0, {})]
        while waiting:
            node, bounds = waiting.pop()
            if (place := self.feature[node]) == _LEAF:
                found.append((self.persona[node], bounds))
                continue
            name, threshold = self.features[place].name, self.threshold[node]
            low, high = bounds.get(name, (-inf, inf))
            waiting.append((self.left[node], {**bounds, name: (low, min(high, threshold))}))
            waiting.append((self.right[node], {**bounds, name: (max(low, threshold), high)}))
        return found

    def fact(self, name: str, value: float, say: Language) -> str:
        """Say a value of a feature that the model knows, such as "2 visits in 7 months"."""
        return next(feature for feature in self.features if feature.name == name).phrases.fact(value, say)

    def reasons(self, values: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return a sentence for each feature on the client's path, in the order of the path, by language."""
        path = [(self.features[place], bounds) for place, bounds in self._bounds(values).items()]
        return {
            code: [feature.phrases.reason(values[feature.name], low, high, say) for feature, (low, high) in path]
            for code, say in SAID.items()
        }

    def _bounds(self, values: Mapping[str, Any]) -> dict[int, Bounds]:
        bounds: dict[int, Bounds] = {}
        path = self._path(values)
        for node, following in pairwise(path):
            place, threshold = self.feature[node], self.threshold[node]
            low, high = bounds.get(place, (-inf, inf))
            left = following == self.left[node]
            bounds[place] = (low, min(high, threshold)) if left else (max(low, threshold), high)
        return bounds

    def _path(self, values: Mapping[str, Any]) -> list[int]:
        nodes = [0]
        while (place := self.feature[node := nodes[-1]]) != _LEAF:
            below = values[self.features[place].name] <= self.threshold[node]
            nodes.append(self.left[node] if below else self.right[node])
        return nodes


def open_tree(file: Path) -> Tree:
    """Read `model/tree.json`."""
    model = json.loads(file.read_bytes())
    if model["format"] != _FORMAT:
        raise ValueError(f"{file.name} is not of format {_FORMAT}")
    return Tree(
        features=tuple(Feature(feature["name"], phrases_in(feature)) for feature in model["features"]),
        **{
            name: tuple(model["nodes"][name])
            for name in ("feature", "threshold", "left", "right", "persona", "confidence")
        },
    )
