"""The benchmark of the client table, at a size that takes seconds: it must not rot, and must not flatter anyone."""

# ruff: noqa: S608 (the queries are put together from literals of this file)

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from benchmarks import contestants, results, scale, shop
from benchmarks.contestants import AS_OF, CONTESTANTS
from benchmarks.equality import differences
from benchmarks.race import Limits, race
from contract.columns import NAMES
from segmentation.features.table import write_clients
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import is_whole
from segmentation.tools.progress import SILENT
from simulator import Shop, simulate

pytestmark = pytest.mark.slow

SIZE = "100k"
FIGURES = {"seconds", "median", "cpu_s", "peak_gb"}
EASY = Limits(memory_gb=4, time_s=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure every contestant once, as the command does; its page is in `results`, its events in `100k`."""
    out = tmp_path_factory.mktemp("scale")
    (out / "results").mkdir()
    where = ["--folder", str(out), "--results", str(out / "results")]
    assert scale.run(["--events", SIZE, "--rounds", "1", "--memory", "4", "--time", "300", *where]) == 0
    return out


def test_every_contestant_that_is_installed_makes_the_same_table(folder: Path) -> None:
    [section] = json.loads((folder / "results" / "results.json").read_text()).values()
    assert section["contestants"].keys() == CONTESTANTS.keys()
    for name, result in section["contestants"].items():
        if CONTESTANTS[name].missing:
            assert result["verdict"].startswith("left out: ")
        else:
            assert result.keys() == FIGURES, result


def test_in_ci_only_spark_may_be_left_out() -> None:
    assert not [
        name for name, contestant in CONTESTANTS.items() if contestant.missing and name not in ("spark", "notebook")
    ]


def test_the_page_has_a_row_for_each_contestant(folder: Path) -> None:
    page = (folder / "results" / "RESULTS.md").read_text()
    assert f"## {SIZE}\n" in page
    assert all(f"\n| {name} | {contestant.said} |" in page for name, contestant in CONTESTANTS.items())


def test_the_shop_made_at_once_is_what_simulate_and_ingest_make(tmp_path: Path) -> None:
    settings = Shop(60, seed=3, visitors_per_client=2, format="parquet")
    simulate(settings, tmp_path / "raw", SILENT)
    ingest([tmp_path / "raw"], tmp_path / "ingested")
    shop.make(settings, tmp_path / "made")
    assert is_whole(tmp_path / "made")
    for kind in ("events", "rollup/visits", "rollup/purchases"):
        tables = [f"FROM read_parquet('{tmp_path / name}/{kind}/*/*.parquet')" for name in ("ingested", "made")]
        for one, other in (tables, reversed(tables)):
            assert duckdb.sql(f"{one} EXCEPT ALL {other}").fetchall() == []
        schemas = [duckdb.sql(f"DESCRIBE {table}").fetchall() for table in tables]
        assert schemas[0] == schemas[1]


def test_a_shop_is_made_once(folder: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in (folder / SIZE).rglob("*.parquet")}
    shop.make(Shop(1), folder / SIZE)
    assert {path: path.stat().st_mtime_ns for path in (folder / SIZE).rglob("*.parquet")} == files


def test_rollups_made_anew_are_made_elsewhere(folder: Path, tmp_path: Path) -> None:
    """Rollups that are wrong, but say that they are not, spoil the table of `ours` alone, and stay as they are."""
    shutil.copytree(folder / SIZE, tmp_path / SIZE)
    for path in (tmp_path / SIZE / "rollup" / "purchases").rglob("*.parquet"):
        pq.write_table(pq.read_table(path).slice(1), path)
    found = list((tmp_path / SIZE).rglob("*"))
    right, anew, spoilt = (tmp_path / f"{name}.parquet" for name in ("right", "anew", "spoilt"))
    CONTESTANTS["ours"].start()(folder / SIZE, AS_OF, right)
    CONTESTANTS["ours"].start()(tmp_path / SIZE, AS_OF, spoilt)
    CONTESTANTS["from-events"].start()(tmp_path / SIZE, AS_OF, anew)
    assert differences(right, anew) == []
    assert differences(right, spoilt) != []
    assert list((tmp_path / SIZE).rglob("*")) == found


def changed(table: Path, out: Path, replace: str, where: str = "") -> Path:
    duckdb.sql(f"COPY (SELECT * REPLACE ({replace}) FROM '{table}' {where}) TO '{out}' (FORMAT parquet)")
    return out


def test_tables_are_compared_cell_by_cell(folder: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "ours.parquet", tmp_path / "other.parquet"
    write_clients(folder / SIZE, AS_OF, table)
    rounded = "total_purchase_value * (1 + 1e-14) AS total_purchase_value"
    assert differences(table, changed(table, out, rounded, "ORDER BY preferred_brand")) == []
    clients = duckdb.sql(f"FROM '{table}'").fetchall()
    price, brand = NAMES.index("avg_price_2m"), NAMES.index("preferred_brand")
    unpriced, branded = sum(row[price] is None for row in clients), sum(row[brand] is not None for row in clients)
    for replace, said in {
        "total_purchase_value * (1 + 1e-9) AS total_purchase_value": f"{len(clients)} of total_purchase_value",
        "coalesce(avg_price_2m, 0) AS avg_price_2m": f"{unpriced} of avg_price_2m",
        "coalesce(avg_price_2m, 'nan') AS avg_price_2m": f"{unpriced} of avg_price_2m",
        "nullif(preferred_brand, preferred_brand) AS preferred_brand": (f"{branded} of preferred_brand"),
    }.items():
        assert differences(table, changed(table, out, replace)) == [said]
    duckdb.sql(f"COPY (SELECT * EXCLUDE (cart_abandonments) FROM '{table}') TO '{out}' (FORMAT parquet)")
    assert differences(table, out) == [], "a yardstick may lack a column"
    assert differences(out, table) == ["the columns or their order"]
    a_client = clients[0][0]
    [rows, *cells] = differences(table, changed(table, out, "user_id AS user_id", f"WHERE user_id <> {a_client}"))
    assert rows == f"{len(clients)} rows, not {len(clients) - 1}"
    assert "1 of user_id" in cells


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (Limits(memory_gb=0.02, time_s=60), "killed at 0."),
        (Limits(memory_gb=4, time_s=0.1), "gave up after 0.1 s"),
    ],
)
def test_a_contestant_over_its_limit_has_no_time(folder: Path, limits: Limits, verdict: str) -> None:
    found = race(folder / SIZE, ["ours"], 2, limits)["ours"]
    assert found.verdict.startswith(verdict)
    assert found.summary == {"verdict": found.verdict}
    assert not list((folder / SIZE).glob("race-*"))


def test_a_wrong_table_has_no_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.race.differences", lambda _, other: ["all"] if other.name == "yardstick" else [])
    found = race(folder / SIZE, ["yardstick", "ours"], 1, EASY)
    assert found["yardstick"].summary == {"verdict": "wrong: all"}
    assert found["ours"].summary.keys() == FIGURES


def test_a_size_measured_again_takes_the_place_of_the_first_and_growth_is_between_sizes(tmp_path: Path) -> None:
    def measured(events: int, seconds: float) -> results.Section:
        figures = {"ours": dict.fromkeys(FIGURES, seconds), "pandas": {"verdict": "killed"}}
        return results.section({"events": events, "clients": 7}, 3, AS_OF, figures)

    results.record("2M", measured(2_000_000, 9.0), tmp_path)
    results.record("4M", measured(4_000_000, 3.0), tmp_path)
    results.record("2M", measured(2_000_000, 2.0), tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    assert page.index("## 2M") < page.index("## 4M") < page.index("## Growth")
    assert "9.00" not in page
    assert "| ours | seconds × 1.50, CPU × 1.50, peak × 1.50 |" in page


def test_the_page_in_the_repository_is_the_one_of_its_figures() -> None:
    sections = json.loads((results.FOLDER / "results.json").read_text())
    assert (results.FOLDER / "RESULTS.md").read_text() == results.page(sections)


@pytest.mark.parametrize("size", ["20", "M", "1.5M", "20G"])
def test_a_size_is_a_whole_number_of_thousands_or_millions(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        scale.run(["--events", size])
    assert size in capsys.readouterr().err


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert contestants.peak_gb(2**31 - 1) == 0.0
    assert contestants.peak_gb() > 0
