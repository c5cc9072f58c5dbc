"""The command `simulate`: its flags, and what it says when it is done."""

import argparse
from dataclasses import fields
from pathlib import Path

from segmentation.progress import reporter
from segmentation.simulate.shop import FORMATS, Shop
from segmentation.simulate.simulation import simulate

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
    ("overlap", float, "X", "How far the behaviours blur into each other, from 0 to 1 (default %(default)s)."),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("out", type=Path, metavar="OUT", help="Folder to write into; it must be new or empty.")
    parser.add_argument(
        "--clients",
        type=int,
        required=True,
        metavar="N",
        help="Users who buy something in the seven months; no default.",
    )
    for name, kind, metavar, words in _NUMBERS:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=_DEFAULT[name], metavar=metavar, help=words)
    parser.add_argument(
        "--format", choices=FORMATS, default=_DEFAULT["format"], help="Of the monthly files (default %(default)s)."
    )


def run(args: argparse.Namespace) -> int:
    """Simulate the shop that the arguments describe; return the exit code."""
    shop = Shop(**{name: getattr(args, name) for name in _DEFAULT})
    show = reporter()
    summary = simulate(shop, args.out, show)
    show.say(f"{summary.events:,} events of {summary.users:,} users ({summary.clients:,} clients): {args.out}")
    return 0
