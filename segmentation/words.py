"""Numbers and bounds as people write them, in English and in French."""

from decimal import ROUND_HALF_UP, Decimal

from segmentation.features.columns import Column

LANGUAGES = ("en", "fr")

_AT_MOST = {"en": "at most {}", "fr": "au plus {}"}
_AT_LEAST = {"en": "at least {}", "fr": "au moins {}"}
_ABOVE = {"en": "more than {}", "fr": "plus de {}"}
_BETWEEN = {"en": "{} to {}", "fr": "{} à {}"}


def number(value: float | Decimal, language: str, decimals: int = 0) -> str:
    """Write a number with the language's separators, rounded half up: 1,234.50 or 1 234,50."""
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    text = f"{rounded + 0:,}"  # no negative zero
    if language == "fr":
        # The thin space does not break, so that a number stays on one line.
        text = text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
    return text


def percent(share: float, language: str, decimals: int = 1) -> str:
    """Write a share of 1 in percent: 12.5 %, or 12,5 % with a space that does not break."""
    space = "\N{NO-BREAK SPACE}" if language == "fr" else " "
    return f"{number(100 * Decimal(str(share)), language, decimals)}{space}%"


def bounds(column: Column, above: float | None, at_most: float | None, language: str) -> str:
    """Say the values of a column with `above` < value ≤ `at_most`; either may be missing."""
    if column.words is None:
        raise ValueError(f"{column.name} has no words")
    if at_most == 0 and column.none:
        return column.none[language]
    decimals = 2 if column.kind == "money" else 0
    low, high = above, at_most
    if low is not None and decimals == 0:
        low += 1  # the next whole number
    if low is not None and high is not None:
        if low == high:
            said = number(low, language)
        else:
            said = _BETWEEN[language].format(number(low, language, decimals), number(high, language, decimals))
    elif high is not None:
        said = _AT_MOST[language].format(number(high, language, decimals))
    else:
        phrase = _ABOVE if decimals else _AT_LEAST
        said = phrase[language].format(number(low or 0.0, language, decimals))
    singular = high == 1 or (high is None and low == 1)
    phrases = column.one if column.one and singular and not decimals else column.words
    return phrases[language].format(value=said)
