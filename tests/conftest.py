"""What all tests share: no skips in CI, Hypothesis without a clock, and stores that are made once for all workers."""

import os
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import browser as harness
import pytest
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Browser
from serving import running
from shared_data import TOLD_TO_DO_WITHOUT, bundled
from xdist.scheduler import LoadFileScheduling

from segmentation.ingest.ingest import ingest
from segmentation.tools.progress import SILENT
from simulator import Shop, simulate

IN_CI = os.environ.get("CI") == "true"
NOW = datetime(2020, 5, 1, tzinfo=UTC)
COMPARED_WITHIN_S = 60
SMALL_SHOP = Shop(clients=400, seed=5, visitors_per_client=0.2, browsing=0.3)

# A deadline measures the machine, not the code. In CI a failure must come again when it is looked at.
settings.register_profile("menagerie", deadline=None, derandomize=IN_CI, print_blob=True)
settings.load_profile("menagerie")


class OneBrowser(LoadFileScheduling):  # type: ignore[misc]
    """A file is one worker's, and so are all files that open pages, and all that need the container engine."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if "browser" in file:
            return "browser"
        return "engine" if file.endswith(("test_images.py", "test_compose.py")) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser:
    """Give tests to workers as `OneBrowser` says."""
    return OneBrowser(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped where CI=true: everything that tests need must be there."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
        if TOLD_TO_DO_WITHOUT not in reason:
            report.outcome, report.longrepr = "failed", f"CI=true, and yet: {reason}"
    return report


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests wait for a comparison on a busy machine, too."""
    monkeypatch.setattr("service.snapshots.comparisons._PATIENCE_S", 60.0)


MadeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> MadeOnce:
    """Return how to make a folder that all workers of a session share; nobody may write into it afterwards."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        made, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                make(made)
                done.touch()
        return made

    return folder


@pytest.fixture(scope="session")
def sample_store(made_once: MadeOnce) -> Path:
    """A store with the sample's snapshot, and the one of two months before."""
    return made_once("sample", harness.publish_sample)


@pytest.fixture(scope="session")
def sample_events(made_once: MadeOnce) -> Path:
    """The sample's ingested events."""
    return made_once("events", lambda folder: ingest(bundled(), folder))


@pytest.fixture(scope="session")
def small_shop(made_once: MadeOnce) -> Path:
    """A folder with the raw files of 400 clients."""
    return made_once("shop", lambda folder: simulate(SMALL_SHOP, folder, SILENT))


@pytest.fixture(scope="session")
def small_store(made_once: MadeOnce, small_shop: Path) -> Path:
    """A store with the small shop's ingested events, its snapshot, and the one of two months before."""

    def publish(store: Path) -> None:
        harness.publish_twice([small_shop], store)

    return made_once("store", publish)


@pytest.fixture(scope="session")
def site(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a service without keys, which has compared its snapshot with the one before."""
    harness.chromium()
    with running(sample_store, tmp_path_factory.mktemp("site") / "log", "--workers", "1") as service:
        deadline = time.monotonic() + COMPARED_WITHIN_S
        while service.get("/snapshot/changes")[0] != HTTPStatus.OK and time.monotonic() < deadline:
            time.sleep(0.1)
        yield f"http://127.0.0.1:{service.port}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with harness.launched() as found:
        yield found
