"""`segmentation run`: the whole story, with what it tells people and CloudWatch on the way."""

import argparse
import os
import time
from datetime import UTC, date, datetime, timedelta

from contract.errors import MenagerieError, WrongUsageError
from languages import language
from segmentation import pipeline
from segmentation.commands import closing, emf
from segmentation.commands.given import mapping_named, store_named
from segmentation.ingest.arrivals import is_superseded
from segmentation.ingest.ingested import Ingested
from segmentation.ingest.mapping import is_left_out
from segmentation.snapshot.catalog import prune
from segmentation.store.protocol import Store
from segmentation.tools.errors import OvertakenError
from segmentation.tools.progress import Reporter, reporter
from storage.bucket import is_bucket

QUIET_VARIABLE = "MENAGERIE_QUIET_S"
QUIET_S = 600
"""Seconds without a new file after which those that landed are taken to be all; months are uploaded one by one."""
LATE_DAYS = 3
"""Days without events before the as-of date that a feed delivered late may explain."""


def run(args: argparse.Namespace) -> int:
    """Do it all, and close with the table of personas; the figures also go to CloudWatch where that is asked for."""
    report = reporter()
    figures: dict[str, float] = {"Runs": 0, "FailedRuns": 1}
    started_s = time.monotonic()
    try:
        outcome = _outcome(args, report)
        figures = {"Runs": 1, "FailedRuns": 0, **_figures(outcome, args.as_of)} if outcome else {}
    finally:
        if figures and (shop := os.environ.get(emf.VARIABLE)):
            figures["DurationSeconds"] = round(time.monotonic() - started_s, 3)
            print(emf.line(shop, figures, datetime.now(UTC)), flush=True)
    return 0


def _outcome(args: argparse.Namespace, report: Reporter) -> pipeline.Outcome | None:
    """Run, or return None when that is left to a later file's run."""
    for is_last_try in (False, True):
        if args.arrived and _is_superseded(args, report):
            print("A later file has landed; the run that it starts reads this one, too.")
            return None
        try:
            return _run(args, report)
        except OvertakenError:
            if is_last_try or not args.arrived:
                raise
            report.say("Another run has published what it knew before this file landed; this one begins again.")
    return None


def _run(args: argparse.Namespace, report: Reporter) -> pipeline.Outcome:
    store = store_named(args)
    story = pipeline.Run(
        args.events,
        args.as_of,
        store,
        args.seed,
        args.timezone,
        model=args.model,
        refit=args.refit,
        accept_relabelling=args.accept_relabelling,
        simulated=args.simulated,
        mapping=mapping_named(args),
    )
    outcome = pipeline.run(story, report, datetime.now(UTC))
    _say_age(outcome.ingested, args.as_of, report)
    say = language(args.lang)
    closing.print_table(outcome.personas, say)
    print(say.gettext(closing.SERVED, id=outcome.snapshot_id))
    fitted = say.day(date.fromisoformat(outcome.model["fitted_as_of"]))
    print(say.gettext(closing.MODEL, id=outcome.model["id"], day=fitted))
    if args.keep:
        _prune(store, args.keep, report)
    return outcome


def _prune(store: Store, keep: int, report: Reporter) -> None:
    try:
        prune(store, keep)
    except MenagerieError as error:  # what the run was for is done
        report.say(f"Warning: old snapshots stay. {error}")


def _is_superseded(args: argparse.Namespace, report: Reporter) -> bool:
    if len(args.events) != 1 or not is_bucket(args.events[0]):
        raise WrongUsageError("--arrived needs --events to be the one s3:// URL below which files land.")
    try:
        quiet = timedelta(seconds=int(os.environ.get(QUIET_VARIABLE, QUIET_S)))
    except ValueError:
        raise WrongUsageError(f"{QUIET_VARIABLE} must be a whole number of seconds.") from None
    key, landed = args.arrived
    return is_superseded(args.events[0], key, _moment(landed), quiet, report)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(text)
    except ValueError:
        told = f"--arrived needs a time with its offset, as in 2020-05-01T04:00:00Z, not {text!r}."
        raise WrongUsageError(told) from None
    return moment


def _figures(outcome: pipeline.Outcome, as_of: date) -> dict[str, float]:
    totals = outcome.ingested.totals
    faulty = sum(rows for why, rows in totals["rejected"].items() if not is_left_out(why))
    return {
        "Clients": sum(persona["clients"] for persona in outcome.personas),
        "Events": totals["kept"],
        "RejectedShare": round(faulty / totals["rows_read"], 6),
        "SnapshotAgeDays": (datetime.now(UTC).date() - as_of).days,
    }


def _say_age(ingested: Ingested, as_of: date, report: Reporter) -> None:
    last = max(ingested.days)
    if (as_of - last).days > LATE_DAYS:
        report.say(
            f"Warning: the last event is of {last}, {(as_of - last).days} days before the as-of date;"
            " everybody seems to have left since."
        )
