"""Visits, that is sessions: when each begins and what happens in it, month by month and sorted by time."""

from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import pairwise

import numpy as np

from simulator.living import month_of_clients
from simulator.sessions import Visits, month_of_users
from simulator.shop import Shop

BLOCK_USERS = 1 << 17


def month_visits(shop: Shop, month: int, pool: Executor) -> Visits:
    """Return the sessions that begin in a month, sorted by their beginning."""
    edges = [*range(0, shop.users, BLOCK_USERS), shop.users]
    ways = (month_of_users,) if shop.population == "planted" else (month_of_users, month_of_clients)
    blocks = [
        block for way in ways for block in pool.map(lambda edge, way=way: way(shop, month, *edge), pairwise(edges))
    ]
    merged = Visits.joined(blocks)
    blocks.clear()
    order = merged.start_s.astype(np.int64) << 32 | np.arange(len(merged))
    order.sort()
    order &= 0xFFFFFFFF
    return merged.take(order)


def chunks(visits: Visits, events: int) -> Iterator[Visits]:
    """Cut sessions into runs of about so many events."""
    total = np.cumsum(visits.events)
    cuts = np.searchsorted(total, np.arange(events, total[-1] if len(total) else 0, events))
    for first, last in pairwise(np.unique([0, *cuts, len(visits)]).tolist()):
        yield visits.take(slice(first, last))
