"""What each command does, between its arguments and its exit code."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module

import numpy as np

from contract.errors import BadInputError, WrongUsageError
from contract.snapshot import CLIENTS, METRICS, PERSONAS, USER_IDS
from languages import language
from segmentation import pipeline
from segmentation.commands import audience, closing
from segmentation.commands import report as report_command
from segmentation.commands import run as run_command
from segmentation.commands import snapshots as snapshots_command
from segmentation.commands.arguments import local
from segmentation.commands.snapshots import store_named
from segmentation.features.columns import SCHEMA
from segmentation.features.table import write_clients
from segmentation.ingest.ingest import ingest as ingest_files
from segmentation.ingest.sources import fetch
from segmentation.model.assign import assign_file
from segmentation.model.files import dump, load
from segmentation.model.fit import fit as fit_model
from segmentation.snapshot.catalog import verified
from segmentation.snapshot.publish import publish_over
from segmentation.spark import session as spark
from segmentation.spark import stages as spark_stages
from segmentation.store.delivery import delivered
from segmentation.tools.files import write_json
from segmentation.tools.parts import StoredTable
from segmentation.tools.progress import reporter
from segmentation.tools.scratch import scratch

MODEL_FILES = ("clusters.json", "tree.json")


def ingest(args: argparse.Namespace) -> int:
    """Ingest, and say what became of every file."""
    report = reporter()
    with scratch() as folder:
        run_command.say_account(ingest_files(fetch(args.events, folder, report), args.out, report), report)
    return 0


def features(args: argparse.Namespace) -> int:
    """Write the client table."""
    if args.engine == "spark":
        rows = spark_stages.write_clients(spark.session(), args.events, args.as_of, args.out, args.timezone)
    else:
        events, out = local(args.events), local(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        rows = write_clients(events, args.as_of, out, args.timezone)
    print(f"{rows:,} clients: {args.out}")
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
        f"{fitted.metrics['silhouette']['note']} On {held_out['clients']:,} clients held out:"
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
    print(run_command.SERVED.format(id=publish_over(served_before, contents, store, datetime.now(UTC))))
    return 0


def personas(args: argparse.Namespace) -> int:
    """Print the table of the snapshot that is served, and a request that finds a client of it."""
    store = store_named(args)
    manifest, folder = verified(store)
    say = language(args.lang)
    closing.print_table(json.loads((folder / PERSONAS).read_text(encoding="utf-8")), say)
    clients = manifest.counts["clients"]
    counted = say.ngettext(
        "Snapshot {id}: {count} client as of {day}.",
        "Snapshot {id}: {count} clients as of {day}.",
        clients,
        id=manifest.id,
        day=manifest.as_of,
    )
    print(counted)
    if args.url:
        users = np.load(folder / USER_IDS, mmap_mode="r", allow_pickle=False)
        request = f"curl '{args.url}/segment/{users[len(users) // 2]}?include=reasons'"
        print("\n" + say.gettext("Try: {request}", request=request))
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the clients of one persona of the snapshot that is served."""
    store = store_named(args)  # whose copy of the snapshot lasts as long as it
    _, folder = verified(store)
    clients = folder / CLIENTS
    if args.out is None:
        if args.format == "parquet":
            raise WrongUsageError("Parquet needs a file to go to: name it with --out.")
        audience.write(clients, args.persona, args.format, sys.stdout.buffer)
        return 0
    with delivered(args.out) as draft, draft.open("wb") as file:
        written = audience.write(clients, args.persona, args.format, file)
    print(f"{written:,} clients: {args.out}")
    return 0


def simulate(args: argparse.Namespace) -> int:
    """Hand over to the simulator, which is a package of its own and no part of what a shop runs."""
    try:
        simulator = import_module("simulator.cli")
    except ModuleNotFoundError as error:
        raise WrongUsageError("The simulator is not installed here; it comes with the project's source.") from error
    return int(simulator.main(args.arguments))


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
    "simulate": simulate,
}
"""What the command line can do, by name."""
