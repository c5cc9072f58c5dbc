"""`segmentation mapping`: what the columns of a shop's own files mean."""

import argparse
import sys
import tomllib
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.errors import BadInputError
from segmentation.ingest import events
from segmentation.ingest.guess import guess, tried
from segmentation.ingest.mapping import Mapping, named, parsed, ready_made

_WIDTH = 200
"""Letters in a line where no terminal says how many fit."""


def run(args: argparse.Namespace) -> int:
    """Guess, try, list or show."""
    match args.action:
        case "list":
            for name in ready_made():
                print(f"{name}: {tomllib.loads(named(name).text)['about']}")
        case "show":
            if args.name not in ready_made():
                raise BadInputError(f"There is no mapping {args.name!r}, only {', '.join(ready_made())}.")
            print(named(args.name).text, end="")
        case "try":
            _show(args.file, named(args.mapping))
        case _:
            _guess(args.file)
    return 0


def _guess(path: Path) -> None:
    """Print a mapping, to be kept in a file, and beside it the rows that it reads."""
    if not path.is_file():
        raise BadInputError(f"There is no file {path.name}.")
    text = guess(path)
    print(text, end="", flush=True)
    if '"?"' in text:
        print("Fill in what is marked with ?, then see `segmentation mapping try`.", file=sys.stderr)
    else:
        _show(path, parsed(text, "guessed"))


def _show(path: Path, mapping: Mapping) -> None:
    rows, rejects = tried(path, mapping)
    table = Table(*events.COLUMNS, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*(row[name] for name in events.COLUMNS))
    console = Console(stderr=True, markup=False, highlight=False, width=None if sys.stderr.isatty() else _WIDTH)
    console.print(table)
    for reject in rejects:
        console.print(f"Line {reject.line} would be rejected: {reject.reason}.")
