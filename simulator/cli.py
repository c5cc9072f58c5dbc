"""The command line: `python -m simulator`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from contract.errors import MenagerieError
from segmentation.tools.progress import reporter
from simulator.shop import FORMATS, POPULATIONS, Shop
from simulator.simulation import simulate

_DEFAULT = {field.name: field.default for field in fields(Shop)}


_NUMBERS = (
    ("seed", int, "S", "Equal seeds and settings give equal events (default %(default)s)."),
    (
        "visitors_per_client",
        float,
        "X",
        "Users who never buy, for each one who does (default %(default)s, as in the real shop).",
    ),
    ("browsing", float, "X", "Multiplies the views (default %(default)s, as in the real shop)."),
    ("overlap", float, "X", "How far planted behaviours blur into each other, from 0 to 1 (default %(default)s)."),
    ("kinds", int, "N", "How many kinds of clients live (default %(default)s, all there are)."),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate the shop that was asked for; return the exit code, what goes wrong told in a sentence."""
    args = parser().parse_args(arguments)
    try:
        return _run(args)
    except MenagerieError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return error.exit_code


def parser() -> argparse.ArgumentParser:
    """Return the arguments, with their help."""
    top = argparse.ArgumentParser(
        prog="simulator", description="Make a simulated shop, in the raw format, with known behaviours."
    )
    top.add_argument("out", type=Path, metavar="OUT", help="Folder to write into; it must be new or empty.")
    top.add_argument(
        "--clients",
        type=int,
        required=True,
        metavar="N",
        help="Users who buy something in the seven months; no default.",
    )
    for name, kind, metavar, words in _NUMBERS:
        flag = f"--{name.replace('_', '-')}"
        top.add_argument(flag, type=kind, default=_DEFAULT[name], metavar=metavar, help=words)
    top.add_argument(
        "--population",
        choices=POPULATIONS,
        default=_DEFAULT["population"],
        help="Whether clients have one of seven planted behaviours, or live: come, buy, change and leave"
        " (default %(default)s).",
    )
    top.add_argument(
        "--format", choices=FORMATS, default=_DEFAULT["format"], help="Of the monthly files (default %(default)s)."
    )
    return top


def _run(args: argparse.Namespace) -> int:
    shop = Shop(**{name: getattr(args, name) for name in _DEFAULT})
    show = reporter()
    summary = simulate(shop, args.out, show)
    show.say(f"{summary.events:,} events of {summary.users:,} users ({summary.clients:,} clients): {args.out}")
    return 0
