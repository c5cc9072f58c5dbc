"""`segmentation report`: the report of a published snapshot made anew, as a page or as pictures."""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from contract.errors import BadInputError
from contract.snapshot import CLIENTS, METRICS, PERSONAS, TREE
from languages import language
from segmentation.commands.given import store_named
from segmentation.model.files import load_tree
from segmentation.report import Facts, facts_of, report
from segmentation.report.facts import DRAWN
from segmentation.report.images import write_images
from segmentation.snapshot.catalog import verified
from segmentation.snapshot.manifest import Manifest
from segmentation.store.delivery import delivered
from segmentation.tools.parts import StoredTable


def run(args: argparse.Namespace) -> int:
    """Write the page, or the pictures, or both."""
    store = store_named(args)  # whose copy of the snapshot lasts as long as it
    facts = facts_in(*verified(store, args.id))
    if args.png:
        images = write_images(facts, args.png, language(args.lang))
        print(f"{len(images)} pictures: {args.png}")
    if args.out:
        with delivered(args.out) as draft:
            draft.write_text(report(facts), encoding="utf-8")
        print(f"Report: {args.out}")
    elif not args.png:
        sys.stdout.buffer.write(report(facts).encode())
    return 0


def facts_in(manifest: Manifest, folder: Path) -> Facts:
    """Return the facts of a snapshot in a folder; raise BadInputError for one that holds too few."""
    personas, metrics = _json(folder / PERSONAS), _json(folder / METRICS)
    if "everyone" not in metrics or "colour" not in personas[0]:
        raise BadInputError(
            f"Snapshot {manifest.id} was published by an earlier version, which noted less than a report shows;"
            " run the segmentation again."
        )
    segments = StoredTable(folder / CLIENTS, DRAWN, "assign")  # not all columns: an older snapshot has fewer
    as_of, seed = date.fromisoformat(manifest.as_of), metrics.get("parameters", {}).get("seed", 0)
    return facts_of(as_of, personas, metrics, load_tree((folder / TREE).read_bytes()), segments, seed)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
