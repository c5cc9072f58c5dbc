"""What the tests in a browser share: one browser, and one service over the bundled sample."""

from collections.abc import Iterator
from pathlib import Path

import browser as harness
import pytest
from playwright.sync_api import Browser
from serving import running


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests wait for a comparison on a busy machine, too."""
    monkeypatch.setattr("service.snapshots.comparisons._PATIENCE_S", 60.0)


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("sample") / "store"
    harness.publish_sample(store)
    return store


@pytest.fixture(scope="session")
def site(sample_store: Path) -> Iterator[str]:
    """Give the address of a service without keys."""
    harness.chromium()
    with running(sample_store, sample_store.parent / "log") as service:
        yield f"http://127.0.0.1:{service.port}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with harness.launched() as found:
        yield found
