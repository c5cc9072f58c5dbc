"""The whole story: a shop's events in, a published snapshot out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segmentation import raw
from segmentation.assign import assign_file
from segmentation.columns import WINDOW_MONTHS
from segmentation.features import read_clients, write_clients
from segmentation.fit import fit
from segmentation.ingest import Ingested, account, ingest, is_ingested
from segmentation.model.files import dump, load
from segmentation.portraits import portraits
from segmentation.progress import Reporter
from segmentation.report import report
from segmentation.snapshot import Contents, publish
from segmentation.stage import digest
from segmentation.store import open_store


@dataclass(frozen=True)
class Run:
    """What a run depends on: the same events, as-of date, seed and time zone give the same snapshot."""

    events: Sequence[Path]
    as_of: date
    store: str
    seed: int = 0
    timezone: str = "UTC"
    memory_limit: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Return what the snapshot says of how it was made."""
        return {"seed": self.seed, "timezone": self.timezone, "window_months": WINDOW_MONTHS}


@dataclass(frozen=True)
class Outcome:
    """A published snapshot, its personas, and what became of the events."""

    snapshot_id: str
    personas: list[dict[str, Any]]
    ingested: Ingested


def run(run: Run, reporter: Reporter, now: datetime) -> Outcome:
    """Ingest, compute features, fit, assign and publish; `now` is the snapshot's creation time."""
    store = open_store(run.store)
    events = prepare_events(run, reporter)
    with TemporaryDirectory(prefix="menagerie-", ignore_cleanup_errors=True) as folder:
        clients, segments = Path(folder, "clients.parquet"), Path(folder, "segments.parquet")
        with reporter.step("Building the client table"):
            write_clients(events, run.as_of, clients, run.timezone, run.memory_limit)
        fitted = fit(read_clients(clients), run.seed, reporter)
        with reporter.step("Giving each client a persona"):
            assign_file(fitted.model, clients, segments)
        metrics = fitted.metrics | {"events": event_metrics(account(events))}
        with reporter.step("Publishing"):
            contents = contents_of(pq.read_table(segments), dump(fitted.model), metrics, run.as_of, run.parameters)
            snapshot_id = publish(contents, store, now)
    return Outcome(snapshot_id, list(map(dict, contents.personas)), account(events))


def prepare_events(run: Run, reporter: Reporter) -> Path:
    """Return the folder of ingested events: the one given, or one made in the store for exactly these raw files."""
    if len(run.events) == 1 and is_ingested(run.events[0]):
        return run.events[0]
    files = sorted(digest(path) for path in raw.find(run.events))
    folder = Path(run.store, "ingested", sha256("".join(files).encode()).hexdigest()[:12])
    ingest(run.events, folder, reporter)
    return folder


def contents_of(
    segments: pa.Table,
    model_files: Mapping[str, bytes],
    metrics: Mapping[str, Any],
    as_of: date,
    parameters: Mapping[str, Any],
) -> Contents:
    """Return what a snapshot of these segments holds."""
    tree = load(dict(model_files)).tree
    personas = portraits(segments, tree, metrics["distance_to_archetype"])
    html = report(as_of, personas, metrics)
    counts = {"events": metrics["events"]["kept"]} if "events" in metrics else {}
    return Contents(as_of, segments, model_files, personas, metrics, html, parameters, counts)


def event_metrics(ingested: Ingested) -> dict[str, Any]:
    """Return the totals of an account: what stays the same in whatever order files were delivered."""
    rejected: Counter[str] = Counter()
    for file in ingested.files:
        rejected.update(file.rejected)
    return {
        "rows_read": sum(file.rows_read for file in ingested.files),
        "kept": ingested.events,
        "rejected": dict(rejected),
        "duplicates": sum(file.duplicates for file in ingested.files),
        "by_day": {day.isoformat(): n for day, n in ingested.days.items()},
        "suspected_gaps": [day.isoformat() for day in ingested.gaps],
    }
