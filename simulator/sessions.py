"""What a block of users does in a month, session by session."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from simulator.behaviours import VISITOR_CODE
from simulator.days import Sessions, days_of
from simulator.draws import Floats, Ints, Words, draw, key, mix, normal, rounded, uniform
from simulator.months import DAY_S, GAP_DAY, GAP_KEPT, MONTH_FIRST_DAYS, busy_second
from simulator.population import users
from simulator.shop import Shop

MOST_VIEWS = 400
"""In one session."""

_OWN_HOUR = 0.5
"""Chance that a session falls into the user's own hour."""

_ONE_MORE_IN_CART = 0.4


@dataclass(frozen=True)
class Visits:
    """Sessions, one entry each, in compact types: a month of the real shop has 13 million of them."""

    user: npt.NDArray[np.int32]
    ordinal: npt.NDArray[np.uint16]
    """Number of the session among the user's."""
    start_s: npt.NDArray[np.int32]
    """Seconds since 2019-07-01 00:00 UTC."""
    step_s: npt.NDArray[np.uint8]
    views: npt.NDArray[np.uint16]
    carts: npt.NDArray[np.uint8]
    purchases: npt.NDArray[np.uint8]
    band: npt.NDArray[np.uint8]

    def take(self, rows: npt.NDArray[np.int64] | slice) -> "Visits":
        """Return some of the sessions."""
        return Visits(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["Visits"]) -> "Visits":
        """Put sessions behind each other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @property
    def events(self) -> Ints:
        """Return the number of events in each session, duplicates not counted."""
        return self.views.astype(np.int64) + self.carts + self.purchases

    def __len__(self) -> int:
        return len(self.user)


def session_words(seed: int, user: npt.NDArray[np.int32], ordinal: npt.NDArray[np.uint16]) -> Words:
    """Return the word that everything about a session is drawn from; no two sessions share it."""
    return draw(key(seed, "session"), user.astype(np.uint64) << np.uint64(16) | ordinal)


def month_of_users(shop: Shop, month: int, first: int, last: int) -> Visits:
    """Draw the month's sessions of the users numbered from `first` to below `last`, if the shop is planted.

    Of one whose clients live they are those of its visitors.
    """
    them = users(shop, first, last)
    if shop.population == "living":
        them = them.take(np.flatnonzero(them.behaviour == VISITOR_CODE))
    row = np.repeat(np.arange(len(them.number), dtype=np.int32), them.sessions)
    before = np.repeat(np.cumsum(them.sessions) - them.sessions, them.sessions)
    ordinal = (np.arange(len(row)) - before).astype(np.uint16)
    word = session_words(shop.seed, them.number[row].astype(np.int32), ordinal)
    every = Sessions(them, row, ordinal, word)
    day = days_of(shop, every)
    mine = (day >= MONTH_FIRST_DAYS[month]) & (day < MONTH_FIRST_DAYS[month + 1])
    mine &= (day != GAP_DAY) | (every.chance(1) < GAP_KEPT)
    return _visits(shop, Sessions(them, row[mine], ordinal[mine], word[mine]), day[mine])


def _visits(shop: Shop, sessions: Sessions, day: Ints) -> Visits:
    them, row, word = sessions.them, sessions.row, sessions.word
    purchases = _purchases(sessions)
    carts = _carts(sessions, purchases)
    views = views_of(them.views_per_session[row], word)
    events = views + carts + purchases
    step = 8 + (word & np.uint64(0xFFFF)).astype(np.int64) % 60
    step = np.minimum(step, (DAY_S - 1) // events)
    clock = second_of_day(shop, them.number[row], sessions.chance(6), sessions.chance(7))
    second = np.minimum(clock, DAY_S - events * step)
    return Visits(
        user=them.number[row].astype(np.int32),
        ordinal=sessions.ordinal,
        start_s=(day * DAY_S + second).astype(np.int32),
        step_s=step.astype(np.uint8),
        views=views.astype(np.uint16),
        carts=carts.astype(np.uint8),
        purchases=purchases.astype(np.uint8),
        band=them.band[row].astype(np.uint8),
    )


def _purchases(sessions: Sessions) -> Ints:
    """Share a client's purchase rows out over their buying sessions."""
    rows, buying = sessions.them.purchases[sessions.row], sessions.them.buying_sessions[sessions.row]
    shared = np.maximum(buying, 1)
    return np.where(sessions.ordinal < buying, rows // shared + (sessions.ordinal < rows % shared), 0)


def _carts(sessions: Sessions, purchases: Ints) -> Ints:
    """Return the cart events of each session; the sessions that leave a cart behind are spread evenly."""
    them, row = sessions.them, sessions.row
    others = np.maximum(them.sessions[row] - them.buying_sessions[row], 1)
    place = sessions.ordinal.astype(np.int64) - them.buying_sessions[row]
    left = them.cart_sessions[row]
    leaves = (place + 1) * left // others > place * left // others
    more = (sessions.chance(5) < _ONE_MORE_IN_CART).astype(np.int64)
    return np.where(purchases > 0, purchases + more, np.where(leaves, 1 + more, 0))


def views_of(mean: Floats, word: Words) -> Ints:
    """Return the views of each session, at least one; 0.8 undoes the mean of the variation."""
    vary = 0.8 * np.exp(0.7 * normal(mix(word + np.uint64(3))))
    return np.clip(rounded(mean * vary, mix(word + np.uint64(4))), 1, MOST_VIEWS)


def second_of_day(shop: Shop, number: Ints, chance: Floats, keeps: Floats) -> Ints:
    """Return when each session of a user's begins: around the user's own hour, or as the traffic goes."""
    own = uniform(draw(key(shop.seed, "hour"), number))
    near = busy_second(own) + ((chance - 0.5) * 4 * 3600).astype(np.int64)
    return np.clip(np.where(keeps < _OWN_HOUR, near, busy_second(chance)), 0, DAY_S - 1)
