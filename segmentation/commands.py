"""What each command does, between its arguments and its exit code."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from segmentation import audience, closing, pipeline, snapshots_command
from segmentation.assign import assign_file
from segmentation.catalog import check
from segmentation.errors import BadInputError, WrongUsageError
from segmentation.features import read_clients, write_clients
from segmentation.fit import fit as fit_model
from segmentation.ingest import Ingested
from segmentation.ingest import ingest as ingest_files
from segmentation.lookup import SEGMENT_SCHEMA
from segmentation.model.files import dump, load
from segmentation.progress import Reporter, reporter
from segmentation.simulate import cli as simulate_command
from segmentation.snapshot import publish as publish_snapshot
from segmentation.stage import write_json
from segmentation.store import Store, open_store
from segmentation.words import number

METRICS = "metrics.json"
SERVED = {"en": "Snapshot {} is published and served.", "fr": "L’instantané {} est publié et servi."}
COUNTED = {"en": "Snapshot {}: {} clients as of {}.", "fr": "Instantané {} : {} clients au {}."}
TRY = {"en": "Try", "fr": "À essayer"}
LATE_DAYS = 3
"""Days without events before the as-of date that a feed delivered late may explain."""


def run(args: argparse.Namespace) -> int:
    """Do it all, and close with the table of personas."""
    report = reporter()
    story = pipeline.Run(args.events, args.as_of, _store(args).url, args.seed, args.timezone)
    outcome = pipeline.run(story, report, datetime.now(UTC))
    _say_account(outcome.ingested, report)
    _say_age(outcome.ingested, args.as_of, report)
    closing.print_table(outcome.personas, args.lang)
    print(SERVED[args.lang].format(outcome.snapshot_id))
    return 0


def ingest(args: argparse.Namespace) -> int:
    """Ingest, and say what became of every file."""
    report = reporter()
    _say_account(ingest_files(args.events, args.out, report), report)
    return 0


def features(args: argparse.Namespace) -> int:
    """Write the client table."""
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = write_clients(args.events, args.as_of, args.out, args.timezone)
    print(f"{number(rows, 'en')} clients: {args.out}")
    return 0


def fit(args: argparse.Namespace) -> int:
    """Write a model and its metrics."""
    fitted = fit_model(read_clients(args.clients), args.seed, reporter())
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in dump(fitted.model).items():
        (args.out / name).write_bytes(content)
    write_json(args.out / METRICS, pipeline.with_origin(fitted.metrics, args.clients, args.seed))
    held_out = fitted.metrics["held_out"]
    print(
        f"{fitted.metrics['silhouette']['note']} On {number(held_out['clients'], 'en')} clients held out:"
        f" accuracy {held_out['accuracy']:.3f}, macro F1 {held_out['macro_f1']:.3f}."
    )
    return 0


def assign(args: argparse.Namespace) -> int:
    """Write the clients with their segments."""
    args.out.parent.mkdir(parents=True, exist_ok=True)
    assign_file(load(_model_files(args.model)), args.clients, args.out)
    print(f"Segments: {args.out}")
    return 0


def publish(args: argparse.Namespace) -> int:
    """Publish segments with the model that gave them."""
    files = _model_files(args.model)
    try:
        metrics = json.loads(files.pop(METRICS))
        segments = pq.read_table(args.segments, schema=SEGMENT_SCHEMA)
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{args.segments.name} holds no segments of this model; `segmentation assign` writes them."
        ) from error
    contents = pipeline.contents_of(segments, files, metrics)
    print(SERVED["en"].format(publish_snapshot(contents, _store(args), datetime.now(UTC))))
    return 0


def personas(args: argparse.Namespace) -> int:
    """Print the table of the snapshot that is served, and a request that finds a client of it."""
    store = _store(args)
    manifest = check(store)
    folder = store.fetch(manifest.id)
    closing.print_table(json.loads((folder / "personas.json").read_text(encoding="utf-8")), args.lang)
    clients = number(manifest.counts["clients"], args.lang)
    print(COUNTED[args.lang].format(manifest.id, clients, manifest.as_of))
    if args.url:
        users = np.load(folder / "lookup" / "user_id.npy", mmap_mode="r", allow_pickle=False)
        print(f"\n{TRY[args.lang]}: curl '{args.url}/segment/{users[len(users) // 2]}?include=reasons'")
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the clients of one persona of the snapshot that is served."""
    store = _store(args)
    clients = store.fetch(check(store).id) / "clients.parquet"
    if args.out is None:
        if args.format == "parquet":
            raise WrongUsageError("Parquet needs a file to go to: name it with --out.")
        audience.write(clients, args.persona, args.format, sys.stdout.buffer)
        return 0
    args.out.parent.mkdir(parents=True, exist_ok=True)
    draft = args.out.with_name(f".{args.out.name}.tmp")
    with draft.open("wb") as file:
        written = audience.write(clients, args.persona, args.format, file)
    draft.replace(args.out)
    print(f"{number(written, 'en')} clients: {args.out}")
    return 0


def _store(args: argparse.Namespace) -> Store:
    if not args.store:
        raise WrongUsageError(f"Name the store with --store or {snapshots_command.STORE_VARIABLE}.")
    return open_store(args.store)


def _model_files(folder: Path) -> dict[str, bytes]:
    try:
        return {name: (folder / name).read_bytes() for name in ("clusters.json", "tree.json", METRICS)}
    except OSError as error:
        raise BadInputError(f"{folder.name} holds no model; `segmentation fit` makes one.") from error


def _say_age(ingested: Ingested, as_of: date, report: Reporter) -> None:
    last = max(ingested.days)
    if (as_of - last).days > LATE_DAYS:
        report.say(
            f"Warning: the last event is of {last}, {(as_of - last).days} days before the as-of date;"
            " everybody seems to have left since."
        )


def _say_account(ingested: Ingested, report: Reporter) -> None:
    for file in ingested.files:
        rejected = ", ".join(f"{number(n, 'en')} {reason}" for reason, n in file.rejected.items())
        report.say(
            f"{file.name}: {number(file.rows_read, 'en')} rows read, {number(file.rows_kept, 'en')} kept, "
            f"{number(file.duplicates, 'en')} duplicates dropped, {number(sum(file.rejected.values()), 'en')} rejected"
            + (f" ({rejected})" if rejected else "")
        )
    if ingested.gaps:
        first = ", ".join(day.isoformat() for day in ingested.gaps[:3])
        more = f" and {len(ingested.gaps) - 3} more days" if len(ingested.gaps) > 3 else ""
        report.say(f"Suspected logging gaps (less than a fifth of a usual day's events): {first}{more}")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run,
    "ingest": ingest,
    "features": features,
    "fit": fit,
    "assign": assign,
    "publish": publish,
    "snapshots": snapshots_command.run,
    "personas": personas,
    "export": export,
    "simulate": simulate_command.run,
}
"""What the command line can do, by name."""
