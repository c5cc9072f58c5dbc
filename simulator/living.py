"""What clients who live do in a month, session by session."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from simulator.catalogue import band_of
from simulator.draws import Floats, Ints, Words, draw, key, mix, normal, rounded, uniform
from simulator.kinds import of_kind
from simulator.lives import BEFORE, lives, poisson
from simulator.months import DAY_S, GAP_DAY, GAP_KEPT, MONTH_FIRST_DAYS
from simulator.population import client_numbers
from simulator.sessions import Visits, second_of_day, session_words, views_of
from simulator.shop import Shop

_PER_MONTH = 1024
"""Session numbers that a client has for a month; the second half are of visits without an order."""
_MOST_ITEMS, _MOST_VISITS = 120, 200
_ITEM_SHAPE, _CLIENT_SHAPE = 6.0, 3.7
"""Of the gamma distributions of an item's price and of clients' means."""
_LEAVES_CART = 0.18
_ONE_MORE_IN_CART = 0.4
_VIEWS = 3.5
"""In a visit, in the mean."""


@dataclass(frozen=True)
class _Buyers:
    """Some clients: number, mean of the items beyond the first in an order, mean price of an item."""

    number: Ints
    more: Floats
    price: Floats


@dataclass(frozen=True)
class _Sessions:
    """Sessions being drawn: the row of each one's client, its number among the client's, and its word."""

    row: Ints
    ordinal: Ints
    word: Words
    buys: bool

    def chance(self, stream: int) -> Floats:
        """Return a number from 0 to 1 for each session, another for each stream."""
        return uniform(mix(self.word + np.uint64(stream)))


def month_of_clients(shop: Shop, month: int, first: int, last: int) -> Visits:
    """Draw the month's sessions of the clients among the users numbered from `first` to below `last`."""
    clients = client_numbers(shop)
    them = lives(shop, clients[np.searchsorted(clients, first) : np.searchsorted(clients, last)])
    lived = BEFORE + month
    kind, number = them.kind[:, lived], them.number

    def of_client(stream: str) -> Floats:
        return uniform(draw(key(shop.seed, stream), number))

    orders = them.orders[:, lived]
    keen = them.keen**0.5 * gammaincinv(4.0, of_client("visits")) / 4.0  # who buys more comes more
    was_there = them.alive[:, lived] | (orders > 0)
    visits = poisson(of_kind("visits")[kind] * keen * shop.browsing**0.5 * was_there, of_client(f"visits {month}"))
    larger = np.exp(0.5 * normal(draw(key(shop.seed, "items"), number)) - 0.125)
    dearer = (_CLIENT_SHAPE - 1) / gammaincinv(_CLIENT_SHAPE, of_client("price"))
    buyers = _Buyers(number, of_kind("items")[kind] * larger - 1, of_kind("price")[kind] * dearer)
    first_day = np.where(them.came == lived, them.first_day, 0)
    parts = []
    for counts, offset in ((orders, 0), (np.minimum(visits, _MOST_VISITS), _PER_MONTH // 2)):
        row = np.repeat(np.arange(len(number)), counts)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        ordinal = lived * _PER_MONTH + offset + nth
        word = session_words(shop.seed, number[row].astype(np.int32), ordinal.astype(np.uint16))
        sessions = _Sessions(row, ordinal, word, buys=not offset)
        day = _days(sessions, month, first_day, nth)
        kept = np.ones(len(row), bool) if sessions.buys else (day != GAP_DAY) | (sessions.chance(1) < GAP_KEPT)
        parts.append(_visits(shop, sessions, buyers, day).take(np.flatnonzero(kept)))
    return Visits.joined(parts)


def _days(sessions: _Sessions, month: int, first_day: Ints, nth: Ints) -> Ints:
    """Return the day of each session: a client's first order is on its first day, and nothing before."""
    begin, end = MONTH_FIRST_DAYS[month : month + 2]
    since = first_day[sessions.row]
    day = begin + since + np.floor(sessions.chance(8) * (end - begin - since)).astype(np.int64)
    if not sessions.buys:
        return day
    day = np.where((nth == 0) & (since > 0), begin + since, day)
    return np.where(day == GAP_DAY, GAP_DAY - 1, day)  # only a gap day's browsing may be lost


def _visits(shop: Shop, sessions: _Sessions, buyers: _Buyers, day: Ints) -> Visits:
    row, word = sessions.row, sessions.word
    number = buyers.number[row]
    own = sessions.chance(9) < _LEAVES_CART
    spread = np.exp(0.8 * normal(mix(word + np.uint64(10))) - 0.32)
    items = 1 + rounded(np.maximum(buyers.more[row], 0.05) * spread, mix(word + np.uint64(11)))
    purchases = np.minimum(items, _MOST_ITEMS) if sessions.buys else np.zeros(len(row), np.int64)
    extra = (sessions.chance(5) < _ONE_MORE_IN_CART).astype(np.int64)
    carts = purchases + extra if sessions.buys else np.where(own, 1 + extra, 0)
    views = views_of(np.full(len(row), _VIEWS * shop.browsing**0.5), word)
    events = views + carts + purchases
    step = np.minimum(8 + (word & np.uint64(0xFFFF)).astype(np.int64) % 60, (DAY_S - 1) // events)
    second = np.minimum(second_of_day(shop, number, sessions.chance(6), sessions.chance(7)), DAY_S - events * step)
    paid = buyers.price[row] * gammaincinv(_ITEM_SHAPE, sessions.chance(12)) / _ITEM_SHAPE
    return Visits(
        user=number.astype(np.int32),
        ordinal=sessions.ordinal.astype(np.uint16),
        start_s=(day * DAY_S + second).astype(np.int32),
        step_s=step.astype(np.uint8),
        views=views.astype(np.uint16),
        carts=carts.astype(np.uint8),
        purchases=purchases.astype(np.uint8),
        band=band_of(paid).astype(np.uint8),
    )
