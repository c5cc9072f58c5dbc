"""The command `simulate`: its flags, and what it says when it is done."""

import argparse
from dataclasses import fields
from pathlib import Path

from segmentation.progress import reporter
from segmentation.simulate.shop import FORMATS, Shop
from segmentation.simulate.simulation import simulate

_DEFAULT = {field.name: field.default for field in fields(Shop)}


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
    parser.add_argument(
        "--seed", type=int, default=_DEFAULT["seed"], metavar="S",
        help="Equal seeds and settings give equal events (default %(default)s).",
    )  # fmt: skip
    parser.add_argument(
        "--visitors-per-client", type=float, default=_DEFAULT["visitors_per_client"], metavar="X",
        help="Users who never buy, for each one who does (default %(default)s, as in the real shop).",
    )  # fmt: skip
    parser.add_argument(
        "--browsing", type=float, default=_DEFAULT["browsing"], metavar="X",
        help="Multiplies the views (default %(default)s, as in the real shop).",
    )  # fmt: skip
    parser.add_argument(
        "--overlap", type=float, default=_DEFAULT["overlap"], metavar="X",
        help="How far the behaviours blur into each other, from 0 to 1 (default %(default)s).",
    )  # fmt: skip
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=_DEFAULT["format"],
        help="Of the monthly files (default %(default)s).",
    )


def run(args: argparse.Namespace) -> int:
    """Simulate the shop that the arguments describe; return the exit code."""
    shop = Shop(**{name: getattr(args, name) for name in _DEFAULT})
    show = reporter()
    summary = simulate(shop, args.out, show)
    show.say(f"{summary.events:,} events of {summary.users:,} users ({summary.clients:,} clients): {args.out}")
    return 0
