"""`segmentation backtest`: what each persona bought in the month after dates that are over."""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.words import N_
from languages import Language, language
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import is_ingested
from segmentation.ingest.sources import fetch
from segmentation.model.backtest import backtest, covered
from segmentation.model.personas import PERSONAS
from segmentation.tools.progress import Reporter, reporter
from segmentation.tools.scratch import scratch
from storage.bucket import is_bucket

HEADINGS = (
    N_("Persona"),
    N_("Clients"),
    N_("Bought within a month"),
    N_("Spent, per client"),
    N_("Share of revenue"),
)


_HEADING_LETTERS = 12


def run(args: argparse.Namespace) -> int:
    """Print the table, or all figures as JSON."""
    report = reporter()
    with scratch() as folder:
        events = _ingested(args.events, folder, report)
        found = backtest(events, covered(events, args.as_of, args.months), args.timezone, args.seed, report)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    say = language(args.lang)
    console = Console()
    console.print(_table(found["personas"], say))
    for sentence in _sentences(found, say):
        console.print(sentence, highlight=False, markup=False)
    return 0


def _ingested(sources: Sequence[str], folder: Path, report: Reporter) -> Path:
    """Return the folder of ingested events that is given, or ingest what is."""
    if len(sources) == 1 and not is_bucket(sources[0]) and is_ingested(Path(sources[0])):
        return Path(sources[0])
    ingest(fetch(sources, folder, report), folder / "ingested", report)
    return folder / "ingested"


def _table(personas: dict[str, Any], say: Language) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, heading in enumerate(HEADINGS):
        lines = wrap(say.gettext(heading), _HEADING_LETTERS)
        table.add_column("\n".join(lines), justify="right" if i else "left", no_wrap=True)
    for persona in PERSONAS:
        if its := personas.get(persona.name):
            table.add_row(
                f"{persona.emoji} {say.of(persona.label)}",
                say.number(its["clients"]),
                _with_interval(its["bought"], its["bought_interval"], say.percent, say),
                _with_interval(its["spent"], its["spent_interval"], say.number, say),
                say.percent(its["revenue_share"]),
            )
    return table


def _with_interval(value: float, interval: list[float], written: Callable[[float], str], say: Language) -> str:
    return say.gettext(
        "{value} ({low} to {high})", value=written(value), low=written(interval[0]), high=written(interval[1])
    )


def _sentences(found: dict[str, Any], say: Language) -> list[str]:
    dates = [say.day(date.fromisoformat(told["as_of"])) for told in found["dates"]]
    sentences = [
        say.gettext(
            "Personas as of {dates}, and what their clients bought in the month after each; intervals of 95 %.",
            dates=say.listed(dates),
        )
    ]
    if "persona" in found["auc"]:
        sentences.append(
            say.gettext(
                "Who would buy is told by the persona with an AUC of {persona}, by a sum of RFM quintiles of {rfm}.",
                persona=say.number(found["auc"]["persona"], 3),
                rfm=say.number(found["auc"]["rfm"], 3),
            )
        )
    return sentences
