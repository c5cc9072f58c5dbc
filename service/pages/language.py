"""The two languages of the pages: which one a request asks for, and how it writes words, numbers and dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from flask import Request

from service.snapshots.tree import LANGUAGES, number, rounded

PARAMETER = "lang"
_SPACE = "\u202f"  # French parts a number from its sign by a narrow no-break space
_CENTS_BELOW = 100
_WHOLE_FROM = Decimal("9.95")
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Wording:
    """One language."""

    language: str

    def say(self, english: str, french: str) -> str:
        """Return the words in this language."""
        return french if self.language == "fr" else english

    def of(self, by_language: Mapping[str, _Value]) -> _Value:
        """Return what a mapping by language has for this one."""
        return by_language[self.language]

    def whole(self, value: float | Decimal) -> str:
        """Write a whole number, or a rounded one."""
        return number(rounded(value), self.language)

    def decimal(self, value: float) -> str:
        """Write a number that may have halves, such as a median of counts."""
        return number(rounded(value, 1), self.language) if value % 1 else self.whole(value)

    def money(self, value: float) -> str:
        """Write an amount with its cents."""
        return number(rounded(value, 2), self.language)

    def about(self, kind: str, value: float) -> str:
        """Write the figure of a group of clients: cents say something of small amounts only."""
        if kind != "money":
            return self.decimal(value)
        return self.money(value) if abs(value) < _CENTS_BELOW else self.whole(value)

    def percent(self, share: float) -> str:
        """Write a share: whole from ten percent up, with one decimal below."""
        percent = 100 * Decimal(str(share))
        small = 0 < percent < _WHOLE_FROM
        shown = number(rounded(percent, 1), self.language) if small else self.whole(percent)
        return f"{shown}{_SPACE}%" if self.language == "fr" else f"{shown}%"

    def date(self, day: date) -> str:
        """Write a day, such as 30 April 2020."""
        month = _MONTHS[self.language].split()[day.month - 1]
        first = "1er" if self.language == "fr" and day.day == 1 else day.day
        return f"{first} {month} {day.year}"


def wording_of(request: Request) -> Wording:
    """Return the language of a request: `?lang=`, else what its browser prefers, else English."""
    asked = request.args.get(PARAMETER)
    if asked in LANGUAGES:
        return Wording(asked)
    # Not best_match: to it "fr-CA, en;q=0.5" is English, because that is there by its whole name.
    preferred = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return Wording(next((language for language in preferred if language in LANGUAGES), LANGUAGES[0]))
