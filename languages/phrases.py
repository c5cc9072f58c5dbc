"""A client's figures in words: a value, the range that a rule asks for, and both together."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache
from math import floor, inf
from typing import Any

from contract.columns import COLUMN, Column
from languages.language import LANGUAGES, Language, language

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Phrases:
    """How a column is spoken of.

    `words` has the phrase for a value, `one` and `none` those for 1 and 0 where they differ, by language; `{value}`
    stands in them for the value.
    """

    kind: str
    words: Mapping[str, str]
    one: Mapping[str, str] | None = None
    none: Mapping[str, str] | None = None

    def fact(self, value: float, say: Language) -> str:
        """Say a value: 3 items bought in 7 months."""
        if self.none and value == 0:
            return say.of(self.none)
        if self.kind == "money":
            return say.of(self.words).format(value=say.money(value))
        return self._counted(int(value), say.whole(int(value)), say)

    def range(self, low: float, high: float, say: Language) -> str:
        """Say which values lie above `low` and up to `high`, which may be infinite: 2 to 5 items bought in 7 months."""
        if self.none and high < 1:
            return say.of(self.none)
        if self.kind == "money":
            least_money, most_money = (None if end in (-inf, inf) else say.money(end) for end in (low, high))
            return say.of(self.words).format(value=_between(say, least_money, most_money, exclusive=True))
        least, most = _whole(low, high)
        low_said, high_said = (None if end is None else say.whole(end) for end in (least, most))
        value = say.whole(least) if least is not None and least == most else _between(say, low_said, high_said)
        return self._counted(least or 0 if most is None else most, value, say)

    def reason(self, value: float, low: float, high: float, say: Language) -> str:
        """Say a value and the bounds that it lies within: 3 items bought in 7 months, at least 2 and at most 5."""
        if self.none and high < 1:
            return say.of(self.none)  # "no visit in 2 months" says the bound, too
        if self.kind == "money":
            # Rounded outwards, so that what is said stays true of the value beside it.
            least = None if low == -inf else say.money(Decimal(repr(low)).quantize(_CENT, ROUND_FLOOR))
            most = None if high == inf else say.money(Decimal(repr(high)).quantize(_CENT, ROUND_CEILING))
            return f"{self.fact(value, say)}, {_bounds(say, least, most, exclusive=True)}"
        fewest, greatest = (None if end is None else say.whole(end) for end in _whole(low, high))
        return f"{self.fact(value, say)}, {_bounds(say, fewest, greatest)}"

    def _counted(self, count: int, value: str, say: Language) -> str:
        words = self.one if self.one and say.is_one(count) else self.words
        return say.of(words).format(value=value)


@cache
def phrases_of(column: Column) -> Phrases | None:
    """Return how a column of the table is spoken of in every language; None for one that no rule asks about."""
    if column.many is None:
        return None

    def said(text: str) -> dict[str, str]:
        return {code: language(code).gettext(text).replace("{months}", str(column.months)) for code in LANGUAGES}

    one, none = (text and said(text) for text in (column.one, column.none))
    return Phrases(column.kind, said(column.many), one or None, none or None)


def phrases_in(feature: Mapping[str, Any]) -> Phrases:
    """Return how a feature of a snapshot's tree is spoken of: as today, or as the snapshot has it if it is gone."""
    known = COLUMN.get(feature["name"])
    return (known and phrases_of(known)) or Phrases(
        feature["kind"], feature["words"], feature.get("one"), feature.get("none")
    )


def _whole(low: float, high: float) -> tuple[int | None, int | None]:
    """Return the least and the greatest whole number above `low` and up to `high`, None where there is no bound."""
    return None if low == -inf else floor(low) + 1, None if high == inf else floor(high)


def _between(say: Language, low: str | None, high: str | None, exclusive: bool = False) -> str:
    if low and high:
        return say.gettext("{low} to {high}", low=low, high=high)
    return _bounds(say, low, high, exclusive)


def _bounds(say: Language, low: str | None, high: str | None, exclusive: bool = False) -> str:
    if low is None:
        return say.gettext("at most {high}", high=high)
    if exclusive:
        if high is None:
            return say.gettext("more than {low}", low=low)
        return say.gettext("more than {low} and at most {high}", low=low, high=high)
    if high is None:
        return say.gettext("at least {low}", low=low)
    return say.gettext("at least {low} and at most {high}", low=low, high=high)
