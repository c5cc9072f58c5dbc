"""What arguments name, opened."""

import argparse

from contract.errors import BadInputError, WrongUsageError
from contract.snapshot import METRICS
from segmentation.commands.arguments import STORE_VARIABLE, local
from segmentation.ingest.mapping import Mapping, named
from segmentation.store.opening import open_store
from segmentation.store.protocol import Store

MODEL_FILES = ("clusters.json", "tree.json")


def model_files(folder: str) -> dict[str, bytes]:
    """Return the files of the model in a local folder, and its metrics."""
    path = local(folder)
    try:
        return {name: (path / name).read_bytes() for name in (*MODEL_FILES, METRICS)}
    except OSError as error:
        raise BadInputError(f"{path.name} holds no model; `segmentation fit` makes one.") from error


def mapping_named(args: argparse.Namespace) -> Mapping | None:
    """Read the mapping that the arguments or the environment name, if they do."""
    return named(args.mapping) if args.mapping else None


def store_named(args: argparse.Namespace) -> Store:
    """Open the store that the arguments or the environment name."""
    if not args.store:
        raise WrongUsageError(f"Name the store with --store or {STORE_VARIABLE}.")
    return open_store(args.store)
