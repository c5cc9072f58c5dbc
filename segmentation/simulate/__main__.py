"""`python -m segmentation.simulate`: the command on its own."""

import argparse
import sys

from segmentation.errors import MenagerieError
from segmentation.simulate.cli import add_arguments, run


def main() -> int:
    """Run the command; a fault is one sentence and its exit code."""
    parser = argparse.ArgumentParser(prog="segmentation simulate", description="A shop that never was.")
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except MenagerieError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
