"""What the report says of the data itself: what was there, what was not, and how each column is distributed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from contract.calendar import WINDOW_MONTHS
from contract.columns import COLUMNS
from contract.words import N_
from languages import Language
from segmentation.features.calendar import windows
from segmentation.report.facts import Facts, all_events_by_day

HEADINGS = (
    N_("Column"),
    N_("Values"),
    N_("Missing"),
    N_("Mean"),
    N_("Standard deviation"),
    N_("Skewness"),
    N_("Kurtosis"),
    N_("Minimum"),
    N_("Lower quartile"),
    N_("Median"),
    N_("Upper quartile"),
    N_("Maximum"),
)
_QUANTILES = ("0", "0.25", "0.5", "0.75", "1")
_DAYS = N_("{months} months: {days} of {all}")
_LARGE = 100


def about_the_data(facts: Facts, say: Language) -> list[tuple[str, str]]:
    """Return what is known of the events and of what they lack, each fact with its name."""
    if not facts.has("columns", "events.by_day"):
        return []
    days = all_events_by_day(facts)
    after = sum(events for day, events in days.items() if day > facts.as_of)
    missing = say.listed([say.gettext(label) for label in _never_recorded(facts.metrics["columns"])])
    return [
        (
            say.gettext("Days with events"),
            "; ".join(_covered(days, months, facts.as_of, say) for months in WINDOW_MONTHS),
        ),
        (say.gettext("Never recorded for any client"), missing or say.pgettext("figures", "none")),
        (say.gettext("Events after the last day counted"), say.number(after)),
    ]


def table(facts: Facts, say: Language) -> list[list[str]]:
    """Return a row for each column of the client table, as `HEADINGS` has them: its name first."""
    if not facts.has("columns"):
        return []
    found = facts.metrics["columns"]
    return [[column.name, *_cells(found[column.name], say)] for column in COLUMNS if column.name in found]


def _covered(days: Mapping[date, int], months: int, as_of: date, say: Language) -> str:
    start = windows(as_of).starts[months].date()
    busy = sum(1 for day, events in days.items() if events and start <= day <= as_of)
    return say.gettext(_DAYS, months=months, days=say.number(busy), all=say.number((as_of - start).days + 1))


def _never_recorded(columns: Mapping[str, Any]) -> list[str]:
    """Return the labels of those columns that hold nothing but zeros, or nothing at all."""
    empty = {
        name for name, its in columns.items() if not its["count"] or not any(its.get("quantiles", {"1": 1}).values())
    }
    of_longest = [c for c in COLUMNS if c.name in empty and c.months in {None, max(WINDOW_MONTHS)}]
    return list(dict.fromkeys(column.label for column in of_longest))


def _cells(its: Mapping[str, Any], say: Language) -> list[str]:
    figures = [its.get(name) for name in ("mean", "sd", "skewness", "kurtosis")]
    quantiles = [its.get("quantiles", {}).get(share) for share in _QUANTILES]
    return [
        say.number(its["count"]),
        say.number(its["nulls"]),
        *(_figure(each, say) for each in (*figures, *quantiles)),
    ]


def _figure(value: float | None, say: Language) -> str:
    if value is None:
        return ""
    return say.number(value, 0 if abs(value) >= _LARGE or value == int(value) else 2)
