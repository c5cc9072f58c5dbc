"""`segmentation features`: ingested events to the client table."""

import argparse

from segmentation.commands.arguments import local
from segmentation.features.table import write_clients
from segmentation.spark import session as spark
from segmentation.spark import stages as spark_stages


def run(args: argparse.Namespace) -> int:
    """Write the client table."""
    if args.engine == "spark":
        rows = spark_stages.write_clients(spark.session(), args.events, args.as_of, args.out, args.timezone)
    else:
        events, out = local(args.events), local(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        rows = write_clients(events, args.as_of, out, args.timezone)
    print(f"{rows:,} clients: {args.out}")
    return 0
