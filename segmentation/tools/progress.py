"""What a person sees while a run goes on: bars on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from segmentation.tools.terminal import printable


class Step(Protocol):
    """A step under way."""

    def advance(self, amount: float = 1) -> None:
        """Say that `amount` more of the step's total is done."""


class Reporter(Protocol):
    """Something that shows steps and lines to whoever waits for them."""

    def step(self, name: str, total: float | None = None) -> AbstractContextManager[Step]:
        """Open a step; `total` is its size in any unit, None when unknown."""

    def say(self, line: str) -> None:
        """Show one line."""


class _NoStep:
    def advance(self, amount: float = 1) -> None: ...


class Silent:
    """Shows nothing; for tests and for calls from other code."""

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:  # noqa: ARG002 (the protocol's)
        """Open a step that nobody watches."""
        yield _NoStep()

    def say(self, line: str) -> None:
        """Drop the line."""


SILENT = Silent()


class Lines:
    """Plain lines on a stream, one when a step begins."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:  # noqa: ARG002 (the protocol's)
        """Say that the step begins."""
        self.say(f"{name} …")
        yield _NoStep()

    def say(self, line: str) -> None:
        """Print the line at once."""
        print(printable(line), file=self._stream, flush=True)


class _CountColumn(MofNCompleteColumn):
    """How much is done, and of how much where that is known."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text(f"{int(task.completed)}")


class Bars:
    """A bar for each step, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:
        """Draw the step's bar, and leave it finished."""
        columns = (SpinnerColumn(finished_text="✔"), TextColumn("{task.description}"), BarColumn(30))
        with Progress(*columns, _CountColumn(), TimeElapsedColumn(), console=self._console) as progress:
            task = progress.add_task(printable(name), total=total)
            yield _BarStep(progress, task)
            progress.update(task, total=progress.tasks[0].completed or 1, completed=progress.tasks[0].completed or 1)

    def say(self, line: str) -> None:
        """Print the line above the bars."""
        self._console.print(printable(line), highlight=False, markup=False)


class _BarStep:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: float = 1) -> None:
        self._progress.advance(self._task, amount)


def reporter() -> Reporter:
    """Return what suits standard error: bars on a terminal, lines elsewhere."""
    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines()
