"""`segmentation assign`: the client table and a model to segments."""

import argparse

from segmentation.commands.arguments import local
from segmentation.commands.given import MODEL_FILES, model_files
from segmentation.model.assign import assign_file
from segmentation.model.files import load
from segmentation.spark import session as spark
from segmentation.spark import stages as spark_stages


def run(args: argparse.Namespace) -> int:
    """Write the clients with their segments."""
    if args.engine == "spark":
        session = spark.session()
        model = spark.read_texts(session, args.model, MODEL_FILES) if "://" in args.model else model_files(args.model)
        spark_stages.assign_clients(session, load(model), args.clients, args.out)
    else:
        clients, out = local(args.clients), local(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        assign_file(load(model_files(args.model)), clients, out)
    print(f"Segments: {args.out}")
    return 0
