"""The closing table of a run: the seven personas as a marketer reads them."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from segmentation.words import number, percent

HEADINGS = {
    "en": (
        "Persona",
        "Clients",
        "Share of\nclients",
        "Last purchase,\ndays ago",
        "Items\nbought",
        "Spent in\n7 months",
        "Share of\nrevenue",
    ),
    "fr": (
        "Persona",
        "Clients",
        "Part des\nclients",
        "Jours depuis\nle dernier\nachat",
        "Articles\nachetés",
        "Dépensé\nen 7 mois",
        "Part du\nchiffre\nd’affaires",
    ),
}
CAPTION = {
    "en": "Medians; amounts in the shop’s currency.",
    "fr": "Médianes ; montants dans la monnaie de la boutique.",
}


def print_table(personas: Sequence[dict[str, Any]], language: str, console: Console | None = None) -> None:
    """Print the personas of a snapshot's personas.json; as a list where the table would not fit."""
    console = console or Console()
    table = _table(personas, language)
    if console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum <= console.width:
        console.print(table)
    else:
        _print_list(personas, language, console)


_ANY_WIDTH = 1000
"""Wider than any table, so that its own width can be measured."""


def row(persona: dict[str, Any], language: str) -> tuple[str, ...]:
    """Return a persona's cells under `HEADINGS`."""
    profile = persona["profile"]
    return (
        f"{persona['emoji']} {persona['label'][language]}",
        number(persona["clients"], language),
        percent(persona["share"], language),
        number(profile["median_days_since_last_purchase"], language),
        number(profile["median_count_products_7m"], language),
        number(profile["median_total_purchase_value"], language),
        percent(persona["revenue_share"], language),
    )


def _table(personas: Sequence[dict[str, Any]], language: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=CAPTION[language], caption_justify="left")
    for i, heading in enumerate(HEADINGS[language]):
        table.add_column(heading, justify="right" if i else "left", no_wrap=True)
    for persona in personas:
        table.add_row(*row(persona, language))
    return table


def _print_list(personas: Sequence[dict[str, Any]], language: str, console: Console) -> None:
    headings = [heading.replace("\n", " ") for heading in HEADINGS[language][1:]]
    colon = {"en": ":", "fr": "\N{NO-BREAK SPACE}:"}[language]
    for persona in personas:
        label, *figures = row(persona, language)
        lines = [f"  {heading}{colon} {figure}" for heading, figure in zip(headings, figures, strict=True)]
        console.print(label, *lines, sep="\n", highlight=False, markup=False, overflow="fold")
    console.print(CAPTION[language], markup=False)
