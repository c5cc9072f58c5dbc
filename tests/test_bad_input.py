"""Whatever is wrong is told in a sentence, with the right exit code, and the old snapshot goes on being served."""

import gc
import gzip
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
from shared_data import BUNDLED

from segmentation.commands.cli import main
from segmentation.tools.progress import SILENT
from simulator import Shop, simulate

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
GOOD = "2020-04-15 12:00:00 UTC,purchase,11,22,toys.car,acme,9.99,33,s1"
AS_OF = "2020-04-30"
PAGE = os.sysconf("SC_PAGE_SIZE")
NO_ROOM = "there is no room on the disk for what does not fit into memory."


class Told(NamedTuple):
    """How a command ended, and the last line it said."""

    exit_code: int
    sentence: str


def segmentation(*arguments: object) -> Told:
    """Run the command line in this process and check what holds for every failure: a sentence, and no traceback."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MENAGERIE_")}
    heard, said = signal.getsignal(signal.SIGTERM), io.StringIO()
    with patch.dict(os.environ, own, clear=True), redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            exit_code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # as argparse ends
            exit_code = int(ended.code or 0)
        finally:
            signal.signal(signal.SIGTERM, heard)
    gc.collect()  # which closes what the end of a process would
    return told(exit_code, said.getvalue())


def process(*arguments: object, **settings: str) -> Told:
    """Do the same in a process of its own."""
    command = [sys.executable, "-m", "segmentation", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MENAGERIE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment | settings)
    return told(done.returncode, done.stderr)


def told(exit_code: int, stderr: str) -> Told:
    lines = stderr.splitlines()
    assert "Traceback" not in stderr
    assert not [line for line in lines if line.lstrip().startswith("File ")]
    assert stderr.count("segmentation: ") <= 1
    assert "Errno" not in stderr
    assert all(line.isprintable() for line in lines)
    return Told(exit_code, lines[-1] if lines else "")


def published(store: Path) -> dict[str, bytes]:
    """Return every file that a reader of the store would look at."""
    whole = [manifest.parent for manifest in store.glob("snapshots/*/manifest.json")]
    files = [store / "snapshots" / "CURRENT", *(path for folder in whole for path in folder.rglob("*"))]
    return {str(path.relative_to(store)): path.read_bytes() for path in files if path.is_file()}


@pytest.fixture(scope="module")
def served(small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one snapshot, published and current."""
    return Path(shutil.copytree(small_store, tmp_path_factory.mktemp("served") / "store"))


@pytest.fixture
def store(served: Path) -> Iterator[Path]:
    """The served store, which no failing command may change."""
    before = published(served)
    assert "snapshots/CURRENT" in before
    yield served
    assert published(served) == before


# Files that cannot be read


def empty(folder: Path) -> None:
    (folder / "shop.csv").write_bytes(b"")


def header_only(folder: Path) -> None:
    (folder / "shop.csv").write_text(HEADER + "\n")


def wrong_header(folder: Path) -> None:
    (folder / "shop.csv").write_text("when,what\n1,2\n")


def rubbish(folder: Path) -> None:
    (folder / "shop.csv").write_bytes(bytes(range(256)) * 64)


def gzip_cut_short(folder: Path) -> None:
    (folder / "shop.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode())[:-12])


def no_events(folder: Path) -> None:
    (folder / "README.md").write_text("not events")


BROKEN = [empty, header_only, wrong_header, rubbish, gzip_cut_short, no_events]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda make: make.__name__)
def test_events_that_cannot_be_read(tmp_path: Path, store: Path, broken: Callable[[Path], None]) -> None:
    broken(tmp_path)
    ended = segmentation("run", "--events", tmp_path, "--as-of", AS_OF, "--store", store)
    assert ended.exit_code == 3
    assert ended.sentence.endswith(".")
    named = [path.name for path in tmp_path.glob("shop.*")] if broken is not header_only else []
    assert all(name in ended.sentence for name in named)


def test_one_broken_file_among_good_ones(tmp_path: Path, store: Path, small_shop: Path) -> None:
    gzip_cut_short(tmp_path)
    ended = segmentation("run", "--events", small_shop, tmp_path / "shop.csv.gz", "--as-of", AS_OF, "--store", store)
    assert ended.exit_code == 3
    assert "shop.csv.gz" in ended.sentence


@pytest.mark.parametrize("command", ["run", "features"])
def test_missing_events(tmp_path: Path, store: Path, command: str) -> None:
    rest = {
        "run": ("--as-of", AS_OF, "--store", store),
        "features": ("--as-of", AS_OF, "--out", tmp_path / "clients.parquet"),
    }
    ended = segmentation(command, "--events", tmp_path / "nowhere.csv", *rest[command])
    assert ended.exit_code == 3
    assert "nowhere.csv" in ended.sentence
    assert not (tmp_path / "clients.parquet").exists()


def test_as_of_before_all_events(small_shop: Path, store: Path) -> None:
    ended = segmentation("run", "--events", small_shop, "--as-of", "2001-01-31", "--store", store)
    assert ended.exit_code == 3
    assert ended.sentence.endswith(".")


def test_too_few_clients_for_seven_personas(tmp_path: Path, store: Path) -> None:
    simulate(Shop(40, seed=1, visitors_per_client=0.2, browsing=0.3), tmp_path / "raw", SILENT)
    ended = segmentation("run", "--events", tmp_path / "raw", "--as-of", AS_OF, "--store", store)
    assert ended.exit_code == 4
    assert "40" in ended.sentence


# Wrong usage


@pytest.mark.parametrize("as_of", ["yesterday", "2020-02-30"])
def test_as_of_that_is_no_date(small_shop: Path, store: Path, as_of: str) -> None:
    ended = segmentation("run", "--events", small_shop, "--as-of", as_of, "--store", store)
    assert ended.exit_code == 2
    assert "--as-of" in ended.sentence


@pytest.mark.parametrize(
    "arguments",
    [(), ("frobnicate",), ("run",), ("features", "--engine", "abacus"), ("export", "--persona", "unicorn")],
    ids=" ".join,
)
def test_wrong_usage(store: Path, arguments: tuple[str, ...]) -> None:
    ended = process(*arguments)
    assert store
    assert ended.exit_code == 2
    assert ended.sentence


def test_a_time_zone_that_is_none(small_shop: Path, store: Path) -> None:
    zone = ("--timezone", "Europe/Atlantis")
    ended = segmentation("run", "--events", small_shop, "--as-of", AS_OF, "--store", store, *zone)
    assert ended.exit_code == 2
    assert "Europe/Atlantis" in ended.sentence


# Stores that cannot be written


@contextmanager
def small_disk(folder: Path, content: Path, room: int) -> Iterator[Path]:
    """A disk of its own, with `content` on it and `room` bytes to spare."""
    folder.mkdir()
    size = sum(-(-path.stat().st_size // PAGE) * PAGE for path in content.rglob("*") if path.is_file()) + room
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted by this user")
    try:
        yield Path(shutil.copytree(content, folder / "store"))
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk(tmp_path: Path, served: Path, small_shop: Path) -> None:
    with small_disk(tmp_path / "disk", served, room=4 * PAGE) as store:
        before = published(store)
        ended = segmentation("run", "--events", small_shop, "--as-of", "2020-04-29", "--store", store)
        assert ended.exit_code == 1
        assert ended.sentence.endswith(".")
        assert published(store) == before


def test_a_read_only_store(tmp_path: Path, served: Path, small_shop: Path) -> None:
    with small_disk(tmp_path / "disk", served, room=1000 * PAGE) as store:
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], check=True)
        before = published(store)
        ended = segmentation("run", "--events", small_shop, "--as-of", "2020-04-29", "--store", store)
        assert ended.exit_code == 1
        assert ended.sentence.endswith(".")
        assert published(store) == before


def test_a_store_below_a_file(tmp_path: Path, small_shop: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    ended = segmentation("run", "--events", small_shop, "--as-of", AS_OF, "--store", tmp_path / "file" / "store")
    assert ended.exit_code == 3
    assert ended.sentence.endswith("file is a file, and should be a folder.")
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("below", [".", "folder/out"])
def test_events_go_into_a_folder(tmp_path: Path, small_shop: Path, below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    for command in (["ingest", "--out"], ["run", "--as-of", AS_OF, "--store"]):
        ended = segmentation(*command, tmp_path / "file" / below, "--events", small_shop)
        assert ended.exit_code == 3
        assert ended.sentence.endswith("file is a file, and should be a folder.")


def test_a_disk_full_of_events(tmp_path: Path, small_shop: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with small_disk(tmp_path / "disk", tmp_path / "nothing", room=10 * PAGE) as folder:
        ended = segmentation("ingest", "--events", small_shop, "--out", folder / "out")
        assert ended.exit_code == 1
        assert ended.sentence.endswith(".")


# Runs that are cut off


@pytest.mark.slow
@pytest.mark.parametrize("step", ["Reading", "Building the client table", "Publishing"])
def test_a_run_that_is_told_to_stop(tmp_path: Path, served: Path, sample_events: Path, step: str) -> None:
    store = Path(shutil.copytree(served, tmp_path / "store"))
    before = published(store)
    events = BUNDLED if step == "Reading" else sample_events
    run = ["run", "--events", str(events), "--as-of", AS_OF, "--store", str(store), "--accept-relabelling"]
    with subprocess.Popen([sys.executable, "-m", "segmentation", *run], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith(step):
                break
        running.terminate()
        said = running.stderr.read()
    assert running.returncode == 128 + signal.SIGTERM
    assert said.splitlines()[-1] == "segmentation: Stopped."
    assert published(store) == before
    assert not list(store.rglob("scratch"))
    assert segmentation("snapshots", "verify", "--store", store).exit_code == 0


@pytest.mark.slow
def test_no_room_for_what_does_not_fit_into_memory(tmp_path: Path, sample_events: Path) -> None:
    (tmp_path / "nothing").mkdir()
    ended = set()
    with small_disk(tmp_path / "disk", tmp_path / "nothing", room=500 * PAGE) as folder:
        features = ("features", "--events", sample_events, "--as-of", AS_OF, "--out", folder / "clients.parquet")
        for limit in ("20MB", "18MB", "16MB"):
            settings = {"MENAGERIE_MEMORY_LIMIT": limit, "MENAGERIE_THREADS": "1"}
            ended.add(process(*features, **settings))
            assert not list(folder.rglob("*"))
    assert {code for code, _ in ended} == {1}
    assert f"segmentation: Building the client table stopped: {NO_ROOM}" in {sentence for _, sentence in ended}


@pytest.mark.parametrize("kind", ["events", "rollup/visits"])
def test_a_damaged_month_among_good_ones(tmp_path: Path, sample_events: Path, kind: str) -> None:
    events = Path(shutil.copytree(sample_events, tmp_path / "events"))
    if kind == "events":
        shutil.rmtree(events / "rollup")
    (month,) = (events / kind / "month=2020-01").iterdir()
    with month.open("r+b") as file:
        file.seek(4)  # where the first page begins
        file.write(bytes(2000))
    ended = segmentation("features", "--events", events, "--as-of", AS_OF, "--out", tmp_path / "clients.parquet")
    assert ended == (3, "segmentation: The events of 2020-01 are damaged; ingest into a new folder.")
    assert not (tmp_path / "clients.parquet").exists()
