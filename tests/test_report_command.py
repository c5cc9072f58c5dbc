"""`segmentation report`: the page of a published snapshot made anew, and its pictures as files."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from plotly.offline import get_plotlyjs
from snapshots import publish_small

from segmentation.commands.cli import main
from segmentation.report.images import SCALE, WIDTH
from segmentation.report.pictures import PICTURES


def folder_of(store: Path) -> Path:
    return store / "snapshots" / (store / "snapshots" / "CURRENT").read_text().strip()


def published(store: Path) -> bytes:
    return (folder_of(store) / "report" / "index.html").read_bytes()


def test_the_page_made_anew_is_the_one_published(small_store: Path, tmp_path: Path) -> None:
    assert main(["report", "--store", str(small_store), "--out", str(tmp_path / "sub" / "r.html")]) == 0
    assert (tmp_path / "sub" / "r.html").read_bytes() == published(small_store)


def test_it_goes_to_standard_output_and_may_be_of_a_snapshot_no_longer_served(
    small_store: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (before,) = set((small_store / "snapshots").glob("2*")) - {folder_of(small_store)}
    assert main(["report", before.name, "--store", str(small_store)]) == 0
    assert capfdbinary.readouterr().out == (before / "report" / "index.html").read_bytes()


def test_a_snapshot_of_an_earlier_version_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot_id = publish_small(tmp_path)
    assert main(["report", "--store", str(tmp_path)]) == 3
    told = capsys.readouterr().err
    assert told.startswith(f"segmentation: Snapshot {snapshot_id} was published by an earlier version")


def test_a_report_names_no_client(small_store: Path) -> None:
    own = published(small_store).decode().replace(get_plotlyjs(), "")
    users = pq.read_table(folder_of(small_store) / "clients.parquet", columns=["user_id"])["user_id"].to_pylist()
    assert not [user for user in users if str(user) in own]


def png(store: Path, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "segmentation", "report", "--store", str(store), "--png", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


@pytest.mark.browser
def test_each_picture_becomes_a_file(small_store: Path, tmp_path: Path) -> None:
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("there is no Chromium; install it with: apt-get install chromium")
    done = png(small_store, tmp_path / "png")
    assert (done.returncode, done.stdout) == (0, f"{len(PICTURES)} pictures: {tmp_path / 'png'}\n"), done.stderr
    files = {file.stem: file.read_bytes() for file in (tmp_path / "png").iterdir()}
    assert files.keys() == {picture.name for picture in PICTURES}
    for content in files.values():
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">I", content[16:20]) == (WIDTH * SCALE,)
        assert len(content) > 10_000, "nothing is drawn"
    assert len(set(files.values())) == len(PICTURES)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["none", "broken"])
def test_a_browser_that_does_not_start_is_named(small_store: Path, tmp_path: Path, program: str) -> None:
    (tmp_path / "broken").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "broken").chmod(0o700)
    done = png(small_store, tmp_path / "png", BROWSER_PATH=str(tmp_path / program))
    named = f"The browser that the variable BROWSER_PATH names, {tmp_path / program}, does not start"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"segmentation: {named}: correct it, or unset it.")
    assert not (tmp_path / "png").exists()


def test_a_folder_that_cannot_be_made_is_named(small_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--store", str(small_store), "--png", "/dev/null/x"]) == 2
    told = "The pictures cannot be written into /dev/null/x: name a folder that can be made, or written into."
    assert capsys.readouterr().err == f"segmentation: {told}\n"


def test_without_kaleido_the_remedy_is_told(
    small_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)  # as if it could not be imported
    assert main(["report", "--store", str(small_store), "--png", str(tmp_path / "png")]) == 2
    told = "Pictures as files need kaleido: install requirements-pictures.txt of the project with pip."
    assert capsys.readouterr().err == f"segmentation: {told}\n"
