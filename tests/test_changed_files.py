"""Files of a snapshot changed while it is served: nothing is answered from them, and no worker ends."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path

import pytest
from serving import Running, running, workers_of
from snapshots import publish_many

from contract.snapshot import ANSWERS, FEATURES, USER_IDS

ASKED = ("/segment/7", "/segment/250000?include=features", "/personas/fox/clients?limit=9", "/readyz", "/snapshot")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("published")
    publish_many(store)
    return store


@pytest.fixture
def store(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "store"))


@contextmanager
def served(store: Path, log: Path) -> Iterator[Running]:
    """Serve the store by one worker, which is never replaced."""
    with running(store, log, "--workers", "1") as service:
        assert [service.get(path)[0] for path in ASKED] == [200] * len(ASKED)
        workers = workers_of(service)
        yield service
        assert workers_of(service) == workers


def folder_of(store: Path) -> Path:
    return next(path for path in (store / "snapshots").iterdir() if path.is_dir())


def truncate(file: Path) -> None:
    os.truncate(file, 4096)


def overwrite(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = content[4096:][::-1]
    with file.open("r+b") as opened:
        opened.write(content)


def empty(file: Path) -> None:
    file.open("wb").close()


QUICK = ((USER_IDS, truncate), (ANSWERS, overwrite))
OTHERS = [(name, change) for name in (USER_IDS, ANSWERS, FEATURES) for change in (truncate, overwrite, empty)]


@pytest.mark.parametrize(
    ("name", "change"),
    [*QUICK, *(pytest.param(*other, marks=pytest.mark.slow) for other in OTHERS if other not in QUICK)],
)
def test_nothing_is_answered_from_a_file_that_was_written_to(
    store: Path, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    file = folder_of(store) / name
    before = file.read_bytes()
    with served(store, tmp_path / "log") as service:
        change(file)
        assert [service.get(path)[0] for path in ASKED] == [503] * len(ASKED)
        assert service.get("/healthz")[0] == 200
        assert len(service.wait_for_lines("snapshot changed while it was served", 1)) == 1
        assert len(service.wait_for_lines("snapshot refused", 1)) == 1
        file.write_bytes(before)
        (store / "snapshots/CURRENT").touch()
        assert len(service.wait_for_lines("snapshot served", 2)) == 2
        assert [service.get(path)[0] for path in ASKED] == [200] * len(ASKED)


def replace(folder: Path) -> None:
    for name in (USER_IDS, ANSWERS, FEATURES):
        (folder / "other").write_bytes(b"other")
        (folder / "other").rename(folder / name)


def make_unreadable(folder: Path) -> None:
    for name in (USER_IDS, ANSWERS, FEATURES):
        (folder / name).chmod(0)
        os.link(folder / name, folder / f"{name}.linked")


@pytest.mark.parametrize("change", [replace, shutil.rmtree, make_unreadable])
def test_what_was_verified_is_answered_from_where_its_files_are_replaced_or_go(
    store: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    with served(store, tmp_path / "log") as service:
        change(folder_of(store))
        assert [service.get(path)[0] for path in ASKED] == [200] * len(ASKED)


def test_a_file_that_is_sent_ends_where_what_it_is_made_of_was_truncated(store: Path, tmp_path: Path) -> None:
    with served(store, tmp_path / "log") as service:
        connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
        with closing(connection):
            connection.request("GET", "/personas/fox/clients?format=csv")
            answer = connection.getresponse()
            answer.read(1000)
            truncate(folder_of(store) / FEATURES)
            with pytest.raises(IncompleteRead):
                answer.read()
