"""From sessions to events: each session's views, then its carts, then its purchases, sorted by time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.catalogue import BANDS, SLOTS, Catalogue
from simulator.draws import GOLDEN, Ints, Words, draw, key, mix, uniform
from simulator.sessions import Visits, session_words

TYPES = ("view", "cart", "purchase")

DUPLICATES = 1_384_422 / 411_709_736
"""Share of exact duplicates in the real data."""

ZERO_PRICES = 0.0006
"""Share of browsed items shown without a price."""


@dataclass(frozen=True)
class Events:
    """Events, one entry each, sorted by time; `session` is the position of the session among `words`."""

    second: Ints
    """Since 2019-07-01 00:00 UTC."""
    type: npt.NDArray[np.int8]
    product: npt.NDArray[np.int32]
    priced: npt.NDArray[np.bool_]
    session: npt.NDArray[np.int32]
    user: npt.NDArray[np.int32]
    words: Words
    """One for each session."""


@dataclass(frozen=True)
class _Items:
    """What each event is about: a session's views, carts and purchases go through the same items in turn."""

    session: npt.NDArray[np.int32]
    type: npt.NDArray[np.int8]
    place: npt.NDArray[np.int32]
    """Of the event in its session."""
    word: Words
    bought: npt.NDArray[np.bool_]


def expand(visits: Visits, catalogue: Catalogue, seed: int) -> Events:
    """Return the events of some sessions, exact duplicates included."""
    words = session_words(seed, visits.user, visits.ordinal)
    items = _items(visits, words)
    session = items.session
    word = mix(items.word + items.type.astype(np.uint64))
    step = visits.step_s[session].astype(np.int64)
    within = (word & np.uint64(0xFFFF)).astype(np.int64) % step
    second = visits.start_s[session] + items.place * step + within
    product = _products(visits, catalogue, seed, items)
    priced = items.bought | (items.type > 0) | (uniform(items.word) >= ZERO_PRICES)
    order = _by_time(second, uniform(word) < DUPLICATES)
    return Events(
        second=second[order],
        type=items.type[order],
        product=product[order],
        priced=priced[order],
        session=session[order],
        user=visits.user[session[order]],
        words=words,
    )


def _items(visits: Visits, words: Words) -> _Items:
    each = visits.events
    session = np.repeat(np.arange(len(visits), dtype=np.int32), each)
    place = (np.arange(len(session)) - np.repeat(np.cumsum(each) - each, each)).astype(np.int32)
    views = visits.views[session].astype(np.int32)
    carts = visits.carts[session].astype(np.int32)
    carted, paid = place >= views, place >= views + carts
    item = place - np.where(carted, views, 0) - np.where(paid, carts, 0)
    return _Items(
        session=session,
        type=carted.astype(np.int8) + paid.astype(np.int8),
        place=place,
        word=mix(words[session] + item.astype(np.uint64) * np.uint64(GOLDEN)),
        bought=item < visits.purchases[session],
    )


def _by_time(second: Ints, twice: npt.NDArray[np.bool_]) -> Ints:
    """Return the order of the events by time, the duplicates' positions twice."""
    order = second << 32 | np.arange(len(second))
    order.sort()
    order &= 0xFFFFFFFF
    return np.repeat(order, 1 + twice[order].astype(np.int64))


def _products(visits: Visits, catalogue: Catalogue, seed: int, items: _Items) -> npt.NDArray[np.int32]:
    """Choose products near the user's price band and near their taste; what is bought lies nearer."""
    bits = items.word.astype(np.uint32).view(np.int32)
    near = (bits & 3) - (bits >> 2 & 3)
    far = (bits >> 4 & 15) - (bits >> 8 & 15)
    band = np.clip(visits.band[items.session] + near + np.where(items.bought, 0, far), 0, BANDS - 1)
    taste = draw(key(seed, "taste"), visits.user.astype(np.int64)) % np.uint64(SLOTS)
    aside = (items.word >> np.uint64(32)).astype(np.uint32).view(np.int32) * np.float32(2.0**-31)
    slot = (
        taste.astype(np.int32)[items.session] + (aside * aside * aside * np.float32(SLOTS / 2)).astype(np.int32)
    ) % SLOTS
    return np.asarray(catalogue.slots[band * SLOTS + slot], np.int32)
