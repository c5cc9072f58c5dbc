"""The kinds of clients of a shop whose clients live: how often they buy, how soon they leave, what they pay."""

from dataclasses import dataclass

import numpy as np

from simulator.draws import Floats


@dataclass(frozen=True)
class Kind:
    """A kind of client: the distributions that each one's own rate, dropout and prices are drawn from.

    Purchases while alive are a Poisson process whose rate is gamma distributed between clients, and after each a
    client leaves for good with a chance that is beta distributed (BG/NBD: P. Fader, B. Hardie and K. Lee, Marketing
    Science 24, 2005). What an item costs is gamma distributed around a client's own mean, and these means are inverse
    gamma distributed (Gamma-Gamma: P. Fader and B. Hardie, 2013).
    """

    name: str
    share: float
    rate: float
    """Mean number of orders in a month, while alive."""
    rate_shape: float
    """Of the gamma distribution: the smaller, the more clients differ."""
    leaves: float
    """Mean chance to leave after an order."""
    items: float
    """Mean number of items in an order."""
    price: float
    """Mean price of an item."""
    visits: float
    """Mean number of visits in a month that end without an order, while alive."""
    season: float = 1.0
    """The exponent of the months' weights: above 1 for those who come for the holidays."""


KINDS: tuple[Kind, ...] = (
    Kind("occasional", 0.34, 0.32, 1.5, 0.10, 1.3, 85, 1.2),
    Kind("regular", 0.20, 0.60, 2.5, 0.07, 1.6, 60, 2.2),
    Kind("one_time", 0.15, 0.40, 1.5, 0.45, 1.2, 110, 1.0),
    Kind("seasonal", 0.09, 0.30, 1.5, 0.12, 1.8, 70, 1.2, season=3.0),
    Kind("devoted", 0.06, 1.2, 3.0, 0.05, 1.7, 75, 4.0),
    Kind("hesitant", 0.08, 0.22, 1.5, 0.08, 1.1, 130, 4.0),
    Kind("splurging", 0.06, 0.25, 1.5, 0.08, 1.3, 520, 1.5),
    Kind("wholesale", 0.02, 0.8, 2.0, 0.06, 9.0, 55, 1.5),
)
"""None of them is a persona's archetype, and there are not seven."""

OF_KINDS = tuple(kind.name for kind in KINDS)


def shares(kinds: int) -> Floats:
    """Return up to which number from 0 to 1 a client is of each of the first `kinds`."""
    found = np.cumsum([kind.share for kind in KINDS[:kinds]])
    return np.asarray(found / found[-1])


def of_kind(attribute: str) -> Floats:
    """Return an attribute of every kind."""
    return np.array([getattr(kind, attribute) for kind in KINDS], np.float64)
