"""A language: how it says texts, counts, numbers, shares, amounts and dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from typing import TypeVar

from babel import Locale
from babel.lists import format_list
from babel.numbers import NumberPattern, parse_pattern

from languages.catalogue import DEFAULT, catalogue, codes

LANGUAGES = codes()

_LOCALES = {"en": "en_GB"}
"""Where a language's dates are written in more than one way, the place whose way is ours: 30 April 2020."""
_CENTS_BELOW = 100
_WHOLE_FROM = Decimal("9.95")
_WHOLE_TO = Decimal(99)
_LEAST = Decimal("0.1")
_PERCENT = Decimal(100)
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Language:
    """One of `LANGUAGES`, by its code."""

    code: str

    @cached_property
    def locale(self) -> Locale:
        """Return Babel's locale."""
        return Locale.parse(_LOCALES.get(self.code, self.code))

    @cached_property
    def name(self) -> str:
        """Return the language's name in itself."""
        return self.capitalized(Locale(self.code).get_display_name(self.code) or self.code)

    def gettext(self, message: str, **values: object) -> str:
        """Say a text; `values` stand in it for `{name}`."""
        said = catalogue(self.code).gettext(message)
        return said.format(**values) if values else said

    def pgettext(self, context: str, message: str, **values: object) -> str:
        """Say a text that means something else elsewhere."""
        said = catalogue(self.code).pgettext(context, message)
        return said.format(**values) if values else said

    def ngettext(self, one: str, many: str, count: float, **values: object) -> str:
        """Say a text in the form for so many; `{count}` in it is the number, written out unless given."""
        said = catalogue(self.code).ngettext(one, many, self._form(count))
        return said.format(**{"count": self.decimal(count), **values})

    def is_one(self, count: int) -> bool:
        """Return whether a count takes the singular, as 0 does in French."""
        return self.locale.plural_form(count) == "one"

    def _form(self, count: float) -> int:
        """Return a whole number that takes the same form as a count, which may have halves."""
        if count == int(count):
            return int(count)
        return 1 if self.locale.plural_form(Decimal(str(count))) == "one" else 2

    def of(self, by_language: Mapping[str, _Value]) -> _Value:
        """Return what a snapshot says in this language, or in English where it was made before the language was."""
        return by_language[self.code if self.code in by_language else DEFAULT]

    def number(self, value: float | Decimal, decimals: int = 0) -> str:
        """Write a number, rounded half up, as people do: 0.125 is 0.13, and 140.5 is 141."""
        return _decimal(rounded(value, decimals), self.locale)

    def whole(self, value: float | Decimal) -> str:
        """Write a whole number, or a rounded one."""
        return self.number(value)

    def decimal(self, value: float) -> str:
        """Write a number that may have halves, such as a median of counts."""
        return self.number(value, 1) if value % 1 else self.number(value)

    def money(self, value: float | Decimal) -> str:
        """Write an amount with its cents."""
        return self.number(value, 2)

    def about(self, kind: str, value: float) -> str:
        """Write the figure of a group of clients: cents say something of small amounts only."""
        if kind != "money":
            return self.decimal(value)
        return self.money(value) if abs(value) < _CENTS_BELOW else self.whole(value)

    def percent(self, share: float | Decimal, decimals: int | None = None) -> str:
        """Write a share of 1 in percent: by default whole, with a decimal below ten percent and above 99.

        By default, what is not nothing is not written as 0 %, nor what is not all as 100 %.
        """
        percent = _PERCENT * Decimal(str(share))
        if decimals is not None:
            return self._percent(rounded(percent, decimals))
        if 0 < percent < _LEAST:
            return f"<{self._percent(_LEAST)}"
        if _PERCENT - _LEAST < percent < _PERCENT:
            return f">{self._percent(_PERCENT - _LEAST)}"
        return self._percent(rounded(percent, int(0 < percent < _WHOLE_FROM or _WHOLE_TO < percent < _PERCENT)))

    def _percent(self, percent: Decimal) -> str:
        return _percent_pattern(self.locale, -int(percent.as_tuple().exponent)).apply(percent / _PERCENT, self.locale)

    def day(self, day: date) -> str:
        """Write a day, such as 30 April 2020."""
        from babel.dates import format_date  # noqa: PLC0415 (slow to read, and a look-up needs no date)

        pattern = self.locale.date_formats["long"].pattern
        if day.day == 1:  # which French says as an ordinal: 1er
            first = self.pgettext("day of the month", "1")
            pattern = pattern.replace("d", f"'{first}'", 1)
        return str(format_date(day, pattern, locale=self.locale))

    def month(self, month: int) -> str:
        """Write a month, 1 to 12, in short."""
        return str(self.locale.months["stand-alone"]["abbreviated"][month])

    def weekday(self, weekday: int) -> str:
        """Write a weekday, Monday as 0, in short."""
        return str(self.locale.days["stand-alone"]["abbreviated"][weekday])

    def listed(self, texts: Sequence[str]) -> str:
        """Join texts by commas, and the last by "and"."""
        return format_list(texts, locale=self.locale)

    def capitalized(self, text: str) -> str:
        """Begin a text with a capital letter, and leave the rest as it is."""
        return text[:1].upper() + text[1:]


@cache
def language(code: str) -> Language:
    """Return the language of a code; raise ValueError for one that is not there."""
    if code not in LANGUAGES:
        raise ValueError(f"{code!r} is none of the languages {', '.join(LANGUAGES)}")
    return Language(code)


def rounded(value: float | Decimal, decimals: int = 0) -> Decimal:
    """Round half up: 0.125 is 0.13, and 140.5 is 141; never to a negative zero."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0


@cache
def _decimal_pattern(decimals: int) -> NumberPattern:
    return parse_pattern(f"#,##0.{'0' * decimals}" if decimals else "#,##0")


def _decimal(value: Decimal, locale: Locale) -> str:
    return _decimal_pattern(-int(value.as_tuple().exponent)).apply(value, locale)


@cache
def _percent_pattern(locale: Locale, decimals: int) -> NumberPattern:
    pattern = locale.percent_formats[None].pattern
    return parse_pattern(pattern.replace("#,##0", f"#,##0.{'0' * decimals}") if decimals else pattern)
