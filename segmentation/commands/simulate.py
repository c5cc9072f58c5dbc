"""`segmentation simulate`: the simulator, by its former name."""

import argparse
from importlib import import_module

from contract.errors import WrongUsageError


def run(args: argparse.Namespace) -> int:
    """Hand over to the simulator, which is a package of its own and no part of what a shop runs."""
    try:
        simulator = import_module("simulator.cli")
    except ModuleNotFoundError as error:
        raise WrongUsageError("The simulator is not installed here; it comes with the project's source.") from error
    return int(simulator.main(args.arguments))
