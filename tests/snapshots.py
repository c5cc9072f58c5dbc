"""A small shop's snapshot for tests: four clients, a hand-written tree, published as a real run would."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from contract.calendar import WINDOW_MONTHS
from contract.columns import FEATURES, Column
from languages import LANGUAGES
from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.model.personas import PERSONAS
from segmentation.model.profiles import profile
from segmentation.snapshot.publish import Contents, publish
from segmentation.store.opening import open_store

AS_OF = date(2020, 4, 30)
NOW = datetime(2020, 5, 1, 6, 30, tzinfo=UTC)
MANY = 300_000
MODEL = {
    "format": 1,
    "features": [
        {
            "name": "days_since_last_purchase",
            "kind": "days",
            "words": {"en": "last purchase {value} days ago", "fr": "dernier achat il y a {value} jours"},
            "one": {"en": "last purchase {value} day ago", "fr": "dernier achat il y a {value} jour"},
        },
        {
            "name": "total_purchase_value",
            "kind": "money",
            "words": {"en": "{value} spent in 7 months", "fr": "{value} dépensés en 7 mois"},
        },
        {
            "name": "count_products_7m",
            "kind": "count",
            "words": {"en": "{value} items bought in 7 months", "fr": "{value} articles achetés en 7 mois"},
            "one": {"en": "{value} item bought in 7 months", "fr": "{value} article acheté en 7 mois"},
        },
    ],
    # days <= 21.5 ? (money <= 800 ? (items <= 1.5 ? squirrel : bear) : lion) : (days <= 90 ? fox : owl)
    "nodes": {
        "feature": [0, 1, 0, 2, -1, -1, -1, -1, -1],
        "threshold": [21.5, 800.0, 90.0, 1.5, 0, 0, 0, 0, 0],
        "left": [1, 3, 5, 7, -1, -1, -1, -1, -1],
        "right": [2, 4, 6, 8, -1, -1, -1, -1, -1],
        "persona": [0, 0, 3, 2, 0, 3, 5, 2, 1],
        "confidence": [0.5, 0.5, 0.5, 0.5, 0.97, 0.75, 1.0, 0.6, 0.8],
    },
}


_OF_A_KIND = {"count": 1, "days": 1, "money": 10.0, "time": datetime(2020, 4, 29, 10, 11, 12)}  # noqa: DTZ001 (no zone)
_OF_A_NAME = {
    **{f"number_of_views_{months}m": 4 for months in WINDOW_MONTHS},
    **{f"number_of_carts_{months}m": 2 for months in WINDOW_MONTHS},
    "preferred_brand": "runail",
    "preferred_category": "nails.polish",
    "most_active_time": "morning",
    "most_active_day": "wednesday",
}


def plain(column: Column) -> Any:
    """Return what a client that bought one item for 10.00 a day ago has in a column, also in one that is new."""
    text = column.values[0] if column.values else None if column.nullable else "any"
    return _OF_A_NAME.get(column.name, _OF_A_KIND.get(column.kind, text))


def client(user_id: int, persona: str, **fields: Any) -> dict[str, Any]:
    """Return a client that bought one item for 10.00 a day ago, changed by `fields`."""
    row = {column.name: plain(column) for column in FEATURES}
    segment = {"persona": persona, "cluster": 3, "agrees": True, "confidence": 0.97}
    return {"user_id": user_id, **row, **segment, **fields}


CLIENTS = (
    client(-5, "squirrel", cluster=6, confidence=0.6),
    client(7, "lion", total_purchase_value=1234.5, days_since_last_purchase=12, agrees=False),
    client(
        512363741,
        "fox",
        days_since_last_purchase=60,
        count_products_2m=0,
        avg_price_2m=None,
        preferred_brand=None,
        confidence=0.75,
    ),
    client(9007199254740993, "bear", count_products_7m=3, preferred_brand="l'oréal", cluster=0, confidence=0.8),
)


def table(*rows: dict[str, Any]) -> pa.Table:
    """Return clients as the table that a run would publish."""
    return pa.Table.from_pylist(list(rows), schema=SEGMENT_SCHEMA)


_WORTH = {"squirrel": 42, "owl": 285, "bear": 514, "tortoise": 850, "beaver": 875, "fox": 2045, "lion": 3090}
"""What the typical client of each persona spent, in the order in which the sample has them."""


def persona_entries(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what personas.json says of these clients."""
    sizes = {p.name: sum(row["persona"] == p.name for row in rows) for p in PERSONAS}
    return [
        {
            "name": p.name,
            "emoji": p.emoji,
            "colour": p.colour,
            "label": p.label,
            "traits": dict.fromkeys(LANGUAGES, f"{p.name}, as ever"),
            "alike": p.alike,
            "advice": p.advice,
            "archetype": p.archetype,
            "clients": sizes[p.name],
            "share": sizes[p.name] / len(rows),
            "profile": profile(table(*rows))
            | {"median_days_since_last_purchase": 12.0, "median_total_purchase_value": float(_WORTH[p.name])},
            "rules": {
                "en": ["last purchase at most 21 days ago"],
                "fr": ["dernier achat il y a au plus 21 jours"],
            },
            "fit": 0.25,
            "clusters": [3],
        }
        for p in PERSONAS
    ]


def contents(*rows: dict[str, Any]) -> Contents:
    """Return a run's results for these clients, by default the four of `CLIENTS`."""
    rows = rows or CLIENTS
    return Contents(
        as_of=AS_OF,
        clients=table(*rows),
        model_files={"tree.json": json.dumps(MODEL).encode()},
        personas=persona_entries(*rows),
        metrics={"silhouette": 0.25},
        report_html="<!doctype html><title>Report</title>",
        parameters={"seed": 7},
        counts={"clients": len(rows), "events": 40},
    )


def publish_small(folder: Path, **changes: Any) -> str:
    """Publish the four clients, with fields of the contents changed, into a store and return the id."""
    return publish(replace(contents(), **changes), open_store(str(folder)), NOW)


def publish_many(store: Path, persona: str = "fox", confidence: float = 0.75) -> str:
    """Publish so many of a persona that the file of them fits into no buffer between the service and its caller."""
    one = table(client(1, persona, confidence=confidence))
    clients = one.take(pa.array(np.zeros(MANY, dtype=np.int64)))
    clients = clients.set_column(0, one.schema.field(0), pa.array(np.arange(MANY)))
    named = contents(client(1, persona))
    personas = [{**entry, "clients": MANY if entry["name"] == persona else 0} for entry in named.personas]
    counts = {"clients": MANY, "events": 40}
    return publish(replace(named, clients=clients, personas=personas, counts=counts), open_store(str(store)), NOW)
