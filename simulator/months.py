"""The shop's months, and how its traffic rises and falls over them."""

from datetime import date, timedelta
from functools import cache

import numpy as np

from simulator.draws import Floats, Ints

FIRST_DAY = date(2019, 7, 1)
LAST_DAY = date(2020, 4, 30)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
DAY_S = 86_400

MONTH_STARTS = tuple(date(2019 + (6 + m) // 12, (6 + m) % 12 + 1, 1) for m in range(10))
MONTH_NAMES = tuple(start.strftime("%Y-%b") for start in MONTH_STARTS)
MONTH_FIRST_DAYS = tuple((start - FIRST_DAY).days for start in (*MONTH_STARTS, LAST_DAY + timedelta(1)))
"""Day numbers, 2019-07-01 being 0; one more than there are months."""
REAL_MONTHS = range(3, 10)
"""Those of the real files, from 2019-10 on, by their places."""
REAL_FROM_DAY = MONTH_FIRST_DAYS[REAL_MONTHS.start]

GAP_DAY = (date(2020, 2, 27) - FIRST_DAY).days
GAP_KEPT = 0.1
"""The real logs hold 197,047 events for 2020-02-27, about a tenth of a normal day."""

REFILED_FROM_S = (date(2019, 12, 2) - FIRST_DAY).days * DAY_S
"""From 2019-12-02 the real shop files most phones under `construction`."""

_MONTH_EVENTS = (42.4, 42.4, 42.4, 42.4, 67.5, 67.5, 55.9, 55.3, 56.3, 66.6)
"""Millions of events of each month, in proportion to the compressed sizes of the real files; those before are as the
first of them."""

_WEEKDAY_WEIGHTS = (0.97, 0.98, 1.0, 0.99, 1.05, 1.06, 1.0)
_HOUR_WEIGHTS = (8, 12, 22, 38, 52, 60, 63, 64, 64, 64, 64, 63, 64, 68, 74, 79, 80, 76, 66, 50, 34, 20, 12, 8)
"""The shop's customers live some hours east of UTC: quiet from 21 h to 2 h, busiest at 16 h."""


def _positions(weights: Floats, steps: int) -> Floats:
    """Return the inverse distribution function of `weights` at `steps` midpoints."""
    edges = np.concatenate([[0.0], np.cumsum(weights)])
    places = (np.arange(steps) + 0.5) / steps * edges[-1]
    return np.asarray(np.interp(places, edges, np.arange(len(edges))), np.float64)


def _day_weights() -> Floats:
    lengths = np.diff(MONTH_FIRST_DAYS)
    weights = np.repeat(np.array(_MONTH_EVENTS) / lengths, lengths)
    weekdays = (np.arange(DAYS) + FIRST_DAY.weekday()) % 7
    return np.asarray(weights * np.array(_WEEKDAY_WEIGHTS)[weekdays], np.float64)


@cache
def _days_by_traffic(first_month: int) -> Ints:
    first = MONTH_FIRST_DAYS[first_month]
    return first + np.floor(_positions(_day_weights()[first:], 1 << 16)).astype(np.int64)


_SECONDS_BY_TRAFFIC = np.floor(_positions(np.array(_HOUR_WEIGHTS, np.float64), 1 << 16) * 3600).astype(np.int64)


def busy_day(uniform: Floats, first_month: int) -> Ints:
    """Return a day number from a month on for each number from 0 to 1, busy days more often."""
    return _days_by_traffic(first_month)[(uniform * 65536).astype(np.int64)]


def busy_second(uniform: Floats) -> Ints:
    """Return a second of the day for each number from 0 to 1, busy hours more often."""
    return _SECONDS_BY_TRAFFIC[(uniform * 65536).astype(np.int64)]
