"""Files that are none: a pipe that nobody writes into keeps nobody waiting."""

import os
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from serving import ENVIRONMENT, running
from snapshots import publish_small

from contract.files import open_regular, read_regular
from segmentation.commands.cli import main
from segmentation.store.opening import open_store
from service.snapshots.reader import RefusedError, read_snapshot

SOON_S = 10.0


def test_a_file_is_read_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert read_regular(tmp_path / "file") == b"text"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link", ".", "gone"):
        with pytest.raises(OSError, match=r"regular|directory"):
            read_regular(tmp_path / name)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(OSError, match="regular"), open_regular(tmp_path / "pipe"):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("command", ["run", "ingest", "backtest"])
def test_a_pipe_among_the_events_is_named(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events").mkdir()
    os.mkfifo(tmp_path / "events" / "a.csv")
    more = {
        "run": ("--as-of", "2020-04-30", "--store", str(tmp_path / "store")),
        "ingest": ("--out", str(tmp_path / "out")),
        "backtest": ("--as-of", "2020-04-30"),
    }[command]
    for events in (tmp_path / "events", tmp_path / "events" / "a.csv"):
        assert main((command, "--events", str(events), *more)) == 3
        assert "a.csv is no regular file" in capsys.readouterr().err


def test_a_store_whose_pointer_is_a_pipe_is_bad(tmp_path: Path) -> None:
    publish_small(tmp_path)
    (tmp_path / "snapshots" / "CURRENT").unlink()
    os.mkfifo(tmp_path / "snapshots" / "CURRENT")
    with pytest.raises(OSError, match="regular"):
        open_store(str(tmp_path)).current()


@pytest.mark.parametrize("name", ["manifest.json", "lookup/answers.npy"])
def test_a_pipe_in_a_snapshot_refuses_it(name: str, tmp_path: Path) -> None:
    snapshot_id = publish_small(tmp_path)
    folder = tmp_path / "snapshots" / snapshot_id
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises((RefusedError, OSError)):
        read_snapshot(folder, snapshot_id)


def test_the_service_goes_on_when_the_pointer_becomes_a_pipe(tmp_path: Path) -> None:
    publish_small(tmp_path)
    pointer = tmp_path / "snapshots" / "CURRENT"
    with running(tmp_path, tmp_path / "log", "--workers", "1") as service:
        said = pointer.read_text()
        pointer.unlink()
        os.mkfifo(pointer)
        time.sleep(2.5)
        assert service.get("/segment/7")[0] == HTTPStatus.OK
        pointer.unlink()
        other = publish_small(tmp_path, parameters={"seed": 8})
        pointer.write_text(said if other in said else f"{other}\n")
        deadline = time.monotonic() + SOON_S
        while (
            b"snapshot served" not in (tmp_path / "log").read_bytes().replace(b"\n", b" ").partition(b"unreachable")[2]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert service.stop() == 0


def test_a_run_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    os.mkfifo(tmp_path / "shop" / "a.csv")
    command = [sys.executable, "-m", "segmentation", "run", "--events", str(tmp_path / "shop" / "a.csv")]
    command += ["--as-of", "2020-04-30", "--store", str(tmp_path / "store")]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=SOON_S)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "segmentation: a.csv is no regular file, and cannot be read as one."
