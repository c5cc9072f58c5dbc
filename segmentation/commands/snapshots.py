"""`segmentation snapshots`: what is in a store, and which snapshot is served."""

import argparse
import os
from dataclasses import asdict

from contract.errors import WrongUsageError
from segmentation.snapshot.catalog import check, prune, rollback, serve, show, snapshots
from segmentation.snapshot.manifest import canonical, total_bytes
from segmentation.store.opening import open_store
from segmentation.store.protocol import Store, checked_id, told_in_a_sentence

STORE_VARIABLE = "MENAGERIE_STORE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(args: argparse.Namespace) -> int:
    """Do what was asked and print what came of it."""
    store = store_named(args)
    with told_in_a_sentence(store.url):
        answer = _answer(args, store)
    print(answer)
    return 0


def store_named(args: argparse.Namespace) -> Store:
    """Open the store that the arguments or the environment name."""
    if not args.store:
        raise WrongUsageError(f"Name the store with --store or {STORE_VARIABLE}.")
    return open_store(args.store)


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
