"""Whether a snapshot's longest window is filled: figures of 7 months cannot stand beside those of fewer."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from contract.calendar import LONGEST_WINDOW, months_before

_QUIET = timedelta(days=7)
"""A shop may begin its window with some days without an event, such as holidays."""


def begins_late(metrics: Mapping[str, Any], as_of: date) -> date | None:
    """Return the day of the first event if the window begins more than a week before; None too if nobody counted."""
    begin = months_before(as_of + timedelta(days=1), LONGEST_WINDOW)
    by_day: Mapping[str, int] = metrics.get("events", {}).get("by_day", {})
    within = [day for day in by_day if begin.isoformat() <= day <= as_of.isoformat()]
    first = date.fromisoformat(min(within)) if within else None
    return first if first and first - begin > _QUIET else None
