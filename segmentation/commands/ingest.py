"""`segmentation ingest`: raw files to ingested events."""

import argparse

from segmentation.commands.account import say_account
from segmentation.ingest.ingest import ingest as ingest_files
from segmentation.ingest.sources import fetch
from segmentation.tools.progress import reporter
from segmentation.tools.scratch import scratch


def run(args: argparse.Namespace) -> int:
    """Ingest, and say what became of every file."""
    report = reporter()
    with scratch() as folder:
        say_account(ingest_files(fetch(args.events, folder, report), args.out, report), report)
    return 0
