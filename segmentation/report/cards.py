"""The seven personas as cards: what a marketer has to know of each, in words and figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segmentation.report.words import WORDS, Words, counted
from segmentation.tools.errors import BadInputError
from segmentation.words import number, percent

RULES_SHOWN = 2
"""More rules than this fold away."""
STANDS_OUT, LEAD, MOST = 1.25, 0.05, 0.5
"""A time is preferred from this many times its even share on, and this far before the next; "mostly" is half."""
_HOURS = {"morning": 7, "afternoon": 6, "evening": 6, "night": 5}
_COLOUR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Bar:
    """A share: its length from 0 to 1, and what it is a share of."""

    length: float
    text: str
    of: str


@dataclass(frozen=True)
class Tile:
    """A figure of the client in the middle, and the range of the middle half."""

    figure: str
    text: str
    half: str


@dataclass(frozen=True)
class Card:
    """A persona as its card shows it, in one language."""

    name: str
    emoji: str
    label: str
    colour: str
    traits: str
    unlike: str
    bars: tuple[Bar, ...]
    tiles: tuple[Tile, ...]
    habits: tuple[tuple[str, str], ...]
    opening: str
    rules: Sequence[str]
    more_rules: str
    advice: str


def cards(personas: Sequence[Mapping[str, Any]], language: str) -> list[Card]:
    """Return the cards of the personas, in their order."""
    return [_card(persona, language) for persona in personas]


def _card(persona: Mapping[str, Any], language: str) -> Card:
    said, label, rules = WORDS[language], persona["label"][language], persona["rules"][language]
    if not _COLOUR.fullmatch(persona["colour"]):  # it goes into the style sheet
        raise BadInputError(f"The colour {persona['colour']!r} of {persona['name']} is none written #rrggbb.")
    return Card(
        name=persona["name"],
        emoji=persona["emoji"],
        label=label,
        colour=persona["colour"],
        traits=persona["traits"][language].capitalize(),
        unlike=unlike[language] if (unlike := persona.get("unlike")) else "",
        bars=(
            _bar(persona["share"], said["of_clients"].format(number(persona["clients"], language)), language),
            _bar(persona["revenue_share"], said["of_revenue"], language),
        ),
        tiles=tuple(_tile(persona["profile"], name, one, many, language) for name, one, many in said["tiles"]),
        habits=_habits(persona["profile"], said, language),
        opening=said["rule"].format(persona=label, article="an" if label[:1] in "AEIOU" else "a"),
        rules=rules,
        more_rules=counted(said["more_rules"], len(rules) - RULES_SHOWN, language) if len(rules) > RULES_SHOWN else "",
        advice=persona["advice"][language],
    )


def _bar(share: float, of: str, language: str) -> Bar:
    return Bar(round(max(share, 0.0), 4), percent(share, language), of)


def _tile(profile: Mapping[str, Any], name: str, one: str, many: str, language: str) -> Tile:
    low, high = (number(quartile, language) for quartile in profile[f"quartiles_{name}"])
    half = WORDS[language]["half"].format(f"{low}\N{WORD JOINER}–\N{WORD JOINER}{high}") if low != high else ""
    figure = number(profile[f"median_{name}"], language)
    return Tile(figure, one if figure == "1" else many, half)


def _habits(profile: Mapping[str, Any], said: Words, language: str) -> tuple[tuple[str, str], ...]:
    times = _habit(profile["active_times"], said["times"], said["flat_time"], language)
    days = _habit(profile["active_days"], said["days"], said["flat_day"], language)
    active = f"{times}{said['semicolon']}{days}."
    return (
        (said["brands"], _named(profile["brands"], said, language)),
        (said["categories"], _named(profile["categories"], said, language)),
        (said["active"], active[0].upper() + active[1:]),
    )


def _named(shares: Sequence[Mapping[str, Any]], said: Words, language: str) -> str:
    named = (f"{_readable(entry['name'])} {percent(entry['share'], language, 0)}" for entry in shares)
    return ", ".join(named) or said["unknown"]


def _readable(name: str) -> str:
    """Return a brand or a category's path as people write it."""
    return name.replace(".", " › ").replace("_", " ")


def _habit(shares: Mapping[str, float], words: Mapping[str, str], flat: str, language: str) -> str:
    """Say when the clients are active: mostly at a time, rather at it than at another, or at no special one."""
    top, second = sorted(words, key=shares.__getitem__, reverse=True)[:2]  # a tie goes to the first in the words' order
    even = _HOURS.get(top, 24 / len(shares)) / 24
    phrase = WORDS[language]["rather"] if shares[top] >= max(STANDS_OUT * even, shares[second] + LEAD) else flat
    if shares[top] >= MOST:
        phrase = WORDS[language]["strong"]
    share, other_share = (percent(shares[time], language, 0) for time in (top, second))
    return phrase.format(time=words[top], share=share, other=words[second], other_share=other_share)
