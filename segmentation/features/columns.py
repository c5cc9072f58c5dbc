"""The client table: its 24 columns, their types, and how each is said to a person.

The definitions stand in docs/features.md; the expressions that compute them in definitions.py.
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

WINDOW_MONTHS = (2, 5, 7)
LONGEST_WINDOW = max(WINDOW_MONTHS)

Kind = Literal["id", "count", "days", "money", "time", "text"]

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "id": pa.int64(),
    "count": pa.int64(),
    "days": pa.int32(),
    "money": pa.float64(),
    "time": pa.timestamp("us"),
    "text": pa.string(),
}


@dataclass(frozen=True)
class Column:
    """One column of the client table.

    `words` holds a phrase for each language in which `{value}` stands for the client's value, for the
    columns that a decision may rest on; `one` and `none` are the phrases for 1 and 0, where they differ.
    """

    name: str
    kind: Kind
    nullable: bool = False
    words: dict[str, str] | None = None
    one: dict[str, str] | None = None
    none: dict[str, str] | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """Return the type the column has in Parquet."""
        return ARROW_TYPES[self.kind]


def _window_columns(months: int) -> list[Column]:
    def count(name: str, en: tuple[str, str], fr: tuple[str, str, str]) -> Column:
        def phrase(english: str, french: str) -> dict[str, str]:
            return {"en": f"{english} in {months} months", "fr": f"{french} en {months} mois"}

        return Column(
            f"{name}_{months}m",
            "count",
            words=phrase(f"{{value}} {en[1]}", f"{{value}} {fr[1]}"),
            one=phrase(f"{{value}} {en[0]}", f"{{value}} {fr[0]}"),
            none=phrase(f"no {en[0]}", f"{fr[2]} {fr[0]}"),
        )

    return [
        count("number_of_views", ("product view", "product views"), ("fiche vue", "fiches vues", "aucune")),
        count(
            "number_of_carts",
            ("addition to the cart", "additions to the cart"),
            ("ajout au panier", "ajouts au panier", "aucun"),
        ),
        count("number_of_sessions", ("visit", "visits"), ("visite", "visites", "aucune")),
        count("count_products", ("item bought", "items bought"), ("article acheté", "articles achetés", "aucun")),
        Column(
            f"avg_price_{months}m",
            "money",
            nullable=months < LONGEST_WINDOW,
            words={
                "en": f"{{value}} paid per item in {months} months",
                "fr": f"{{value}} payés par article en {months} mois",
            },
        ),
    ]


COLUMNS: tuple[Column, ...] = (
    Column("user_id", "id"),
    *(column for months in WINDOW_MONTHS for column in _window_columns(months)),
    Column("last_purchase", "time"),
    Column(
        "days_since_last_purchase",
        "days",
        words={"en": "last purchase {value} days ago", "fr": "dernier achat il y a {value} jours"},
        one={"en": "last purchase {value} day ago", "fr": "dernier achat il y a {value} jour"},
        none={"en": "last purchase today", "fr": "dernier achat aujourd’hui"},
    ),
    Column(
        "total_purchase_value",
        "money",
        words={"en": "{value} spent in 7 months", "fr": "{value} dépensés en 7 mois"},
    ),
    Column(
        "cart_abandonments",
        "count",
        words={
            "en": "{value} cart items left unbought in 7 months",
            "fr": "{value} articles laissés au panier en 7 mois",
        },
        one={
            "en": "{value} cart item left unbought in 7 months",
            "fr": "{value} article laissé au panier en 7 mois",
        },
        none={
            "en": "no cart item left unbought in 7 months",
            "fr": "aucun article laissé au panier en 7 mois",
        },
    ),
    Column("preferred_brand", "text", nullable=True),
    Column("preferred_category", "text", nullable=True),
    Column("most_active_time", "text"),
    Column("most_active_day", "text"),
)

COLUMN = {column.name: column for column in COLUMNS}
NAMES: tuple[str, ...] = tuple(COLUMN)
SCHEMA = pa.schema([pa.field(c.name, c.arrow_type, nullable=c.nullable) for c in COLUMNS])

SEGMENT_SCHEMA = pa.schema(
    [
        *SCHEMA,
        pa.field("persona", pa.string(), nullable=False),
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("agrees", pa.bool_(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
    ]
)
"""The columns of `clients.parquet`: the client's features and its segment."""

DAY_TIMES = ("morning", "afternoon", "evening", "night")
"""Parts of the day; a tie goes to the first in this order."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""Days of the week; a tie goes to the first in this order."""
