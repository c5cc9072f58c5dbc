"""Why a client has its persona: the decision tree's path for it, in plain words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import floor, inf
from pathlib import Path
from typing import Any

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

    def _bounds(self, values: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
        bounds: dict[int, tuple[float, float]] = {}
        node = 0
        while (place := self.feature[node]) != _LEAF:
            low, high = bounds.get(place, (-inf, inf))
            threshold = self.threshold[node]
            if values[self.features[place].name] <= threshold:
                bounds[place] = (low, min(high, threshold))
                node = self.left[node]
            else:
                bounds[place] = (max(low, threshold), high)
                node = self.right[node]
        return bounds


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
        **{name: tuple(model["nodes"][name]) for name in ("feature", "threshold", "left", "right")},
    )


def _sentence(feature: Feature, value: float, low: float, high: float, language: str) -> str:
    if feature.none and high < 1:
        return feature.none[language]  # "no visit in 2 months" says the bound, too
    bounds = _money_bounds(low, high) if feature.kind == "money" else _whole_bounds(low, high)
    said = [_BOUND_WORDS[language][word].format(_number(bound, language)) for word, bound in bounds]
    words = feature.one if feature.kind != "money" and _is_one(value, language) else feature.words
    shown = Decimal(repr(value)).quantize(_CENT) if feature.kind == "money" else int(value)
    fact = words[language].format(value=_number(shown, language))
    if feature.none and value == 0:
        fact = feature.none[language]
    return f"{fact}, {_BOUND_WORDS[language]['and'].join(said)}"


def _is_one(value: float, language: str) -> bool:
    return value in (0, 1) if language == "fr" else value == 1  # French says none in the singular


def _whole_bounds(low: float, high: float) -> list[tuple[str, int]]:
    bounds = [("least", floor(low) + 1)] if low > -inf else []
    return bounds + ([("most", floor(high))] if high < inf else [])


def _money_bounds(low: float, high: float) -> list[tuple[str, Decimal]]:
    # Rounded outwards, so that what is said stays true of the value beside it.
    bounds = [("more", Decimal(repr(low)).quantize(_CENT, ROUND_FLOOR))] if low > -inf else []
    return bounds + ([("most", Decimal(repr(high)).quantize(_CENT, ROUND_CEILING))] if high < inf else [])


def _number(value: Decimal | int, language: str) -> str:
    text = f"{value:,}"
    return text.replace(",", _THIN_SPACE).replace(".", ",") if language == "fr" else text
