"""`segmentation ingest`: raw files to ingested events."""

import argparse

from segmentation.commands.given import mapping_named
from segmentation.ingest.ingest import ingest as ingest_files
from segmentation.ingest.said import say_account
from segmentation.ingest.sources import fetch
from segmentation.tools.progress import reporter
from segmentation.tools.scratch import scratch


def run(args: argparse.Namespace) -> int:
    """Ingest, and say what became of every file."""
    report = reporter()
    with scratch() as folder:
        mapping = mapping_named(args)
        found = fetch(args.events, folder, report, has_mapping=mapping is not None)
        say_account(ingest_files(found.paths, args.out, report, found.passed_over, mapping), report)
    return 0
