"""The day of each session."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.behaviours import VISITOR_CODE
from simulator.draws import Floats, Ints, Words, draw, key, mix, uniform
from simulator.months import FIRST_DAY, GAP_DAY, MONTH_FIRST_DAYS, busy_day
from simulator.population import Users
from simulator.shop import Shop

_OWN_WEEKDAY = 0.35
"""Chance that a session falls on the user's own weekday."""


@dataclass(frozen=True)
class Sessions:
    """Sessions being drawn: the row of each one's user among `them`, and its word."""

    them: Users
    row: npt.NDArray[np.int32]
    ordinal: npt.NDArray[np.uint16]
    word: Words

    def chance(self, stream: int) -> Floats:
        """Return a number from 0 to 1 for each session, another for each stream."""
        return uniform(mix(self.word + np.uint64(stream)))


def days_of(shop: Shop, sessions: Sessions) -> Ints:
    """Return the day of each session; only a gap day's browsing may be lost, so no purchase falls on it."""
    bought = _days_of_purchases(sessions)
    bought = np.where(bought == GAP_DAY, GAP_DAY - 1, bought)
    buying = sessions.them.buying_sessions[sessions.row]
    return np.where(sessions.ordinal < buying, bought, _days_of_browsing(shop, sessions))


def _days_of_purchases(sessions: Sessions) -> Ints:
    """Go back from the last purchase in even steps, each a little early or late."""
    them, row = sessions.them, sessions.row
    steps = np.maximum(them.buying_sessions[row] - 1, 1)
    back = (sessions.ordinal - 0.5 + 0.6 * (uniform(sessions.word) - 0.5)) / steps
    back = np.where(sessions.ordinal == 0, 0.0, back * them.purchase_span_days[row])
    return np.floor(them.last_purchase_day[row] - back).astype(np.int64)


def _days_of_browsing(shop: Shop, sessions: Sessions) -> Ints:
    """Spread a client's visits evenly over their active days, a visitor's as the traffic goes."""
    them, row, chance = sessions.them, sessions.row, uniform(sessions.word)
    buying = them.buying_sessions[row]
    place = (sessions.ordinal - buying + chance) / np.maximum(them.sessions[row] - buying, 1)
    day = np.floor(them.browses_from_day[row] + place * them.browses_days[row]).astype(np.int64)
    day = np.where(them.behaviour[row] == VISITOR_CODE, busy_day(chance, shop.months.start), day)
    own = (draw(key(shop.seed, "weekday"), them.number) % np.uint64(7)).astype(np.int64)[row]
    since_own = (day + FIRST_DAY.weekday() - own) % 7
    moves = (sessions.chance(2) < _OWN_WEEKDAY) & (day - since_own >= MONTH_FIRST_DAYS[shop.months.start])
    return day - np.where(moves, since_own, 0)
