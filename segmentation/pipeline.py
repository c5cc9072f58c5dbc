"""The whole story: a shop's events in, a published snapshot out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from contract.errors import BadInputError
from segmentation.contents import contents_of
from segmentation.features.calendar import windows
from segmentation.features.columns import SCHEMA
from segmentation.features.doubts import doubts
from segmentation.features.table import write_clients
from segmentation.ingest import sources
from segmentation.ingest.ingested import Ingested, account
from segmentation.ingest.mapping import Mapping, is_left_out
from segmentation.ingest.reasons import told
from segmentation.ingest.said import say_account
from segmentation.kept import named, of_snapshot, recorded
from segmentation.model.assign import assign_file
from segmentation.model.backtest import MOST_MONTHS, backtest, covered
from segmentation.model.files import dump
from segmentation.model.fit import Fitted, apply, fit
from segmentation.since import since_last
from segmentation.snapshot.publish import publish_over
from segmentation.store.protocol import Store, told_in_a_sentence
from segmentation.tools.errors import QualityGateError
from segmentation.tools.parts import StoredTable
from segmentation.tools.progress import Reporter
from segmentation.tools.workspace import workspace

REJECTS_ALLOWED = 0.1
"""Share of a file's rows; in the real shops' files it is below one in ten thousand."""
REJECTS_NOTICED = 100
"""Fewer rejected rows than this are no reason to refuse a file, however short it is."""


MOST_RELABELLED = 0.1
"""Share of clients to whom a refit may give another persona, on the same figures, unless it is told to."""


@dataclass(frozen=True)
class Run:
    """What a run depends on: the same events, as-of date, seed, time zone and model give the same snapshot.

    It applies the model that the store serves, or the one that `model` names (`kept.named`); `refit` learns anew,
    going on where that one stood.
    """

    events: Sequence[Path | str]
    as_of: date
    store: Store
    seed: int = 0
    timezone: str = "UTC"
    model: str | None = None
    refit: bool = False
    accept_relabelling: bool = False
    simulated: bool = False
    """Whether the events are of a shop that never was, so that pages and report say so."""
    mapping: Mapping | None = None
    """How the columns of the events' files become those of an event, where they are not that already."""


@dataclass(frozen=True)
class Outcome:
    """A published snapshot, its personas, what became of the events, and the record of its model."""

    snapshot_id: str
    personas: list[dict[str, Any]]
    ingested: Ingested
    model: dict[str, Any]


def run(run: Run, reporter: Reporter, now: datetime) -> Outcome:
    """Ingest, compute features, apply the model or learn one, and publish; `now` is the snapshot's creation time."""
    store = run.store
    with store.work() as work, workspace(work, reporter) as scratch:
        with told_in_a_sentence(store.url):
            served_before = store.current()
        kept = kept_model(run, served_before, reporter)
        events = sources.prepare([str(source) for source in run.events], store, work, reporter, run.mapping)
        ingested = account(events)
        say_account(ingested, reporter, (windows(run.as_of).start.date(), run.as_of))
        check_rejects(ingested)
        clients, segments = scratch / "clients.parquet", scratch / "segments.parquet"
        with reporter.step("Building the client table"):
            write_clients(events, run.as_of, clients, run.timezone)
        for sentence in doubts(clients, events, run.as_of).sentences:
            reporter.say(f"Warning: {sentence}")
        fitted = _model(run, kept, StoredTable(clients, SCHEMA, "features"), reporter)
        files = dump(fitted.model)
        with reporter.step("Giving each client a persona"):
            assign_file(fitted.model, clients, segments)
        metrics = recorded(fitted.metrics, clients, run.seed, files, kept)
        if months := covered(events, run.as_of, MOST_MONTHS):
            metrics["backtest"] = backtest(events, months, scratch, run.timezone, model=fitted.model, reporter=reporter)
        if run.simulated:
            metrics["simulated"] = True
        with reporter.step("Publishing"):
            if moved := since_last(store, run.as_of, segments, metrics["model"]["id"]):
                metrics["movement"] = moved
            contents = contents_of(segments, files, metrics)
            snapshot_id = publish_over(served_before, contents, store, now)
    return Outcome(snapshot_id, list(map(dict, contents.personas)), ingested, metrics["model"])


def kept_model(run: Run, served: str | None, reporter: Reporter) -> Fitted | None:
    """Return the model that a run is to apply or to go on from; None where there is none."""
    if run.model:
        return named(run.model, run.store)
    if served is None:
        return None
    try:
        return of_snapshot(run.store, served)
    except BadInputError as error:
        reporter.say(f"A new model is learnt: that of the snapshot served cannot be applied. {error}")
        return None


def _model(run: Run, kept: Fitted | None, clients: StoredTable, reporter: Reporter) -> Fitted:
    """Apply the model that is kept; learn one where there is none, it is outgrown, or that is asked for."""
    if kept and not run.refit:
        fitted = apply(kept, clients, run.seed, reporter)
        misfit = fitted.metrics["fitness"]["misfit"]
        if run.model or not misfit:
            return fitted
        reporter.say(f"The model is learnt anew, since the one served no longer fits: {misfit}.")
    fitted = fit(clients, run.seed, reporter, before=kept.model if kept else None)
    share = fitted.metrics["refit"]["relabelled"] if kept else 0.0
    if share > MOST_RELABELLED and not run.accept_relabelling:
        raise QualityGateError(
            f"Learnt anew, the rules would give {share:.0%} of the clients another persona though they did nothing"
            f" (at most {MOST_RELABELLED:.0%}). Say --accept-relabelling to publish it, or --model"
            f" with the id of a snapshot to keep its rules."
        )
    return fitted


def check_rejects(ingested: Ingested) -> None:
    """Refuse to publish what a file of mostly rejected rows would leave: a shop with a hole in it."""
    for file in ingested.files:
        rejected = sum(count for why, count in file.rejected.items() if not is_left_out(why))
        if rejected >= REJECTS_NOTICED and rejected > file.rows_read * REJECTS_ALLOWED:
            raise QualityGateError(
                f"{rejected:,} of the {file.rows_read:,} rows of {file.name} were rejected, and more than"
                f" {REJECTS_ALLOWED:.0%} is no accident: {told(file.rejected, file.examples)}."
            )
