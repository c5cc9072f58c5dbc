"""What every command does when a resource fails it: docs/faults.md is written from here, and held to it.

`make faults` writes the table anew. Each cell is a run, or three, with the fault really there: for the disk by a
library between the process and the system (`faulty_disk.c`), for S3 by a proxy before a server.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from pathlib import Path
from secrets import token_hex
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from fault_plans import Fault, from_the, undisturbed
from fault_runs import opened
from faults import faulty_proxy
from s3_servers import S3Server, moto_server
from serving import Running, running, workers_of

from segmentation.commands.cli import main
from segmentation.snapshot.catalog import check
from segmentation.store.opening import open_store
from segmentation.store.protocol import Store

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="faults are put in as Linux allows")]

DOCS = Path(__file__).parents[1] / "docs" / "faults.md"
WRITES = os.environ.get("FAULT_TABLE") == "write"
AS_OF = "2020-04-29"
LATEST = "2020-04-30"
BOUND_S = 120
LOCAL = {
    "disk full": "full",
    "disk read-only": "read-only",
    "disk gone": "gone",
    "disk slow": "slow",
    "memory": "memory",
    "descriptors": "descriptors",
    "SIGTERM": f"signal {signal.SIGTERM:d}",
    "SIGKILL": f"signal {signal.SIGKILL:d}",
    "SIGBUS": f"signal {signal.SIGBUS:d}",
}
FROM_THE_BEGINNING = {"disk read-only", "disk slow"}
REMOTE = {
    "S3 503": Fault.BUSY,
    "S3 slow": Fault.LATE,
    "S3 cut": Fault.CUT_BEFORE,
    "clock an hour off": None,
}
RESOURCES = (*LOCAL, *REMOTE)
NOT_ASKED = "asks no S3"
HOUR_S = 3600


@dataclass(frozen=True)
class Command:
    """What is typed, in a folder that holds what the stages before have made; `{store}` is where snapshots are."""

    arguments: str
    publishes: bool = False
    asks_s3: bool = False


COMMANDS = {
    "ingest": Command("ingest --events raw --out again"),
    "features": Command(f"features --events ingested --as-of {AS_OF} --out again.parquet"),
    "fit": Command("fit --clients clients.parquet --out again"),
    "assign": Command("assign --clients clients.parquet --model model --out again.parquet"),
    "publish": Command("publish --segments segments.parquet --model model --store {store}", True, True),
    "run": Command(f"run --events raw --as-of {AS_OF} --store {{store}} --accept-relabelling", True, True),
    "export": Command("export --persona lion --store {store} --out lions.csv", asks_s3=True),
    "snapshots publish": Command("snapshots publish {earlier} --store {store}", True, True),
    "snapshots prune": Command("snapshots prune --keep 1 --store {store}", asks_s3=True),
}


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MENAGERIE_", "AWS_"))}
    return {**own, "PYTHONPATH": str(DOCS.parents[1]), **more}


def segmentation(folder: Path, arguments: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "scratch").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "segmentation", *arguments],
        cwd=folder,
        env=environment(TMPDIR=str(folder / "scratch"), **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND_S,
    )


@pytest.fixture(scope="session")
def prepared(made_once: Callable[..., Path], small_shop: Path, small_store: Path) -> Path:
    """A folder with what each stage makes, and a store with two snapshots."""

    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "raw").mkdir()
        for path in small_shop.glob("*.csv*"):
            shutil.copy(path, folder / "raw")
        shutil.copytree(small_store, folder / "store", dirs_exist_ok=True)
        for stage in ("ingest --events raw --out ingested", COMMANDS["features"].arguments, COMMANDS["fit"].arguments):
            typed = stage.replace("again.parquet", "clients.parquet").replace("--out again", "--out model").split()
            done = segmentation(folder, typed)
            assert done.returncode == 0, done.stderr
        typed = COMMANDS["assign"].arguments.replace("again.parquet", "segments.parquet").split()
        assert segmentation(folder, typed).returncode == 0

    return made_once("prepared", make)


@pytest.fixture(scope="session")
def faulty_disk(made_once: Callable[..., Path]) -> Path:
    """The library that fails what a process asks of the disk."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler, which makes the disk that fails")
    source = Path(__file__).with_name("faulty_disk.c")

    def make(folder: Path) -> None:
        folder.mkdir()
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", folder / "disk.so", source, "-ldl"], check=True)

    return made_once("faulty-disk", make) / "disk.so"


@dataclass
class Table:
    """The table in docs/faults.md: as it is, and as it was found."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Table":
        lines = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")] if DOCS.exists() else []
        split = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
        return cls({row[0]: dict(zip(split[0][1:], row[1:], strict=True)) for row in split[1:]} if split else {})

    def text(self) -> str:
        lines = ["| | " + " | ".join(RESOURCES) + " |", "|---" * (len(RESOURCES) + 1) + "|"]
        for command in (*COMMANDS, "the service"):
            cells = (self.rows.get(command, {}).get(resource, "") for resource in RESOURCES)
            lines.append(f"| `{command}` | " + " | ".join(cells) + " |")
        return "\n".join(lines)


@pytest.fixture(scope="module")
def found() -> Iterator[Table]:
    """What came out; written to the docs where that is asked for."""
    table = Table.read() if WRITES else Table()
    yield table
    if WRITES:
        before, _, rest = DOCS.read_text().partition("<!-- table -->\n")
        after = rest.partition("<!-- end of table -->")[2]
        DOCS.write_text(f"{before}<!-- table -->\n{table.text()}\n<!-- end of table -->{after}")


def hold(found: Table, command: str, cells: dict[str, set[str]]) -> None:
    """Compare a row with the docs: each outcome is one of those told there.

    When exactly the fault comes depends on threads: little memory may do, and the last operation be one later.
    """
    new, before = (", new", ", before") if command in COMMANDS and COMMANDS[command].publishes else ("", "")
    if command in COMMANDS and WRITES:
        for resource in ("memory", "descriptors"):
            cells[resource] |= {f"done{new}", f"1{before}"}
        cells["SIGKILL"].add(f"done{new}")
    found.rows[command] = {resource: " or ".join(sorted(outcomes)) for resource, outcomes in cells.items()}
    if not WRITES:
        told = Table.read().rows[command]
        assert told.keys() == set(RESOURCES)
        surprising = {r: outcomes for r, outcomes in cells.items() if not outcomes <= set(told[r].split(" or "))}
        assert not surprising


def ended(done: subprocess.CompletedProcess[str]) -> str:
    """Say how a process ended, and check that it did so as it should: in a sentence, and without a traceback."""
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 3, 4, 128 + signal.SIGTERM}, done.stderr
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("segmentation: "), done.stderr
        assert last.endswith("."), last
    return "done" if done.returncode == 0 else str(done.returncode)


def outcome(done: subprocess.CompletedProcess[str], command: Command, store: Store, before: str | None) -> str:
    """Say how a command ended and what is served then, which is whole in any case."""
    told = ended(done)
    served = check(store).id
    return f"{told}, {'before' if served == before else 'new'}" if command.publishes else told


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(  # noqa: PLR0917 (what a run needs)
    name: str, tmp_path: Path, prepared: Path, faulty_disk: Path, found: Table, moto: S3Server
) -> None:
    command, cells = COMMANDS[name], {}
    count = counted(command, fresh(prepared, tmp_path), faulty_disk)
    for resource, kind in LOCAL.items():
        moments = [1] if resource in FROM_THE_BEGINNING else [count // 2]
        moments = [1, count // 2, count] if resource == "SIGKILL" else moments
        cells[resource] = {on_disk(command, fresh(prepared, tmp_path), kind, at, faulty_disk) for at in moments}
    cells |= (
        over_s3(command, prepared, tmp_path, moto, faulty_disk)
        if command.asks_s3
        else {resource: {NOT_ASKED} for resource in REMOTE}
    )
    hold(found, name, cells)


def fresh(prepared: Path, tmp_path: Path) -> Path:
    """Return a folder as the stages before have left it, in the same place each time."""
    folder = tmp_path / "work"
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(prepared, folder))


def typed(command: Command, folder: Path, store: str) -> list[str]:
    """Return what is typed, where an earlier snapshot is named with its id."""
    earlier = min(path.name for path in (folder / "store/snapshots").glob("2020-*"))
    return command.arguments.format(store=store, earlier=earlier).split()


def counted(command: Command, folder: Path, faulty_disk: Path) -> int:
    """Return how many operations on the disk a command takes."""
    file = folder.with_name("count")
    count = {"FAULT_KIND": "none", "FAULT_COUNT": str(file), "FAULT_BELOW": f"{folder}/"}
    done = segmentation(folder, typed(command, folder, "store"), LD_PRELOAD=str(faulty_disk), **count)
    assert done.returncode == 0, done.stderr
    return int(file.read_text())


def on_disk(command: Command, folder: Path, kind: str, at: int, faulty_disk: Path) -> str:
    """Run a command to which something happens at an operation; say how it ended, and see that it can be run again."""
    store = open_store(str(folder / "store"))
    before, asked = store.current(), typed(command, folder, "store")
    fault = {"FAULT_KIND": kind, "FAULT_AFTER": str(at), "FAULT_BELOW": f"{folder}/"}
    told = outcome(segmentation(folder, asked, LD_PRELOAD=str(faulty_disk), **fault), command, store, before)
    if not told.startswith("done"):
        repeat(folder, asked)
    return told


def repeat(folder: Path, asked: list[str]) -> None:
    """See that a command goes on where it was disturbed; in this process, which has all libraries read already."""
    heard, said = signal.getsignal(signal.SIGTERM), io.StringIO()
    with chdir(folder), redirect_stderr(said), redirect_stdout(said):
        try:
            exit_code = main(asked)
        finally:
            signal.signal(signal.SIGTERM, heard)
    assert exit_code == 0, said.getvalue()


def over_s3(
    command: Command, prepared: Path, tmp_path: Path, server: S3Server, faulty_disk: Path
) -> dict[str, set[str]]:
    """Run a command once for each way in which S3 can fail, at the same time, because most of it is waiting."""
    folders = {resource: fresh(prepared, tmp_path / token_hex(4)) for resource in REMOTE}
    urls = {resource: in_s3(folder, server) for resource, folder in folders.items()}
    # Opened one after another: each takes the place of the process's environment for a moment.
    stores = {resource: opened(server.environment, url) for resource, url in urls.items()}

    def failed(resource: str) -> str:
        """Fail requests from the second on, or all that are signed at a wrong time."""
        folder, url, store, fault = folders[resource], urls[resource], stores[resource], REMOTE[resource]
        before = store.current()
        with faulty_proxy(server.endpoint) as proxy:
            more = {**server.environment, "AWS_ENDPOINT_URL": proxy.endpoint, "MENAGERIE_S3_TIMEOUT_S": "1"}
            if fault:
                proxy.plan = from_the(2, fault, times=inf)
            else:
                proxy.checks_clock = True
                more |= {"FAULT_CLOCK": str(HOUR_S), "LD_PRELOAD": str(faulty_disk)}
            return outcome(segmentation(folder, typed(command, folder, url), **more), command, store, before)

    with ThreadPoolExecutor(len(REMOTE)) as pool:
        told = dict(zip(REMOTE, pool.map(failed, REMOTE), strict=True))
    with patch.dict(os.environ, server.environment):
        for resource in REMOTE:
            repeat(folders[resource], typed(command, folders[resource], urls[resource]))
    return {resource: {one} for resource, one in told.items()}


def in_s3(folder: Path, server: S3Server) -> str:
    """Copy a folder's store into S3, to a place of its own, and return its URL."""
    prefix = token_hex(4)
    for path in (folder / "store").rglob("*"):
        if path.is_file():
            server.client.upload_file(str(path), server.bucket, f"{prefix}/{path.relative_to(folder / 'store')}")
    return server.url(prefix)


ASKED = "/segment/{client}?include=features,reasons"


def test_the_service(tmp_path: Path, prepared: Path, faulty_disk: Path, found: Table, moto: S3Server) -> None:
    folder = fresh(prepared, tmp_path)
    preloaded = {"LD_PRELOAD": str(faulty_disk), "FAULT_BELOW": f"{folder}/"}
    count = {"FAULT_KIND": "none", "FAULT_COUNT": str(tmp_path / "count")}
    with running(folder / "store", tmp_path / "log", environment={**preloaded, **count}):
        pass
    after = str(int((tmp_path / "count").read_text()) + 1)
    cells = {}
    for resource in ("disk full", "disk read-only", "disk gone", "disk slow", "memory", "descriptors"):
        fault = {"FAULT_KIND": LOCAL[resource], "FAULT_AFTER": after}
        with running(folder / "store", tmp_path / "log", environment={**preloaded, **fault}) as service:
            cells[resource] = {answered(service, folder)}
    for resource, number in (("SIGTERM", signal.SIGTERM), ("SIGKILL", signal.SIGKILL), ("SIGBUS", signal.SIGBUS)):
        with running(folder / "store", tmp_path / "log") as service:
            os.kill(service.process.pid if number == signal.SIGTERM else workers_of(service)[0], number)
            cells[resource] = {answered(service, folder)}
    url = in_s3(folder, moto)
    for resource, remote in REMOTE.items():
        with faulty_proxy(moto.endpoint) as proxy:
            more = {**moto.environment, "AWS_ENDPOINT_URL": proxy.endpoint}
            if not remote:
                proxy.checks_clock = True
                more |= {"FAULT_CLOCK": str(HOUR_S), "LD_PRELOAD": str(faulty_disk)}
            cache = ("--cache-dir", str(tmp_path / token_hex(4)))
            with running(url, tmp_path / "log", *cache, environment=more) as service:
                proxy.plan = from_the(1, remote, times=inf) if remote else undisturbed
                cells[resource] = {answered(service, folder)}
    hold(found, "the service", cells)


def answered(service: Running, folder: Path) -> str:
    """Say whether the service answers in the seconds after, rightly, and how it ends when it is told to."""
    clients = pq.read_table(next((folder / "store/snapshots").glob(f"{LATEST}*")) / "clients.parquet")
    first = clients.slice(0, 1).to_pylist()[0]
    for _ in range(20):
        time.sleep(0.1)
        try:
            status, _, body = service.get(ASKED.format(client=first["user_id"]))
        except OSError:
            if service.process.poll() is not None:
                return f"ends, {service.process.returncode}"
            continue
        if status == HTTPStatus.OK:
            assert json.loads(body)["persona"] == first["persona"]
    return f"{'answers' if status == HTTPStatus.OK else status}, {service.stop()}"
