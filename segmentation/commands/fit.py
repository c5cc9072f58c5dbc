"""`segmentation fit`: the client table to a model, or a model that is kept to what it makes of the table."""

import argparse

from contract.snapshot import METRICS
from segmentation.features.columns import SCHEMA
from segmentation.kept import named, recorded
from segmentation.model.files import dump
from segmentation.model.fit import apply
from segmentation.model.fit import fit as fit_model
from segmentation.store.opening import open_store
from segmentation.tools.files import write_json
from segmentation.tools.parts import StoredTable
from segmentation.tools.progress import reporter


def run(args: argparse.Namespace) -> int:
    """Write a model and its metrics: one learnt from the clients, or one that is kept, applied to them."""
    clients = StoredTable(args.clients, SCHEMA, "features")
    if args.model:
        kept = named(args.model, open_store(args.store) if args.store else None)
        fitted = apply(kept, clients, args.seed, reporter())
    else:
        fitted = fit_model(clients, args.seed, reporter())
    args.out.mkdir(parents=True, exist_ok=True)
    files = dump(fitted.model)
    for name, content in files.items():
        (args.out / name).write_bytes(content)
    write_json(args.out / METRICS, recorded(fitted.metrics, args.clients, args.seed, files, None))
    held_out = fitted.metrics["held_out"]
    print(
        f"{fitted.metrics['silhouette']['note']} On {held_out['clients']:,} clients held out:"
        f" accuracy {held_out['accuracy']:.3f}, macro F1 {held_out['macro_f1']:.3f}."
    )
    return 0
