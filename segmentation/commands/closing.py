"""What commands close with: the seven personas as a marketer reads them."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.words import N_
from languages import Language

HEADINGS = (
    N_("Persona"),
    N_("Clients"),
    N_("Share of clients"),
    N_("Last purchase, days ago"),
    N_("Items bought"),
    N_("Spent in 7 months"),
    N_("Share of revenue"),
)
_HEADING_LETTERS = 9
SERVED = N_("Snapshot {id} is published and served.")
MODEL = N_("Its rules are those of model {id}, learnt from the clients as of {day}.")
CAPTION = N_("Medians; amounts in the shop’s currency.")


def print_table(personas: Sequence[dict[str, Any]], say: Language, console: Console | None = None) -> None:
    """Print the personas of a snapshot's personas.json; as a list where the table would not fit."""
    console = console or Console()
    table = _table(personas, say)
    if console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum <= console.width:
        console.print(table)
    else:
        _print_list(personas, say, console)


_ANY_WIDTH = 1000
"""Wider than any table, so that its own width can be measured."""


def row(persona: dict[str, Any], say: Language) -> tuple[str, ...]:
    """Return a persona's cells under `HEADINGS`."""
    profile = persona["profile"]

    def median(name: str) -> str:
        value = profile.get(f"median_{name}")
        return "–" if value is None else say.number(value)

    return (
        f"{persona['emoji']} {say.of(persona['label'])}",
        say.number(persona["clients"]),
        say.percent(persona["share"]),
        median("days_since_last_purchase"),
        median("count_products_7m"),
        median("total_purchase_value"),
        say.percent(persona["revenue_share"]),
    )


def _table(personas: Sequence[dict[str, Any]], say: Language) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=say.gettext(CAPTION), caption_justify="left")
    for i, heading in enumerate(HEADINGS):
        lines = wrap(say.gettext(heading), _HEADING_LETTERS)
        table.add_column("\n".join(lines), justify="right" if i else "left", no_wrap=True)
    for persona in personas:
        table.add_row(*row(persona, say))
    return table


def _print_list(personas: Sequence[dict[str, Any]], say: Language, console: Console) -> None:
    headings = [say.gettext(heading) for heading in HEADINGS[1:]]
    for persona in personas:
        label, *figures = row(persona, say)
        lines = [
            say.gettext("  {heading}: {figure}", heading=heading, figure=figure)
            for heading, figure in zip(headings, figures, strict=True)
        ]
        console.print(label, *lines, sep="\n", highlight=False, markup=False, overflow="fold")
    console.print(say.gettext(CAPTION), markup=False)
