"""`segmentation backtest`: what each persona bought in the month after dates that are over."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.errors import BadInputError
from languages import Language, language
from segmentation.commands.given import mapping_named
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import account, is_ingested
from segmentation.ingest.mapping import Mapping
from segmentation.ingest.sources import fetch
from segmentation.model.backtest import backtest, covered, earliest
from segmentation.model.personas import PERSONAS
from segmentation.report.looked_back import HEADINGS, cells, sentences
from segmentation.tools.progress import Reporter, reporter
from segmentation.tools.scratch import scratch
from storage.bucket import is_bucket

_HEADING_LETTERS = 12


def run(args: argparse.Namespace) -> int:
    """Print the table, or all figures as JSON."""
    report = reporter()
    with scratch() as folder:
        events = _ingested(args.events, folder, report, mapping_named(args))
        months = covered(events, args.as_of, args.months)
        if not months:
            first, begin = min(account(events).days), earliest(args.as_of)
            raise BadInputError(
                f"The events begin on {first}; to look back from {args.as_of} they must begin by {begin}."
            )
        found = backtest(events, months, folder, args.timezone, args.seed, reporter=report)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    say = language(args.lang)
    console = Console()
    console.print(_table(found["personas"], say))
    for sentence in sentences(found, say):
        console.print(sentence, highlight=False, markup=False)
    return 0


def _ingested(sources: Sequence[str], folder: Path, report: Reporter, mapping: Mapping | None) -> Path:
    """Return the folder of ingested events that is given, or ingest what is."""
    if len(sources) == 1 and not is_bucket(sources[0]) and is_ingested(Path(sources[0])):
        return Path(sources[0])
    found = fetch(sources, folder, report, has_mapping=mapping is not None)
    ingest(found.paths, folder / "ingested", report, found.passed_over, mapping)
    return folder / "ingested"


def _table(personas: dict[str, Any], say: Language) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, heading in enumerate(HEADINGS):
        lines = wrap(say.gettext(heading), _HEADING_LETTERS)
        table.add_column("\n".join(lines), justify="right" if i else "left", no_wrap=True)
    for persona in PERSONAS:
        if its := personas.get(persona.name):
            table.add_row(f"{persona.emoji} {say.of(persona.label)}", *cells(its, say))
    return table
