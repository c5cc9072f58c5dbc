"""A client's figures beside those of its persona's typical client, as places on a line, and all of them in groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMPARED = (
    ("total_purchase_value", "money", "Spent in 7 months", "Dépensé en 7 mois"),
    ("days_since_last_purchase", "days", "Days since the last purchase", "Jours depuis le dernier achat"),
    ("count_products_7m", "count", "Items bought in 7 months", "Articles achetés en 7 mois"),
    ("avg_price_7m", "money", "Paid per item", "Payé par article"),
    ("number_of_sessions_7m", "count", "Visits in 7 months", "Visites en 7 mois"),
    ("number_of_views_7m", "count", "Products viewed in 7 months", "Fiches vues en 7 mois"),
    ("number_of_carts_7m", "count", "Additions to the cart in 7 months", "Ajouts au panier en 7 mois"),
)
"""Feature, kind, and its name in each language; the first three tell a persona at a glance."""

COUNTED = (
    ("number_of_views", "count", "Products viewed", "Fiches vues"),
    ("number_of_carts", "count", "Additions to the cart", "Ajouts au panier"),
    ("number_of_sessions", "count", "Visits", "Visites"),
    ("count_products", "count", "Items bought", "Articles achetés"),
    ("avg_price", "money", "Paid per item", "Payé par article"),
)
"""The features of each window, by the beginning of their names."""

WINDOWS = (2, 5, 7)

DAY_TIMES = {
    "morning": ("Morning (5 to 11)", "Matin (5 h à 11 h)"),
    "afternoon": ("Afternoon (12 to 17)", "Après-midi (12 h à 17 h)"),
    "evening": ("Evening (18 to 23)", "Soir (18 h à 23 h)"),
    "night": ("Night (0 to 4)", "Nuit (0 h à 4 h)"),
}
WEEKDAYS = {
    "monday": ("Monday", "Lundi"),
    "tuesday": ("Tuesday", "Mardi"),
    "wednesday": ("Wednesday", "Mercredi"),
    "thursday": ("Thursday", "Jeudi"),
    "friday": ("Friday", "Vendredi"),
    "saturday": ("Saturday", "Samedi"),
    "sunday": ("Sunday", "Dimanche"),
}
_FULL = 100.0
_MARGIN = 1.08
"""The largest value stands a little before the end of the line."""


@dataclass(frozen=True)
class Comparison:
    """One figure of a client, and of its persona: the median, and the quartiles where the snapshot knows them."""

    kind: str
    names: tuple[str, str]
    own: float
    median: float
    quartiles: tuple[float, float] | None

    def at(self, value: float) -> float:
        """Return where a value stands on a line from 0 to the largest, in percent."""
        most = max(self.own, self.median, *(self.quartiles or ())) * _MARGIN
        return _FULL * value / most if most else 0.0

    @property
    def verdict(self) -> str:
        """Return where the client stands among its persona: below, within or above its middle half, or its median."""
        low, high = self.quartiles or (self.median, self.median)
        return "below" if self.own < low else "above" if self.own > high else "within"


def compared(features: Mapping[str, Any], profile: Mapping[str, Any]) -> list[Comparison]:
    """Return the client's main figures beside its persona's, those that both have."""
    return [
        Comparison(kind, (english, french), features[name], profile[f"median_{name}"], _pair(profile, name))
        for name, kind, english, french in COMPARED
        if features.get(name) is not None and f"median_{name}" in profile
    ]


def readable(name: str) -> str:
    """Return a brand or a category's path as people write it."""
    return name.replace(".", " › ").replace("_", " ")


def _pair(profile: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    found = profile.get(f"quartiles_{name}")
    return (found[0], found[1]) if found else None
