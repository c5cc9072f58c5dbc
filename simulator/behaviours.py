"""The planted behaviours as data: what each does, and the persona that it is meant to be recovered as."""

from dataclasses import dataclass

import numpy as np

from simulator.draws import Floats


@dataclass(frozen=True)
class Behaviour:
    """How one kind of user behaves over the seven months.

    Days are whole days; `recency_days` counts back from the last day, 2020-04-30, and never straddles the
    start of a window (60 and 151 days), so that the clients of one behaviour are alike in every window.
    """

    name: str
    persona: str | None
    share: float
    recency_days: tuple[int, int]
    purchases: float
    """Mean number of purchase rows in seven months."""
    total_value: float
    """Median money spent in seven months."""
    sessions: float
    """Median number of sessions in seven months, those that end in a purchase included."""
    views_per_session: float
    cart_sessions: float
    """Mean number of sessions that put something into the cart and leave it there."""
    purchase_span_days: int
    """Days from the first purchase to the last."""
    warm_up_days: int
    """Days of browsing before the first purchase."""
    afterglow_days: int
    """Days of browsing after the last purchase."""
    spread: float = 0.12
    """Standard deviation of the logarithm of counts and money between clients, without overlap."""


# The columns: name, persona, share, recency days, purchases, total value, sessions, views per session,
# cart sessions, purchase span, warm-up and afterglow days.
BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour("big_spending_regulars", "lion", 0.13, (8, 20), 8.0, 3050, 38, 4.4, 5.5, 195, 30, 60),
    Behaviour("loyal_regulars", "bear", 0.11, (22, 38), 8.6, 520, 15, 3.4, 2, 175, 30, 60),
    Behaviour("busy_browsers", "beaver", 0.15, (28, 46), 3.2, 880, 58, 5.0, 8, 150, 60, 60),
    Behaviour("rare_big_spenders", "fox", 0.10, (90, 112), 1.8, 2050, 7, 4.2, 0.3, 20, 5, 10),
    Behaviour("small_occasionals", "squirrel", 0.20, (78, 108), 1.25, 42, 9, 3.0, 0.8, 25, 10, 115),
    Behaviour("silent", "owl", 0.19, (122, 142), 1.2, 280, 3, 2.8, 0.3, 5, 2, 3),
    Behaviour("lapsed_spenders", "tortoise", 0.12, (172, 204), 1.05, 850, 2, 3.0, 0.1, 5, 2, 3),
)

VISITOR = Behaviour("visitor", None, 0.0, (0, 0), 0.0, 130, 2.0, 1.8, 0.065, 0, 0, 0, spread=1.15)
"""A user who never buys; `total_value` is the price of what they look at. Few do much: the spread is wide."""

EVERYONE = (*BEHAVIOURS, VISITOR)
VISITOR_CODE = len(BEHAVIOURS)

OVERLAP_SPREAD = 0.5
"""Added to a behaviour's spread at overlap 1."""

OVERLAP_DAYS = 40
"""Days by which the recency band widens on either side at overlap 1."""


def table(attribute: str, part: int | None = None) -> Floats:
    """Return an attribute of everyone as an array indexed by behaviour code (`part` of it for a pair)."""
    values = [getattr(behaviour, attribute) for behaviour in EVERYONE]
    return np.array(values if part is None else [value[part] for value in values], np.float64)
