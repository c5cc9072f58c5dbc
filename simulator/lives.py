"""The lives of a shop's clients: when each comes, how often it buys in each month, how it changes, when it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv

from simulator.draws import Floats, Ints, draw, key, uniform
from simulator.kinds import of_kind, shares
from simulator.months import MONTH_FIRST_DAYS
from simulator.shop import Shop

BEFORE = 12
"""Months before the first file, so that some clients have a past that no file tells."""
MONTHS = BEFORE + len(MONTH_FIRST_DAYS)
"""All months that are lived: those before, those of the files, and the one after."""
SEASON = (0.9, 0.9, 0.95, 1.0, 1.2, 1.35, 0.85, 0.85, 0.95, 1.0, 1.0, 0.95)
"""What a month weighs, from July on."""
MOST_ORDERS = 60
"""In a month."""

_DISPERSION = 4.0
"""The two parameters of the beta distribution together."""
_CHANGES = 0.2
"""Share of the clients who become another kind at some time."""
_OLD = 0.5
"""Share of the clients who first bought before the first file."""


@dataclass(frozen=True)
class Lives:
    """Some clients, by number; the tables have a row a client and a column a month, the months before included.

    `rate` is how many orders are expected of a client who is alive, `orders` how many there are; the first order falls
    on the day `first_day` of the month `came`. `alive` is whether a client has come and not left by a month's end.
    """

    number: Ints
    came: Ints
    first_day: Ints
    kind: npt.NDArray[np.int8]
    keen: Floats
    """How many orders are expected of a client, in proportion to others of its kind."""
    rate: Floats
    orders: Ints
    alive: npt.NDArray[np.bool_]


def lives(shop: Shop, number: Ints) -> Lives:
    """Draw the lives of the clients of these numbers."""
    seed, rows, months = shop.seed, len(number), np.arange(MONTHS)

    def chance(stream: str) -> Floats:
        return uniform(draw(key(seed, stream), number))

    came, first_day = _arrivals(chance("came"), chance("first day"))
    both, changed = _kinds(shop, chance("kind"), chance("changes"), chance("changes when"), chance("changes to"))
    kind = np.where(changed, both[1][:, None], both[0][:, None]).astype(np.int8)

    def by_month(of: Sequence[Floats]) -> Floats:
        """Return for each month what a client has of its first kind, and of the one that it becomes."""
        return np.where(changed, of[1][:, None], of[0][:, None])

    season = np.array(SEASON)[months % len(SEASON)]
    keen = [gammaincinv(of_kind("rate_shape")[k], chance("rate")) / of_kind("rate_shape")[k] for k in both]
    rate = by_month(keen) * of_kind("rate")[kind] * season ** of_kind("season")[kind]
    means = [of_kind("leaves")[k] for k in both]
    leaves = by_month([betaincinv(_DISPERSION * mean, _DISPERSION * (1 - mean), chance("leaves")) for mean in means])
    orders, alive = np.zeros((rows, MONTHS), np.int64), np.zeros((rows, MONTHS), bool)
    is_there = np.zeros(rows, bool)
    for month in range(MONTHS):
        comes = came == month
        before_it = np.where(comes, first_day / 30.5, 0.0)
        wanted = np.where(is_there | comes, poisson(rate[:, month] * (1 - before_it), chance(f"orders {month}")), 0)
        wanted = np.minimum(wanted + comes, MOST_ORDERS)
        # The order after which a client leaves, counted from 1: geometric.
        last = np.ceil(np.log1p(-chance(f"leaves {month}")) / np.log1p(-np.clip(leaves[:, month], 1e-9, 1 - 1e-9)))
        orders[:, month] = np.minimum(wanted, np.maximum(last, 1))
        is_there = (is_there | comes) & (wanted < np.maximum(last, 1))
        alive[:, month] = is_there
    return Lives(number, came, first_day, kind, keen[0], rate, orders, alive)


def _arrivals(chance: Floats, day: Floats) -> tuple[Ints, Ints]:
    """Return the month and the day in it of each client's first order."""
    early = np.floor(chance / _OLD * BEFORE)
    late = BEFORE + np.floor((chance - _OLD) / (1 - _OLD) * (MONTHS - BEFORE - 1))
    return np.where(chance < _OLD, early, late).astype(np.int64), np.floor(day * 28).astype(np.int64)


def _kinds(
    shop: Shop, kind: Floats, changes: Floats, when: Floats, to: Floats
) -> tuple[list[Ints], npt.NDArray[np.bool_]]:
    """Return the kinds that each client is at first and later, and whether it has changed in each month."""
    ends = shares(shop.kinds)
    both = [np.minimum(np.searchsorted(ends, chance, side="right"), len(ends) - 1) for chance in (kind, to)]
    return both, (changes < _CHANGES)[:, None] & (np.arange(MONTHS) >= np.floor(when * MONTHS)[:, None])


def poisson(mean: Floats, chance: Floats) -> Ints:
    """Return the quantile of Poisson distributions, `MOST_ORDERS` at most."""
    probability = np.exp(-mean)
    below, count = probability.copy(), np.zeros(len(mean), np.int64)
    for k in range(1, MOST_ORDERS + 1):
        more = chance > below
        if not more.any():
            break
        count += more
        probability = probability * mean / k
        below += probability
    return count
