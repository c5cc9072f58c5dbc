"""The shop's users: who buys, how, and how often; each drawn from its number alone."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from simulator.behaviours import BEHAVIOURS, OVERLAP_DAYS, OVERLAP_SPREAD, VISITOR_CODE, table
from simulator.catalogue import band_of
from simulator.draws import Floats, Ints, Words, draw, key, normal, rounded, uniform
from simulator.months import DAYS, GAP_DAY, REAL_FROM_DAY
from simulator.shop import Shop

WHALE_EVERY = 20_000
"""One visitor in so many, the first included, comes `WHALE_SESSIONS` times."""
WHALE_SESSIONS, WHALE_VIEWS = 400, 20

_SAME_BASKET = 0.25
"""Chance that a purchase row joins another's session: the real shop has 1.2 rows a buying session."""


@dataclass(frozen=True)
class Users:
    """Some users, one entry each; days are numbers from 2019-07-01 on."""

    number: Ints
    behaviour: Ints
    purchases: Ints
    buying_sessions: Ints
    cart_sessions: Ints
    sessions: Ints
    views_per_session: Floats
    last_purchase_day: Ints
    purchase_span_days: Floats
    browses_from_day: Floats
    browses_days: Floats
    band: Ints
    """Price band of what they buy or look at."""

    def take(self, rows: Ints) -> "Users":
        """Return some of the users."""
        return Users(*(getattr(self, field.name)[rows] for field in fields(self)))


def user_id(number: Ints) -> Ints:
    """Return the user's id: in the real shop's range, ascending with gaps."""
    return 512_000_000 + number * 7 + (draw(key(0, "user_id"), number) % np.uint64(7)).astype(np.int64)


def client_numbers(shop: Shop) -> Ints:
    """Return the user numbers of the clients, spread evenly among all users."""
    return np.arange(shop.clients) * shop.users // shop.clients


def behaviour_of(shop: Shop, number: Ints) -> Ints:
    """Return the behaviour code of each user, `VISITOR_CODE` for one who never buys."""
    client = -(-number * shop.clients // shop.users)
    buys = (client < shop.clients) & (client * shop.users // shop.clients == number)
    shares = np.cumsum([behaviour.share for behaviour in BEHAVIOURS])
    chance = uniform(draw(key(shop.seed, "behaviour"), number)) * shares[-1]
    planted = np.minimum(np.searchsorted(shares, chance, side="right"), len(BEHAVIOURS) - 1)
    return np.where(buys, planted, VISITOR_CODE)


def users(shop: Shop, first: int, last: int) -> Users:
    """Draw the users numbered from `first` to below `last`."""
    number = np.arange(first, last)
    code = behaviour_of(shop, number)
    draws = _Draws(shop, number, code)
    purchases, buying = _purchases(draws)
    carts, sessions, views = _visits(draws, buying)
    last_day = _last_purchase_day(draws)
    span = np.minimum(table("purchase_span_days")[code], last_day - REAL_FROM_DAY)
    start = np.maximum(last_day - span - table("warm_up_days")[code], REAL_FROM_DAY)
    end = np.minimum(last_day + table("afterglow_days")[code] + 1, DAYS)
    return Users(
        number=number,
        behaviour=code,
        purchases=purchases,
        buying_sessions=buying,
        cart_sessions=carts,
        sessions=sessions,
        views_per_session=views,
        last_purchase_day=last_day,
        purchase_span_days=span,
        browses_from_day=start,
        browses_days=end - start,
        band=band_of(draws.vary("total_value") / np.maximum(purchases, 1)),
    )


@dataclass(frozen=True)
class _Draws:
    """The random side of some users."""

    shop: Shop
    number: Ints
    code: Ints

    @property
    def buys(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.code != VISITOR_CODE, np.bool_)

    def words(self, stream: str) -> Words:
        return draw(key(self.shop.seed, stream), self.number)

    def vary(self, attribute: str) -> Floats:
        """Vary the behaviour's attribute from user to user, wider where behaviours overlap."""
        blur = np.where(self.buys, self.shop.overlap * OVERLAP_SPREAD, 0.0)
        spread = table("spread")[self.code] + blur
        return np.asarray(table(attribute)[self.code] * np.exp(spread * normal(self.words(attribute))))


def _purchases(draws: _Draws) -> tuple[Ints, Ints]:
    """Return the purchase rows and the sessions that they fall into."""
    rows = np.maximum(rounded(draws.vary("purchases"), draws.words("a row more")), 1)
    sessions = np.maximum(rows - rounded(rows * _SAME_BASKET, draws.words("basket")), 1)
    return np.where(draws.buys, rows, 0), np.where(draws.buys, sessions, 0)


def _visits(draws: _Draws, buying: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the sessions that leave a cart, all sessions, and the mean views in one."""
    browsing = draws.shop.browsing**0.5
    carts = rounded(draws.vary("cart_sessions") * browsing, draws.words("a cart more"))
    sessions = rounded(draws.vary("sessions") * browsing, draws.words("a session more"))
    whale = _whales(draws)
    sessions = np.where(whale, round(WHALE_SESSIONS * browsing), sessions)
    views = np.where(whale, WHALE_VIEWS, draws.vary("views_per_session")) * browsing
    return carts, np.maximum(sessions, np.maximum(buying + carts, 1)), views


def _whales(draws: _Draws) -> npt.NDArray[np.bool_]:
    clients_before = -(-draws.number * draws.shop.clients // draws.shop.users)
    return np.asarray(~draws.buys & ((draws.number - clients_before) % WHALE_EVERY == 0), np.bool_)


def _last_purchase_day(draws: _Draws) -> Ints:
    """Draw the day of the last purchase; nobody buys on the day of the logging gap."""
    low = table("recency_days", 0)[draws.code] - draws.shop.overlap * OVERLAP_DAYS
    high = table("recency_days", 1)[draws.code] + draws.shop.overlap * OVERLAP_DAYS
    recency = np.floor(low + uniform(draws.words("recency")) * (high - low + 1)).astype(np.int64)
    day = DAYS - 1 - np.clip(recency, 0, DAYS - 1 - REAL_FROM_DAY)
    return np.where(day == GAP_DAY, GAP_DAY - 1, day)
