"""A client's figures beside those of its persona's typical client, as places on a line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from contract.columns import TYPICAL, Column, is_recorded

_FULL = 100.0
_MARGIN = 1.08
"""The largest value stands a little before the end of the line."""


@dataclass(frozen=True)
class Comparison:
    """One figure of a client, and of its persona: the median, and the quartiles where the snapshot knows them."""

    column: Column
    own: float
    median: float
    quartiles: tuple[float, float] | None

    def at(self, value: float) -> float:
        """Return where a value stands on a line from 0 to the largest, in percent."""
        most = max(self.own, self.median, *(self.quartiles or ())) * _MARGIN
        return _FULL * value / most if most else 0.0

    @property
    def verdict(self) -> str:
        """Return where the client stands among its persona: below, within or above its middle half, or its median."""
        low, high = self.quartiles or (self.median, self.median)
        return "below" if self.own < low else "above" if self.own > high else "within"


def compared(features: Mapping[str, Any], profile: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Comparison]:
    """Return the client's main figures beside its persona's, those that both have and the shop records."""
    return [
        Comparison(column, features[column.name], profile[f"median_{column.name}"], _pair(profile, column.name))
        for column in TYPICAL
        if features.get(column.name) is not None and f"median_{column.name}" in profile and is_recorded(column, metrics)
    ]


def readable(name: str) -> str:
    """Return a brand or a category's path as people write it."""
    return name.replace(".", " › ").replace("_", " ")


def date_of(instant: str) -> date:
    """Return the day of an instant as an answer has it, by ISO 8601 in UTC."""
    return datetime.fromisoformat(instant).date()


def _pair(profile: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    found = profile.get(f"quartiles_{name}")
    return (found[0], found[1]) if found else None
