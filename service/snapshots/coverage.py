"""Whether a snapshot's longest window is filled: figures of 7 months cannot stand beside those of fewer."""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

_MONTHS = 7
_QUIET = timedelta(days=7)
"""A shop may begin its window with some days without an event, such as holidays."""


def begins_late(metrics: Mapping[str, Any], as_of: date) -> date | None:
    """Return the day of the first event if the window begins more than a week before; None too if nobody counted."""
    begin = months_before(as_of + timedelta(days=1), _MONTHS)
    by_day: Mapping[str, int] = metrics.get("events", {}).get("by_day", {})
    within = [day for day in by_day if begin.isoformat() <= day <= as_of.isoformat()]
    first = date.fromisoformat(min(within)) if within else None
    return first if first and first - begin > _QUIET else None


def months_before(day: date, months: int) -> date:
    """Go back calendar months; a day that the month does not have becomes its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
