"""The closing table of a run: the seven personas as a marketer reads them."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from segmentation.words import number

HEADINGS = {
    "en": ("Persona", "Clients", "Share", "Last\npurchase", "Items", "Value", "Share of\nrevenue"),
    "fr": ("Persona", "Clients", "Part", "Dernier\nachat", "Articles", "Valeur", "Part\ndu CA"),
}
CAPTION = {
    "en": "Last purchase (days ago), items and value (7 months): the median client of each persona.",
    "fr": "Dernier achat (jours), articles et valeur (7 mois) : client médian par persona. CA : chiffre d’affaires.",
}


def print_table(personas: Sequence[dict[str, Any]], language: str, console: Console | None = None) -> None:
    """Print the personas of a snapshot's personas.json."""
    console = console or Console()
    table = Table(box=SIMPLE_HEAD, caption=CAPTION[language], caption_justify="left")
    for i, heading in enumerate(HEADINGS[language]):
        table.add_column(heading, justify="right" if i else "left", no_wrap=True)
    for persona in personas:
        table.add_row(*row(persona, language))
    console.print(table)


def row(persona: dict[str, Any], language: str) -> tuple[str, ...]:
    """Return a persona's cells under `HEADINGS`."""
    profile = persona["profile"]
    return (
        f"{persona['emoji']} {persona['label'][language]}",
        number(persona["clients"], language),
        _percent(persona["share"], language),
        number(profile["median_days_since_last_purchase"], language),
        number(profile["median_count_products_7m"], language),
        number(profile["median_total_purchase_value"], language),
        _percent(persona["revenue_share"], language),
    )


def _percent(share: float, language: str) -> str:
    return f"{number(100 * share, language, 1)} %"
