"""Audiences as files: exact where programs read them, and harmless where spreadsheets do."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from snapshots import NOW, client, contents

from segmentation.commands.cli import main
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from segmentation.tools.progress import Lines

ARMED = ["=1+1", "+1", "-2+3", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "|calc", "%0a", "＝1", "＋1", "－1", "＠x"]
HARMLESS = ["l'oréal", "a=b", "3m", "", "'=1", "b-c", "été @ home", None]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rows = [
        client(i, "fox", preferred_brand=brand, preferred_category=brand) for i, brand in enumerate(ARMED + HARMLESS)
    ]
    publish(replace(contents(*rows)), open_store(str(tmp_path)), NOW)
    return tmp_path


def exported(store: Path, form: str) -> bytes:
    out = store / f"foxes.{form}"
    assert main(("export", "--store", str(store), "--persona", "fox", "--format", form, "--out", str(out))) == 0
    return out.read_bytes()


def test_a_spreadsheet_finds_no_formula(store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(store, "csv").decode(), newline="")))
    for column in ("preferred_brand", "preferred_category"):
        found = [row[column] for row in rows]
        assert found == [f"'{brand}" for brand in ARMED] + [brand or "" for brand in HARMLESS]
    assert [int(row["user_id"]) for row in rows] == list(range(len(rows)))


def test_programs_find_the_texts_as_they_are(store: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in exported(store, "ndjson").splitlines()]
    assert [line["preferred_brand"] for line in lines] == ARMED + HARMLESS
    exported(store, "parquet")
    table = pq.read_table(tmp_path / "foxes.parquet")
    assert table["preferred_brand"].to_pylist() == ARMED + HARMLESS


@pytest.mark.parametrize("name", ["\x1b[2J\x1b[1;1Hevil.csv", "a\u202egpj.csv", "a\x07\x9b31m.csv"])
def test_names_of_files_reach_the_terminal_without_what_moves_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("no,events\n")
    arguments = ("run", "--events", str(tmp_path), "--as-of", "2020-04-30", "--store", str(tmp_path / "store"))
    assert main(arguments) == 3
    told = capsys.readouterr().err
    assert ".csv" in told
    Lines().say(f"{name}: 3 rows read")
    told += capsys.readouterr().err
    assert not set(told) & set("\x1b\x07\x9b\u202e")
