"""The seven personas as cards: what a marketer has to know of each, in words and figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.calendar import HOURS
from contract.columns import AXES, TYPICAL, Column
from contract.errors import BadInputError
from contract.words import N_
from languages import Language
from languages.phrases import phrases_of
from segmentation.report.words import AT_TIMES, ON_DAYS

RULES_SHOWN = 2
"""More rules than this fold away."""
STANDS_OUT, LEAD, MOST = 1.25, 0.05, 0.5
"""A time is preferred from this many times its even share on, and this far before the next; "mostly" is half."""
_HOURS = {time: last - first + 1 for time, (first, last) in HOURS.items()}
_MOSTLY = N_("mostly {time} ({share})")
_RATHER = N_("more often {time} ({share}) than {other} ({other_share})")
_FLAT_TIME = N_("no time of day stands out (at most {share}, {time})")
_FLAT_DAY = N_("no day stands out (at most {share}, {time})")
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


def cards(personas: Sequence[Mapping[str, Any]], say: Language) -> list[Card]:
    """Return the cards of the personas, in their order."""
    return [_card(persona, say) for persona in personas]


def _card(persona: Mapping[str, Any], say: Language) -> Card:
    label, rules = say.of(persona["label"]), say.of(persona["rules"])
    if not _COLOUR.fullmatch(persona["colour"]):  # it goes into the style sheet
        raise BadInputError(f"The colour {persona['colour']!r} of {persona['name']} is none written #rrggbb.")
    more = len(rules) - RULES_SHOWN
    of_clients = say.gettext("of the clients ({clients})", clients=say.number(persona["clients"]))
    return Card(
        name=persona["name"],
        emoji=persona["emoji"],
        label=label,
        colour=persona["colour"],
        traits=say.capitalized(say.of(persona["traits"])),
        unlike=say.of(unlike) if (unlike := persona.get("unlike")) else "",
        bars=(
            _bar(persona["share"], of_clients, say),
            _bar(persona["revenue_share"], say.gettext("of the revenue"), say),
        ),
        tiles=tuple(
            _tile(persona["profile"], column, say)
            for column in sorted(TYPICAL[:3], key=_by_axis)
            if f"median_{column.name}" in persona["profile"]
        ),
        habits=_habits(persona["profile"], say) if persona["clients"] else (),
        opening=say.gettext("What makes a client a “{persona}”:", persona=label),
        rules=rules,
        more_rules=say.ngettext("{count} more case", "{count} more cases", more) if more > 0 else "",
        advice=say.of(persona["advice"]),
    )


def _by_axis(column: Column) -> int:
    return AXES.index(column.axis or AXES[0])


def _bar(share: float, of: str, say: Language) -> Bar:
    return Bar(round(max(share, 0.0), 4), say.percent(share), of)


def _tile(profile: Mapping[str, Any], column: Column, say: Language) -> Tile:
    low, high = (say.number(quartile) for quartile in profile[f"quartiles_{column.name}"])
    between = f"{low}\N{WORD JOINER}–\N{WORD JOINER}{high}"
    half = say.gettext("half of them: {range}", range=between) if low != high else ""
    figure = profile[f"median_{column.name}"]
    return Tile(say.number(figure), _counted(column, round(figure), say), half)


def _counted(column: Column, count: int, say: Language) -> str:
    """Return what stands behind a figure of its own: items bought in 7 months."""
    if column.kind == "days":
        return say.ngettext("day since the last purchase", "days since the last purchase", count)
    phrases = phrases_of(column)
    words = say.of(phrases.one if phrases.one and say.is_one(count) else phrases.words) if phrases else ""
    return words.removeprefix("{value} ") if words.startswith("{value} ") else say.gettext(column.label)


def _habits(profile: Mapping[str, Any], say: Language) -> tuple[tuple[str, str], ...]:
    times = _habit(profile["active_times"], AT_TIMES, _FLAT_TIME, say)
    days = _habit(profile["active_days"], ON_DAYS, _FLAT_DAY, say)
    active = say.gettext("{times}; {days}.", times=times, days=days)
    return (
        (say.gettext("Favourite brands"), _named(profile["brands"], say)),
        (say.gettext("Favourite categories"), _named(profile["categories"], say)),
        (say.gettext("When active"), say.capitalized(active)),
    )


def _named(shares: Sequence[Mapping[str, Any]], say: Language) -> str:
    named = (f"{_readable(entry['name'])} {say.percent(entry['share'])}" for entry in shares)
    return ", ".join(named) or say.gettext("none known")


def _readable(name: str) -> str:
    """Return a brand or a category's path as people write it."""
    return name.replace(".", " › ").replace("_", " ")


def _habit(shares: Mapping[str, float], words: Mapping[str, str], flat: str, say: Language) -> str:
    """Say when the clients are active: mostly at a time, rather at it than at another, or at no special one."""
    top, second = sorted(words, key=shares.__getitem__, reverse=True)[:2]  # a tie goes to the first in the words' order
    even = _HOURS.get(top, 24 / len(shares)) / 24
    phrase = _RATHER if shares[top] >= max(STANDS_OUT * even, shares[second] + LEAD) else flat
    if shares[top] >= MOST:
        phrase = _MOSTLY
    share, other_share = (say.percent(shares[time]) for time in (top, second))
    time, other = (say.gettext(words[when]) for when in (top, second))
    return say.gettext(phrase, time=time, share=share, other=other, other_share=other_share)
