"""What each command does, between its arguments and its exit code."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from segmentation import (
    audience,
    closing,
    pipeline,
    report_command,
    run_command,
    snapshots_command,
    spark,
    spark_stages,
)
from segmentation.arguments import local
from segmentation.assign import assign_file
from segmentation.catalog import verified
from segmentation.columns import SCHEMA
from segmentation.delivery import delivered
from segmentation.errors import BadInputError, WrongUsageError
from segmentation.features import write_clients
from segmentation.fit import fit as fit_model
from segmentation.ingest import ingest as ingest_files
from segmentation.model.files import dump, load
from segmentation.parts import StoredTable
from segmentation.progress import reporter
from segmentation.scratch import scratch
from segmentation.simulate import cli as simulate_command
from segmentation.snapshot import publish_over
from segmentation.snapshots_command import store_named
from segmentation.sources import stage
from segmentation.stage import write_json
from segmentation.words import number

METRICS = "metrics.json"
MODEL_FILES = ("clusters.json", "tree.json")
COUNTED = {"en": "Snapshot {}: {} clients as of {}.", "fr": "Instantané {} : {} clients au {}."}
TRY = {"en": "Try", "fr": "À essayer"}


def ingest(args: argparse.Namespace) -> int:
    """Ingest, and say what became of every file."""
    report = reporter()
    with scratch() as folder:
        run_command.say_account(ingest_files(stage(args.events, folder, report), args.out, report), report)
    return 0


def features(args: argparse.Namespace) -> int:
    """Write the client table."""
    if args.engine == "spark":
        rows = spark_stages.write_clients(spark.session(), args.events, args.as_of, args.out, args.timezone)
    else:
        events, out = local(args.events), local(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        rows = write_clients(events, args.as_of, out, args.timezone)
    print(f"{number(rows, 'en')} clients: {args.out}")
    return 0


def fit(args: argparse.Namespace) -> int:
    """Write a model and its metrics."""
    fitted = fit_model(StoredTable(args.clients, SCHEMA, "features"), args.seed, reporter())
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
    if args.engine == "spark":
        session = spark.session()
        model = spark.read_texts(session, args.model, MODEL_FILES) if "://" in args.model else _model_files(args.model)
        spark_stages.assign_clients(session, load(model), args.clients, args.out)
    else:
        clients, out = local(args.clients), local(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        assign_file(load(_model_files(args.model)), clients, out)
    print(f"Segments: {args.out}")
    return 0


def publish(args: argparse.Namespace) -> int:
    """Publish segments with the model that gave them."""
    store = store_named(args)
    served_before = store.current()
    files = _model_files(args.model)
    try:
        metrics = json.loads(files.pop(METRICS))
    except ValueError as error:
        raise BadInputError(f"{METRICS} of the model is damaged; `segmentation fit` writes it.") from error
    contents = pipeline.contents_of(args.segments, files, metrics)
    print(run_command.SERVED["en"].format(publish_over(served_before, contents, store, datetime.now(UTC))))
    return 0


def personas(args: argparse.Namespace) -> int:
    """Print the table of the snapshot that is served, and a request that finds a client of it."""
    store = store_named(args)
    manifest, folder = verified(store)
    closing.print_table(json.loads((folder / "personas.json").read_text(encoding="utf-8")), args.lang)
    clients = number(manifest.counts["clients"], args.lang)
    print(COUNTED[args.lang].format(manifest.id, clients, manifest.as_of))
    if args.url:
        users = np.load(folder / "lookup" / "user_id.npy", mmap_mode="r", allow_pickle=False)
        print(f"\n{TRY[args.lang]}: curl '{args.url}/segment/{users[len(users) // 2]}?include=reasons'")
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the clients of one persona of the snapshot that is served."""
    store = store_named(args)  # whose copy of the snapshot lasts as long as it
    _, folder = verified(store)
    clients = folder / "clients.parquet"
    if args.out is None:
        if args.format == "parquet":
            raise WrongUsageError("Parquet needs a file to go to: name it with --out.")
        audience.write(clients, args.persona, args.format, sys.stdout.buffer)
        return 0
    with delivered(args.out) as draft, draft.open("wb") as file:
        written = audience.write(clients, args.persona, args.format, file)
    print(f"{number(written, 'en')} clients: {args.out}")
    return 0


def _model_files(folder: str) -> dict[str, bytes]:
    path = local(folder)
    try:
        return {name: (path / name).read_bytes() for name in (*MODEL_FILES, METRICS)}
    except OSError as error:
        raise BadInputError(f"{path.name} holds no model; `segmentation fit` makes one.") from error


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run_command.run,
    "ingest": ingest,
    "features": features,
    "fit": fit,
    "assign": assign,
    "publish": publish,
    "snapshots": snapshots_command.run,
    "personas": personas,
    "export": export,
    "report": report_command.run,
    "simulate": simulate_command.run,
}
"""What the command line can do, by name."""
