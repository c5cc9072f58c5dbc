"""`segmentation snapshots`: what is in a store, and which snapshot is served."""

import argparse
from dataclasses import asdict

from contract.errors import WrongUsageError
from segmentation.commands.given import store_named
from segmentation.snapshot.catalog import check, prune, rollback, serve, show, snapshots
from segmentation.snapshot.manifest import canonical, total_bytes
from segmentation.store.protocol import Store, checked_id, told_in_a_sentence


def run(args: argparse.Namespace) -> int:
    """Do what was asked and print what came of it."""
    store = store_named(args)
    with told_in_a_sentence(store.url):
        answer = _answer(args, store)
    print(answer)
    return 0


def _answer(args: argparse.Namespace, store: Store) -> str:
    match args.action:
        case "list":
            return _listing(store)
        case "show":
            return canonical(asdict(show(store, args.id))).decode()
        case "verify":
            manifest = check(store, args.id)
            clients = manifest.counts["clients"]
            return f"{manifest.id} is whole: {len(manifest.files)} files, {clients:,} clients."
        case "publish":
            serve(checked_id(args.id), store, store.current())
            return f"{args.id} is served."
        case "prune":
            if args.keep < 1:
                raise WrongUsageError("At least 1 snapshot must be kept.")
            return "\n".join(f"{gone} is removed." for gone in prune(store, args.keep)) or "There is none to remove."
        case _:
            return f"{rollback(store)} is served."


def _listing(store: Store) -> str:
    served = store.current()
    lines = [
        f"{'*' if manifest.id == served else ' '} {manifest.id}  created {manifest.created_at}"
        f"  {manifest.counts['clients']:>12,} clients  {total_bytes(manifest.files.values()):>15,} bytes"
        for manifest in snapshots(store)
    ]
    return "\n".join(lines) or f"The store {store.url} holds no snapshots."
