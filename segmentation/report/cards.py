"""The seven personas as cards: what a marketer has to know of each, in words and figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segmentation.errors import BadInputError
from segmentation.report.words import WORDS, Words, counted
from segmentation.words import number, percent

RULES_SHOWN = 2
"""More rules than this fold away."""
STANDS_OUT = 1.25
"""A time is named as the favourite from this many times its even share on."""
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
    bars: tuple[Bar, ...]
    tiles: tuple[Tile, ...]
    habits: tuple[tuple[str, str], ...]
    opening: str
    rules: Sequence[str]
    more_rules: str
    advice: str


def cards(personas: Sequence[Mapping[str, Any]], language: str) -> list[Card]:
    """Return the cards of the personas, in their order."""
    longest = max(max(persona["share"], persona["revenue_share"]) for persona in personas) or 1.0
    return [_card(persona, longest, language) for persona in personas]


def _card(persona: Mapping[str, Any], longest: float, language: str) -> Card:
    said, label, rules = WORDS[language], persona["label"][language], persona["rules"][language]
    if not _COLOUR.fullmatch(persona["colour"]):  # it goes into the style sheet
        raise BadInputError(f"The colour {persona['colour']!r} of {persona['name']} is none written #rrggbb.")
    return Card(
        name=persona["name"],
        emoji=persona["emoji"],
        label=label,
        colour=persona["colour"],
        traits=persona["traits"][language].capitalize(),
        bars=(
            _bar(persona["share"], longest, said["of_clients"].format(number(persona["clients"], language)), language),
            _bar(persona["revenue_share"], longest, said["of_revenue"], language),
        ),
        tiles=tuple(_tile(persona["profile"], name, text, language) for name, text in said["tiles"]),
        habits=_habits(persona["profile"], said, language),
        opening=said["rule"].format(persona=label, article="an" if label[:1] in "AEIOU" else "a"),
        rules=rules,
        more_rules=counted(said["more_rules"], len(rules) - RULES_SHOWN, language) if len(rules) > RULES_SHOWN else "",
        advice=persona["advice"][language],
    )


def _bar(share: float, longest: float, of: str, language: str) -> Bar:
    return Bar(round(max(share, 0.0) / longest, 4), percent(share, language), of)


def _tile(profile: Mapping[str, Any], name: str, text: str, language: str) -> Tile:
    low, high = (number(quartile, language) for quartile in profile[f"quartiles_{name}"])
    half = WORDS[language]["half"].format(f"{low}\N{WORD JOINER}–\N{WORD JOINER}{high}")
    return Tile(number(profile[f"median_{name}"], language), text, half)


def _habits(profile: Mapping[str, Any], said: Words, language: str) -> tuple[tuple[str, str], ...]:
    times = _stands_out(profile["active_times"], said["times"], said["flat_time"], language)
    days = _stands_out(profile["active_days"], said["days"], said["flat_day"], language)
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


def _stands_out(shares: Mapping[str, float], words: Mapping[str, str], flat: str, language: str) -> str:
    top = max(words, key=shares.__getitem__)  # a tie goes to the first in the words' order
    phrase = WORDS[language]["strong"] if shares[top] * len(shares) >= STANDS_OUT else flat
    return phrase.format(percent(shares[top], language, 0), words[top])
