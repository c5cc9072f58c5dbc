"""`segmentation export`: an audience: the clients of one persona."""

import argparse
import sys

from contract.errors import WrongUsageError
from contract.snapshot import CLIENTS
from segmentation.commands import audience
from segmentation.commands.given import store_named
from segmentation.snapshot.catalog import verified
from segmentation.store.delivery import delivered


def run(args: argparse.Namespace) -> int:
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
