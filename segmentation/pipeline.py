"""The whole story: a shop's events in, a published snapshot out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from segmentation.contents import contents_of
from segmentation.features.columns import SCHEMA
from segmentation.features.table import with_origin, write_clients
from segmentation.ingest import sources
from segmentation.ingest.ingested import Ingested, account
from segmentation.model.assign import assign_file
from segmentation.model.files import dump
from segmentation.model.fit import fit
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


@dataclass(frozen=True)
class Run:
    """What a run depends on: the same events, as-of date, seed and time zone give the same snapshot."""

    events: Sequence[Path | str]
    as_of: date
    store: Store
    seed: int = 0
    timezone: str = "UTC"


@dataclass(frozen=True)
class Outcome:
    """A published snapshot, its personas, and what became of the events."""

    snapshot_id: str
    personas: list[dict[str, Any]]
    ingested: Ingested


def run(run: Run, reporter: Reporter, now: datetime) -> Outcome:
    """Ingest, compute features, fit, assign and publish; `now` is the snapshot's creation time."""
    store = run.store
    with store.work() as work, workspace(work, reporter) as scratch:
        with told_in_a_sentence(store.url):
            served_before = store.current()
        events = sources.prepare([str(source) for source in run.events], store, work, reporter)
        ingested = account(events)
        check_rejects(ingested)
        clients, segments = scratch / "clients.parquet", scratch / "segments.parquet"
        with reporter.step("Building the client table"):
            write_clients(events, run.as_of, clients, run.timezone)
        fitted = fit(StoredTable(clients, SCHEMA, "features"), run.seed, reporter)
        with reporter.step("Giving each client a persona"):
            assign_file(fitted.model, clients, segments)
        with reporter.step("Publishing"):
            metrics = with_origin(fitted.metrics, clients, run.seed)
            contents = contents_of(segments, dump(fitted.model), metrics)
            snapshot_id = publish_over(served_before, contents, store, now)
    return Outcome(snapshot_id, list(map(dict, contents.personas)), ingested)


def check_rejects(ingested: Ingested) -> None:
    """Refuse to publish what a file of mostly rejected rows would leave: a shop with a hole in it."""
    for file in ingested.files:
        rejected = sum(file.rejected.values())
        if rejected >= REJECTS_NOTICED and rejected > file.rows_read * REJECTS_ALLOWED:
            usual = max(file.rejected, key=file.rejected.__getitem__)
            raise QualityGateError(
                f"{rejected:,} of the {file.rows_read:,} rows of {file.name} were rejected, mostly because {usual};"
                f" more than {REJECTS_ALLOWED:.0%} is no accident."
            )
