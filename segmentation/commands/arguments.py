"""What can be typed: each command with its arguments; it reads files, does one thing, and writes files."""

import argparse
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from contract.errors import WrongUsageError
from languages import LANGUAGES
from segmentation import VERSION
from segmentation.model.personas import PERSONA_NAMES

FIRST_YEAR, LAST_YEAR = 1970, 9998  # with room for the windows and the day after
EXIT_CODES = """exit codes: 0 done, 1 a fault of ours, 2 wrong usage, 3 bad input,
4 refused to publish: a quality gate did, or another run has published meanwhile"""
EVENTS_VARIABLE = "MENAGERIE_EVENTS"
MAPPING_VARIABLE = "MENAGERIE_MAPPING"
STORE_VARIABLE = "MENAGERIE_STORE"


def parser() -> argparse.ArgumentParser:
    """Return the whole command line, every command with its help."""
    top = argparse.ArgumentParser(
        prog="segmentation",
        description="A shop's events in, seven customer personas out.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"menagerie {VERSION}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EXIT_CODES)
        one.set_defaults(command=name)
        return one

    _run_arguments(add("run", "do it all: ingest, features, fit, assign and publish"))
    _stage_arguments(add)
    _snapshots_arguments(add("snapshots", "list, show, verify, serve or roll back snapshots"))
    _personas_arguments(add("personas", "show the personas of the snapshot that is served"))
    _backtest_arguments(add("backtest", "look back: what each persona bought in the month after earlier dates"))
    _export_arguments(add("export", "write an audience: the clients of one persona"))
    _report_arguments(add("report", "make the report of a published snapshot anew, as a page or as pictures"))
    one = add("simulate", "make a simulated shop, as `python -m simulator` does")
    one.add_argument("arguments", nargs=argparse.REMAINDER, help="see `python -m simulator --help`")
    return top


def _run_arguments(one: argparse.ArgumentParser) -> None:
    _events(one, "raw files or folders of them, or one folder of ingested events; also s3:// URLs")
    _as_of(one)
    _store(one)
    _seed(one)
    _timezone(one)
    model = one.add_mutually_exclusive_group()
    model.add_argument(
        "--model",
        metavar="MODEL",
        help="apply this model: that of a snapshot, by its id, or what `fit` wrote, a folder or s3:// URL"
        " (default: that of the snapshot served, while it fits)",
    )
    model.add_argument("--refit", action="store_true", help="learn the model anew, going on where the last one stood")
    one.add_argument(
        "--accept-relabelling",
        action="store_true",
        help="publish even if the new rules give many clients another persona",
    )
    one.add_argument(
        "--simulated", action="store_true", help="have pages and report say that these customers do not exist"
    )
    one.add_argument("--keep", type=_some, metavar="N", help="then remove all but the newest N snapshots")
    one.add_argument(
        "--arrived",
        nargs=2,
        metavar=("KEY", "TIME"),
        help="the S3 object whose arrival started this run, and when it landed: wait for more, and leave it to a later"
        " one's run",
    )
    _language(one)


def _stage_arguments(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    one = add("ingest", "clean raw files into typed, monthly Parquet, and account for every row")
    _events(one, "raw files (.csv, packed or not, .parquet) or folders of them, also s3:// URLs")
    one.add_argument(
        "--out", type=_path, required=True, metavar="DIR", help="folder of ingested events, made or added to"
    )
    _mapping_arguments(add("mapping", "read files of other layouts: write a mapping, or show those that there are"))
    one = add("features", "compute the client table from ingested events")
    one.add_argument("--events", required=True, metavar="DIR", help="folder of ingested events")
    _as_of(one)
    _timezone(one)
    _engine(one, "duckdb", "computes them")
    one.add_argument("--out", required=True, metavar="FILE", help="Parquet file of clients to write")
    one = add("fit", "learn the model from a client table, or see how one that is kept fits it")
    one.add_argument("--clients", type=_path, required=True, metavar="FILE", help="what `features` wrote")
    one.add_argument(
        "--model",
        metavar="MODEL",
        help="learn none, but apply this one: that of a snapshot in --store, by its id, or what `fit` wrote, a folder"
        " or s3:// URL",
    )
    _store(one)
    _seed(one)
    one.add_argument("--out", type=_path, required=True, metavar="DIR", help="folder for the model and its metrics")
    one = add("assign", "give each client of a table a persona")
    one.add_argument("--clients", required=True, metavar="FILE", help="what `features` wrote")
    one.add_argument("--model", required=True, metavar="DIR", help="what `fit` wrote")
    _engine(one, "local", "does it")
    one.add_argument("--out", required=True, metavar="FILE", help="Parquet file of segments to write")
    one = add("publish", "publish assigned clients as a snapshot")
    one.add_argument("--segments", type=_path, required=True, metavar="FILE", help="what `assign` wrote")
    one.add_argument("--model", required=True, metavar="DIR", help="what `fit` wrote")
    _store(one)


def _backtest_arguments(one: argparse.ArgumentParser) -> None:
    _events(one, "raw files or folders of them, or one folder of ingested events; also s3:// URLs")
    _as_of(one)
    one.add_argument(
        "--months", type=_some, default=3, metavar="N", help="how many months to go back (default: %(default)s)"
    )
    _seed(one)
    _timezone(one)
    one.add_argument("--json", action="store_true", help="print all figures as JSON")
    _language(one)


def _personas_arguments(one: argparse.ArgumentParser) -> None:
    _store(one)
    _language(one)
    one.add_argument("--url", metavar="URL", help="also print a request to a service at this address")


def _export_arguments(one: argparse.ArgumentParser) -> None:
    _store(one)
    one.add_argument("--persona", required=True, choices=PERSONA_NAMES, help="whom to export")
    one.add_argument(
        "--format",
        choices=("csv", "ndjson", "parquet"),
        default="csv",
        help="(default: %(default)s, in which an apostrophe stands before what a spreadsheet takes for a formula)",
    )
    one.add_argument("--out", metavar="FILE", help="where to, a file or an s3:// URL (default: standard output)")


def _report_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("id", nargs="?", help="which snapshot (default: the one served)")
    _store(one)
    one.add_argument(
        "--out", metavar="FILE", help="where the page goes, a file or an s3:// URL (default: standard output)"
    )
    one.add_argument("--png", type=_path, metavar="DIR", help="write the pictures as PNG files into this folder")
    _language(one, "of the pictures")


def _events(one: argparse.ArgumentParser, text: str) -> None:
    given = os.environ.get(EVENTS_VARIABLE)
    one.add_argument(
        "--events",
        nargs="+",
        required=not given,
        default=[given],
        metavar="PATH",
        help=f"{text} (default: {EVENTS_VARIABLE})",
    )
    one.add_argument(
        "--mapping",
        metavar="MAPPING",
        default=os.environ.get(MAPPING_VARIABLE),
        help="what the files' columns mean, where they are not those of an event: a TOML file, or the name of one that"
        f" comes with this, see `segmentation mapping list` (default: {MAPPING_VARIABLE})",
    )


def _mapping_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    action = actions.add_parser("guess", help="write a first mapping of a file, and show ten rows as it reads them")
    action.add_argument("file", type=_path, metavar="FILE", help="a raw file")
    action = actions.add_parser("try", help="show ten rows of a file as a mapping reads them")
    action.add_argument("mapping", metavar="MAPPING", help="a TOML file, or the name of a ready-made mapping")
    action.add_argument("file", type=_path, metavar="FILE", help="a raw file")
    actions.add_parser("list", help="list the mappings that come with this")
    action = actions.add_parser("show", help="print one of them, to change it")
    action.add_argument("name", help="which one")


def _path(text: str) -> Path:
    try:
        return local(text)
    except WrongUsageError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None


def _engine(one: argparse.ArgumentParser, own: str, does: str) -> None:
    one.add_argument(
        "--engine",
        choices=(own, "spark"),
        default=own,
        help=f"what {does}; spark takes URLs such as s3://bucket/folder, too, and writes a folder of Parquet files"
        " (default: %(default)s)",
    )


def _as_of(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--as-of",
        type=_day,
        required=True,
        metavar="DATE",
        help="the last day that counts, YYYY-MM-DD; or a time, as schedulers give it, for the last whole day before it",
    )


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text) if "T" not in text else _last_whole_day(text)
        if ("T" not in text and day.isoformat() != text) or not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no date written YYYY-MM-DD") from None
    return day


def _last_whole_day(text: str) -> date:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time.astimezone(UTC).date() - timedelta(days=1)


def _some(text: str) -> int:
    if not (number := _whole(text)):
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def _store(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"where the snapshots are, a folder or s3://bucket/prefix (default: {STORE_VARIABLE})",
    )


def _seed(one: argparse.ArgumentParser) -> None:
    one.add_argument("--seed", type=_whole, default=0, metavar="N", help="of all that is drawn (default: %(default)s)")


def _timezone(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--timezone",
        default="UTC",
        metavar="ZONE",
        help="the shop's, for hours and weekdays (default: %(default)s)",
    )


def _language(one: argparse.ArgumentParser, of: str = "of what is printed") -> None:
    one.add_argument("--lang", choices=LANGUAGES, default="en", help=f"{of} (default: %(default)s)")


def _snapshots_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"where the snapshots are, a folder or s3://bucket/prefix (default: {STORE_VARIABLE})",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[store], help="list the snapshots, the one served with a *")
    for name, words in (("show", "print the manifest"), ("verify", "check every file against the manifest")):
        action = actions.add_parser(name, parents=[store], help=f"{words} of a snapshot")
        action.add_argument("id", nargs="?", help="which one (default: the one served)")
    action = actions.add_parser("publish", parents=[store], help="serve this snapshot")
    action.add_argument("id", help="which one")
    action = actions.add_parser("prune", parents=[store], help="remove old snapshots, never the one served")
    action.add_argument("--keep", type=int, required=True, metavar="N", help="how many of the newest stay")
    actions.add_parser("rollback", parents=[store], help="serve the snapshot created before the one served")


def local(text: str) -> Path:
    """Return a path, which no URL is."""
    if "://" in text:
        raise WrongUsageError(f"{text!r} is no local path, and only those will do here.")
    return Path(text)
