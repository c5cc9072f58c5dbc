"""The command line: one command is run, and whatever comes of it becomes an exit code and a sentence.

The commands' own parts are imported when one runs, so that `--help` answers at once.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module

from contract.errors import MenagerieError
from segmentation.commands.arguments import parser
from segmentation.tools.engine import reason
from segmentation.tools.terminal import printable

DEBUG_VARIABLE = "MENAGERIE_DEBUG"
STOPPED = 128  # and the number of the signal, as shells say it


class _Stopping:
    """Takes SIGTERM, as `docker stop` and ECS send it, like an interrupt, and remembers which of the two it was."""

    number: int = signal.SIGINT

    def __call__(self, number: int, _frame: object) -> None:
        self.number = number
        raise KeyboardInterrupt


_stopping = _Stopping()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever goes wrong is told in a sentence."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without emoji shows a question mark
    args = parser().parse_args(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stopping)  # the first process of a container ignores it otherwise
    try:
        return int(import_module(f"segmentation.commands.{args.command}").run(args))
    except BrokenPipeError:  # whoever read our output, such as `head`, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, Exception) as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        return _fail(*_told(error))


def _told(error: BaseException) -> tuple[str, int]:
    """Return the sentence for whatever went wrong, and the exit code."""
    if isinstance(error, MenagerieError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt) or "interrupt" in str(error).lower():  # as the database engine says it
        return "Stopped.", STOPPED + _stopping.number
    if isinstance(error, OSError):
        return f"The disk or the network failed: {reason(error)}.", MenagerieError.exit_code
    return (
        f"Something unforeseen went wrong ({type(error).__name__}); {DEBUG_VARIABLE}=1 shows where.",
        MenagerieError.exit_code,
    )


def _fail(sentence: str, exit_code: int) -> int:
    print(f"segmentation: {printable(' '.join(sentence.split()))}", file=sys.stderr)
    return exit_code
