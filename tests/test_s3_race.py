"""Real runs on one store in S3: of two at once one publishes, and a killed one leaves what is served as it was."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from fault_plans import Hold, Moment, from_the
from fault_runs import is_a_sentence, opened
from faults import PATIENCE_S, FaultyProxy, faulty_proxy
from s3_servers import S3Server, moto_server
from snapshots import NOW, client, contents

from segmentation.ingest.ingest import ingest
from segmentation.snapshot.catalog import check, prune, serve
from segmentation.snapshot.publish import publish
from segmentation.store.protocol import Store
from segmentation.tools.progress import SILENT
from simulator import Shop, simulate

pytestmark = pytest.mark.s3

RACES = 3
LOOK_EVERY_S = 0.05
Process = subprocess.Popen[str]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with moto_server() as running:
        yield running


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.endpoint) as running:
        yield running


class Events(NamedTuple):
    """One small shop's events, raw on S3 and ingested in a local folder."""

    raw: str
    ingested: str


@pytest.fixture(scope="module")
def events(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Events:
    folder = tmp_path_factory.mktemp("shop")
    simulate(Shop(clients=300, seed=3, visitors_per_client=0.2, browsing=0.3), folder, SILENT)
    for file in folder.glob("*.csv.gz"):
        server.client.upload_file(str(file), server.bucket, f"shop/raw/{file.name}")
    ingest([folder], folder / "ingested", SILENT)
    return Events(server.url("shop/raw"), str(folder / "ingested"))


class Runs:
    """Runs of the command line in processes of their own, through the proxy, on a store of the test's own."""

    def __init__(self, server: S3Server, proxy: FaultyProxy, folder: Path) -> None:
        self.url = server.url(folder.name)
        self.direct: Store = opened(server.environment, self.url)
        self._environment = os.environ | server.environment | {"AWS_ENDPOINT_URL": proxy.endpoint}
        self.disturbed: Store = opened(self._environment, self.url)
        self._environment |= {"MENAGERIE_SCRATCH": str(folder), "OMP_NUM_THREADS": "1"}
        self.open: list[Process] = []

    def start(self, events: str, seed: int = 0) -> Process:
        command = ["run", "--events", events, "--as-of", "2020-04-30", "--store", self.url, "--seed", str(seed)]
        process = subprocess.Popen(
            [sys.executable, "-m", "segmentation", *command],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.open.append(process)
        return process

    def undisturbed(self, events: str, seed: int = 0) -> str:
        """Run to the end and return the id of what is served then, verified."""
        code, told = ended(self.start(events, seed))
        assert code == 0, told
        return check(self.direct).id


def ended(process: Process) -> tuple[int, str]:
    """Wait for a process; return its exit code and the last line on standard error."""
    _, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, (errors.splitlines() or [""])[-1]


@pytest.fixture
def runs(server: S3Server, proxy: FaultyProxy, tmp_path: Path) -> Iterator[Runs]:
    found = Runs(server, proxy, tmp_path)
    yield found
    for process in found.open:
        process.kill()
        process.communicate()


@contextmanager
def reader(store: Store) -> Iterator[list[str]]:
    """Look at what is served again and again; every time it must be whole."""
    seen: list[str] = []
    over = threading.Event()

    def read() -> None:
        while not over.wait(LOOK_EVERY_S):
            seen.append(check(store).id)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            yield seen
        finally:
            over.set()
            reading.result(PATIENCE_S)


@pytest.mark.slow
def test_of_two_runs_at_once_one_publishes_and_the_other_says_so(
    runs: Runs, proxy: FaultyProxy, events: Events
) -> None:
    served = publish(contents(), runs.direct, NOW)
    for race in range(RACES):
        barrier, arrivals = threading.Barrier(2, timeout=PATIENCE_S), iter(range(2))

        def together(
            method: str, path: str, barrier: threading.Barrier = barrier, arrivals: Iterator[int] = arrivals
        ) -> None:
            if method == "GET" and path.endswith("/CURRENT") and next(arrivals, None) is not None:
                barrier.wait()  # both begin from the same snapshot

        proxy.restart(together)
        with reader(runs.direct) as seen:
            both = [runs.start(events.ingested, seed=10 * race + number) for number in (1, 2)]
            codes, told = zip(*map(ended, both), strict=True)
        winner = check(runs.direct).id
        assert sorted(codes) == [0, 4], told
        loser = told[codes.index(4)]
        assert "another run has published" in loser.lower()
        assert winner in loser
        assert is_a_sentence(loser)
        assert set(seen) <= {served, winner}
        assert winner != served
        served = winner


@pytest.mark.slow
def test_the_later_switch_loses_however_long_it_was_under_way(runs: Runs, proxy: FaultyProxy, events: Events) -> None:
    first = publish(contents(), runs.direct, NOW)
    hold = Hold()
    proxy.restart(from_the(1, hold, "PUT .*/CURRENT$"))
    with reader(runs.direct) as seen:
        held = runs.start(events.ingested, seed=1)
        assert hold.reached.wait(PATIENCE_S)
        winner = runs.undisturbed(events.ingested, seed=2)
        hold.go_on.set()
        code, told = ended(held)
    assert code == 4
    assert f"{winner} now" in told
    assert check(runs.direct).id == winner
    assert set(seen) <= {first, winner}


MOMENTS = {
    "raw files come": ("GET .*/shop/raw/.*csv.gz$", Moment.DONE),
    "events go": (r"PUT .*/events/.*\.parquet", Moment.HALF),
    "the first file goes": ("PUT .*/snapshots/.*/clients.parquet$", Moment.HALF),
    "the manifest goes": ("PUT .*/manifest.json$", Moment.HALF),
    "all is there": ("GET .*/manifest.json$", Moment.DONE),
}


@pytest.fixture(scope="module")
def alone(server: S3Server, events: Events, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id that a run with seed 1 gives in a store of its own."""
    with faulty_proxy(server.endpoint) as proxy:
        return Runs(server, proxy, tmp_path_factory.mktemp("alone")).undisturbed(events.raw, seed=1)


def killed_at(runs: Runs, proxy: FaultyProxy, events: Events, pattern: str, moment: Moment) -> None:
    """Start a run, and kill it at the first request of that kind."""
    hold = Hold(moment)
    proxy.restart(from_the(1, hold, pattern))
    process = runs.start(events.raw, seed=1)
    assert hold.reached.wait(PATIENCE_S), pattern
    process.kill()
    process.wait()
    hold.go_on.set()


@pytest.mark.slow
def test_killed_runs_leave_what_is_served_and_the_next_one_succeeds(
    runs: Runs, proxy: FaultyProxy, events: Events, alone: str
) -> None:
    old = publish(contents(), runs.direct, NOW)
    for told, (pattern, moment) in MOMENTS.items():
        killed_at(runs, proxy, events, pattern, moment)
        assert check(runs.direct).id == old, told
    assert runs.undisturbed(events.raw, seed=1) == alone != old


@pytest.mark.slow
def test_a_run_killed_once_its_switch_is_done_has_published(
    runs: Runs, proxy: FaultyProxy, events: Events, alone: str
) -> None:
    killed_at(runs, proxy, events, "PUT .*/CURRENT$", Moment.DONE)
    assert check(runs.direct).id == alone


@pytest.mark.slow
def test_pruning_spares_a_snapshot_that_is_served_again_meanwhile(runs: Runs, proxy: FaultyProxy) -> None:
    ids = [publish(contents(client(number, "owl")), runs.direct, NOW + timedelta(number)) for number in range(3)]
    hold = Hold()
    proxy.restart(from_the(1, hold, "DELETE "))
    with ThreadPoolExecutor(1) as pool:
        pruning = pool.submit(prune, runs.disturbed, keep=1)
        assert hold.reached.wait(PATIENCE_S)
        serve(ids[1], runs.direct, expected=ids[2])
        hold.go_on.set()
        pruning.result(PATIENCE_S)
    assert check(runs.direct).id == ids[1]
