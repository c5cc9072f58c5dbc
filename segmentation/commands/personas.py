"""`segmentation personas`: who is in the snapshot that is served."""

import argparse
import json

import numpy as np

from contract.snapshot import PERSONAS, USER_IDS
from languages import language
from segmentation.commands import closing
from segmentation.commands.given import store_named
from segmentation.snapshot.catalog import verified


def run(args: argparse.Namespace) -> int:
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
