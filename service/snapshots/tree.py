"""Why a client has its persona: the decision tree's path for it, in plain words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import pairwise
from math import floor, inf
from pathlib import Path
from typing import Any

Bounds = tuple[float, float]

LANGUAGES = ("en", "fr")
_FORMAT = 1
_LEAF = -1
_CENT = Decimal("0.01")
_THIN_SPACE = "\u202f"  # French groups thousands by a narrow no-break space

_BOUND_WORDS = {
    "en": {"least": "at least {}", "more": "more than {}", "most": "at most {}", "and": " and "},
    "fr": {"least": "au moins {}", "more": "plus de {}", "most": "au plus {}", "and": " et "},
}


@dataclass(frozen=True)
class Feature:
    """One that the tree asks about; `words` has `{value}` in each language, `one` and `none` for one thing and none."""

    name: str
    kind: str
    words: Mapping[str, str]
    one: Mapping[str, str]
    none: Mapping[str, str] | None


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

    def fact(self, name: str, value: float, language: str) -> str:
        """Say a value of a feature that the model knows, such as "2 visits in 7 months"."""
        feature = next(feature for feature in self.features if feature.name == name)
        return _fact(feature, value, language)

    def reasons(self, values: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return a sentence for each feature on the client's path, in the order of the path, by language."""
        bounds = self._bounds(values)
        return {
            language: [
                _sentence(self.features[place], values[self.features[place].name], low, high, language)
                for place, (low, high) in bounds.items()
            ]
            for language in LANGUAGES
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
        features=tuple(
            Feature(f["name"], f["kind"], f["words"], f.get("one", f["words"]), f.get("none"))
            for f in model["features"]
        ),
        **{
            name: tuple(model["nodes"][name])
            for name in ("feature", "threshold", "left", "right", "persona", "confidence")
        },
    )


def _sentence(feature: Feature, value: float, low: float, high: float, language: str) -> str:
    if feature.none and high < 1:
        return feature.none[language]  # "no visit in 2 months" says the bound, too
    bounds = _money_bounds(low, high) if feature.kind == "money" else _whole_bounds(low, high)
    said = [_BOUND_WORDS[language][word].format(number(bound, language)) for word, bound in bounds]
    return f"{_fact(feature, value, language)}, {_BOUND_WORDS[language]['and'].join(said)}"


def _fact(feature: Feature, value: float, language: str) -> str:
    if feature.none and value == 0:
        return feature.none[language]
    words = feature.one if feature.kind != "money" and _is_one(value, language) else feature.words
    shown = rounded(value, 2) if feature.kind == "money" else int(value)
    return words[language].format(value=number(shown, language))


def _is_one(value: float, language: str) -> bool:
    return value in (0, 1) if language == "fr" else value == 1  # French says none in the singular


def _whole_bounds(low: float, high: float) -> list[tuple[str, int]]:
    bounds = [("least", floor(low) + 1)] if low > -inf else []
    return bounds + ([("most", floor(high))] if high < inf else [])


def _money_bounds(low: float, high: float) -> list[tuple[str, Decimal]]:
    # Rounded outwards, so that what is said stays true of the value beside it.
    bounds = [("more", Decimal(repr(low)).quantize(_CENT, ROUND_FLOOR))] if low > -inf else []
    return bounds + ([("most", Decimal(repr(high)).quantize(_CENT, ROUND_CEILING))] if high < inf else [])


def rounded(value: float | Decimal, decimals: int = 0) -> Decimal:
    """Round half up, as people do: 0.125 is 0.13, and 140.5 is 141."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def number(value: Decimal | int, language: str) -> str:
    """Write a number with the language's separators."""
    text = f"{value:,}"
    return text.replace(",", _THIN_SPACE).replace(".", ",") if language == "fr" else text
