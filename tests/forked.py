"""Runs in processes of their own, which tests kill: forked from one that has imported what they need."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from segmentation.ingest.ingest import ingest
from segmentation.ingest.sources import prepare
from segmentation.pipeline import Run, run
from segmentation.store.opening import open_store
from segmentation.tools.progress import SILENT

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["segmentation.pipeline"])
AS_OF = date(2020, 4, 30)
NOW = datetime(2020, 5, 1, tzinfo=UTC)


def run_again(events: str, store: str, seed: int) -> None:
    """Run on local events."""
    run(Run([Path(events)], AS_OF, open_store(store), seed=seed), SILENT, NOW)


@dataclass
class Killing:
    """A reporter that kills its process when a step begins, or when the step has done something."""

    at: str
    once_advanced: bool

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator["Killing"]:  # noqa: ARG002 (the protocol's)
        self.reached = name.startswith(self.at)
        if self.reached and not self.once_advanced:
            os.kill(os.getpid(), signal.SIGKILL)
        yield self

    def advance(self, amount: float = 1) -> None:  # noqa: ARG002
        if self.reached:
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, line: str) -> None: ...


def ingest_killed(store: str, files: Sequence[Path], moment: tuple[str, bool]) -> None:
    """Ingest into a store, and be killed at that moment."""
    with open_store(store).work() as work:
        prepare([str(file) for file in files], open_store(store), work, Killing(*moment))


KILLED = 99
"""How a process ends that its reporter has killed."""


class Mortal:
    """A reporter that ends its process, with nothing cleaned up, once it has been told so many things."""

    def __init__(self, reports: int) -> None:
        self._left = reports

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator["Mortal"]:  # noqa: ARG002
        self.advance()
        yield self
        self.advance()

    def advance(self, amount: float = 1) -> None:  # noqa: ARG002
        self._left -= 1
        if self._left < 0:
            os._exit(KILLED)

    def say(self, line: str) -> None:  # noqa: ARG002
        self.advance()


def ingest_mortally(raw: Path, out: Path, reports: int) -> None:
    """Ingest a folder, and be killed after so many reports."""
    ingest([raw], out, Mortal(reports))
