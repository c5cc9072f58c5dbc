"""Short names of what pictures show, by language."""

from collections.abc import Mapping
from typing import Any

from segmentation.features.columns import WINDOW_MONTHS

Words = Mapping[str, str]

_COUNTED: dict[str, Words] = {
    "number_of_views": {"en": "product views", "fr": "fiches vues"},
    "number_of_carts": {"en": "put in the cart", "fr": "mis au panier"},
    "number_of_sessions": {"en": "visits", "fr": "visites"},
    "count_products": {"en": "items bought", "fr": "articles achetés"},
    "avg_price": {"en": "paid per item", "fr": "prix par article"},
}
FEATURES: dict[str, Words] = {
    "days_since_last_purchase": {"en": "days since last purchase", "fr": "jours depuis le dernier achat"},
    "total_purchase_value": {"en": "spent", "fr": "dépensé"},
    "cart_abandonments": {"en": "left in the cart", "fr": "laissés au panier"},
    **{f"{name}_{WINDOW_MONTHS[-1]}m": words for name, words in _COUNTED.items()},
}
"""The features of the longest window, whose length goes without saying."""
INPUTS: dict[str, Words] = {
    **FEATURES,
    **{
        f"{name}_{months}m": {"en": f"{words['en']}, {months} months", "fr": f"{words['fr']}, {months} mois"}
        for name, words in _COUNTED.items()
        for months in WINDOW_MONTHS
    },
}
"""The features of every window."""
AXES: dict[str, Words] = {
    "recency": {"en": "bought lately", "fr": "achat récent"},
    "frequency": {"en": "buys often", "fr": "achète souvent"},
    "monetary": {"en": "spends much", "fr": "dépense beaucoup"},
    "activity": {"en": "active in the shop", "fr": "actif en boutique"},
}
WEEKDAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
}
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juill.", "août", "sept.", "oct.", "nov.", "déc."),
}


def persona_label(persona: Mapping[str, Any], language: str, between: str = "\N{NO-BREAK SPACE}") -> str:
    """Return a persona's emoji and name, by default on one line."""
    return f"{persona['emoji']}{between}{persona['label'][language]}"
