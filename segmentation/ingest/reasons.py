"""Why a row is rejected: the words of the account, of `rejects/`, and of the report."""

from collections.abc import Mapping
from typing import TypedDict

from contract.words import N_

WRONG_FIELDS = N_("wrong number of fields")
UNREADABLE = N_("unreadable bytes")
NO_TIME = N_("event_time is not a time")
NO_TYPE = N_("event_type is unknown")
NO_USER = N_("user_id is missing or no integer")
NO_PRODUCT = N_("product_id is missing or no integer")
BELOW_ZERO = N_("price is negative")
NO_PRICE = N_("price is missing or no finite number")

COLUMN = {
    NO_TIME: "event_time",
    NO_TYPE: "event_type",
    NO_USER: "user_id",
    NO_PRODUCT: "product_id",
    BELOW_ZERO: "price",
    NO_PRICE: "price",
}
"""The column that a reason is about."""


class Example(TypedDict):
    """The first row that was rejected for a reason: its line, and the value in question, unless that is a user's id."""

    line: int
    value: str | None


def told(rejected: Mapping[str, int], examples: Mapping[str, Example]) -> str:
    """Say how many rows were rejected for each reason, the most first, with the first of each."""
    parts = []
    for reason, count in sorted(rejected.items(), key=lambda one: -one[1]):
        example = examples.get(reason)
        first = f", first in line {example['line']:,}" if example else ""
        value = f": {example['value']}" if example and example["value"] else ""
        parts.append(f"{count:,} because {_SAID.get(reason, reason)}{first}{value}")
    return "; ".join(parts)


_SAID = {
    WRONG_FIELDS: "they have the wrong number of fields",
    UNREADABLE: "their bytes are no UTF-8 (a mapping declares another encoding)",
}


def shown(value: str) -> str | None:
    """Return a value as it may be shown in a line of text; None where it is nothing."""
    text = "".join(c if c.isprintable() else " " for c in value.strip()[: _LONGEST_SHOWN + 1])
    return f"{text[:_LONGEST_SHOWN]}…" if len(text) > _LONGEST_SHOWN else text or None


_LONGEST_SHOWN = 40
