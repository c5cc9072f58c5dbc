"""The whole story: the same inputs give the same snapshot, planted behaviours come back, kills leave no trace."""

import csv
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from forked import AS_OF, FORKS, NOW, run_again
from shared_data import MULTICATEGORY, RETAIL, bundled, shared
from sklearn.metrics import adjusted_rand_score

from segmentation.commands.cli import main
from segmentation.pipeline import Outcome, Run, run
from segmentation.snapshot.catalog import check
from segmentation.store.opening import open_store
from segmentation.tools.errors import QualityGateError
from segmentation.tools.progress import SILENT
from simulator import Shop, simulate
from simulator.behaviours import BEHAVIOURS

KILLS = 50
EXPECTED_PERSONA = {behaviour.name: behaviour.persona for behaviour in BEHAVIOURS}


def truth(folder: Path) -> dict[int, str]:
    with gzip.open(folder / "truth" / "behaviours.csv.gz", "rt") as file:
        return {int(row["user_id"]): row["behaviour"] for row in csv.DictReader(file)}


def personas_of(store: Path, snapshot_id: str) -> dict[int, str]:
    table = pq.read_table(store / "snapshots" / snapshot_id / "clients.parquet", columns=["user_id", "persona"])
    return dict(zip(table["user_id"].to_pylist(), table["persona"].to_pylist(), strict=True))


def metrics_of(store: Path, snapshot_id: str) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((store / "snapshots" / snapshot_id / "metrics.json").read_text())
    return metrics


@pytest.fixture(scope="module")
def separable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Outcome]:
    folder = tmp_path_factory.mktemp("separable")
    simulate(Shop(clients=4000, seed=11, visitors_per_client=0.3, browsing=0.5, overlap=0.0), folder / "shop", SILENT)
    outcome = run(Run([folder / "shop"], AS_OF, open_store(str(folder / "store"))), SILENT, NOW)
    return folder / "shop", folder / "store", outcome


@pytest.mark.slow
def test_planted_behaviours_are_recovered(separable: tuple[Path, Path, Outcome]) -> None:
    shop, store, outcome = separable
    planted, found = truth(shop), personas_of(store, outcome.snapshot_id)
    assert found.keys() == planted.keys()
    users = sorted(planted)
    assert adjusted_rand_score([planted[u] for u in users], [found[u] for u in users]) >= 0.90


@pytest.mark.slow
def test_every_persona_lands_on_the_behaviour_it_describes(separable: tuple[Path, Path, Outcome]) -> None:
    shop, store, outcome = separable
    planted, found = truth(shop), personas_of(store, outcome.snapshot_id)
    for behaviour, persona in EXPECTED_PERSONA.items():
        answers = Counter(found[user] for user, its in planted.items() if its == behaviour)
        assert answers.most_common(1)[0][0] == persona, (behaviour, answers)


@pytest.mark.slow
def test_the_tree_is_small_and_right_on_clients_it_has_not_seen(separable: tuple[Path, Path, Outcome]) -> None:
    _, store, outcome = separable
    metrics = metrics_of(store, outcome.snapshot_id)
    assert metrics["tree"]["leaves"] <= 32
    assert metrics["held_out"]["accuracy"] >= 0.95
    assert metrics["held_out"]["macro_f1"] >= 0.95


@pytest.mark.slow
def test_sizes_and_revenue_add_up(separable: tuple[Path, Path, Outcome]) -> None:
    _, store, outcome = separable
    table = pq.read_table(store / "snapshots" / outcome.snapshot_id / "clients.parquet")
    assert sum(p["clients"] for p in outcome.personas) == table.num_rows
    assert sum(p["share"] for p in outcome.personas) == pytest.approx(1)
    assert sum(p["revenue_share"] for p in outcome.personas) == pytest.approx(1)
    assert sum(p["revenue"] for p in outcome.personas) == pytest.approx(sum(table["total_purchase_value"].to_pylist()))


def sample_run(store: Path, files: list[Path], **environment: str) -> str:
    command = [sys.executable, "-m", "segmentation", "run", "--as-of", "2020-04-30", "--store", str(store)]
    subprocess.run(
        [*command, "--events", *map(str, files)], check=True, env=os.environ | environment, capture_output=True
    )
    return (store / "snapshots" / "CURRENT").read_text().strip()


@pytest.mark.slow
def test_threads_and_the_order_of_files_do_not_change_the_snapshot(tmp_path: Path) -> None:
    files = bundled()
    one = sample_run(tmp_path / "one", files, MENAGERIE_THREADS="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    shuffled = random.Random(5).sample(files, len(files))
    many = sample_run(tmp_path / "many", shuffled, MENAGERIE_THREADS="4", OMP_NUM_THREADS="4")
    assert one == many


@pytest.fixture(scope="module")
def at_once(small_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the id of the snapshot that a run makes in a store of its own."""
    store = open_store(str(tmp_path_factory.mktemp("whole")))
    return run(Run([small_shop], AS_OF, store), SILENT, NOW).snapshot_id


def test_raw_and_ingested_events_give_the_same_snapshot(at_once: str, small_store: Path, tmp_path: Path) -> None:
    (ingested,) = (path.parent for path in (small_store / "ingested").glob("*/ingest.json"))
    other = run(Run([ingested], AS_OF, open_store(str(tmp_path))), SILENT, datetime(2021, 1, 1, tzinfo=UTC))
    assert other.snapshot_id == at_once


@pytest.mark.data
def test_a_real_shop_is_segmented_into_personas_that_hold(tmp_path: Path) -> None:
    """The bars that the model was made for: on the shop whose groups of measures hold least."""
    store = open_store(str(tmp_path))
    outcome = run(Run([shared(RETAIL)], date(2010, 12, 9), store), SILENT, NOW)
    assert sum(persona["clients"] for persona in outcome.personas) == 3684
    assert all(persona["clients"] for persona in outcome.personas)
    found = metrics_of(tmp_path, outcome.snapshot_id)
    assert found["grouping"]["by"] == "scores"
    assert found["stability"]["bootstrap_ari"] >= 0.95
    assert found["held_out"]["accuracy"] >= 0.97
    assert found["held_out"]["macro_f1"] >= 0.97
    assert found["tree"]["leaves"] <= 32
    spent = {persona["name"]: persona["profile"]["median_total_purchase_value"] for persona in outcome.personas}
    everyone = found["everyone"]["median_total_purchase_value"]
    assert max(spent, key=spent.__getitem__) == "lion"
    assert min(spent["fox"], spent["tortoise"]) > everyone > spent["squirrel"]


@pytest.mark.data
@pytest.mark.slow
def test_a_month_later_the_rules_are_the_same_and_a_refit_changes_few(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    run(Run([shared(RETAIL)], date(2010, 10, 9), store), SILENT, NOW)
    kept = run(Run([shared(RETAIL)], date(2010, 11, 9), store), SILENT, NOW)
    found = metrics_of(tmp_path, kept.snapshot_id)
    assert (found["movement"]["same_rules"], found["movement"]["relabelled"]["clients"]) == (True, 0)
    again = run(Run([shared(RETAIL)], date(2010, 12, 9), store, refit=True), SILENT, NOW)
    assert metrics_of(tmp_path, again.snapshot_id)["refit"]["relabelled"] <= 0.03


@pytest.mark.data
def test_three_hours_of_a_shop_are_too_little(tmp_path: Path) -> None:
    with pytest.raises(QualityGateError, match=r"More clients, or more months of events, would help|too much alike"):
        run(Run([shared(MULTICATEGORY)], date(2019, 10, 1), open_store(str(tmp_path))), SILENT, NOW)
    assert not list(tmp_path.glob("snapshots/2*"))


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3])
def test_two_runs_at_once_publish_what_one_does(small_shop: Path, at_once: str, tmp_path: Path, delay_s: float) -> None:
    both = [FORKS.Process(target=run_again, args=(str(small_shop), str(tmp_path), 0)) for _ in range(2)]
    for process in both:
        process.start()
        process.join(delay_s)
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert check(open_store(str(tmp_path))).id == at_once


def test_stages_one_by_one_give_the_snapshot_of_a_run(
    small_shop: Path, at_once: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ["ingest", "--events", str(small_shop), "--out", "work"],
        ["features", "--events", "work", "--as-of", "2020-04-30", "--out", "clients.parquet"],
        ["fit", "--clients", "clients.parquet", "--out", "model"],
        ["assign", "--clients", "clients.parquet", "--model", "model", "--out", "segments.parquet"],
        ["publish", "--segments", "segments.parquet", "--model", "model", "--store", "store"],
    ):
        assert main(command) == 0
    assert check(open_store("store")).id == at_once


def test_a_shop_with_a_lost_month_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for file in bundled():
        text = gzip.decompress(file.read_bytes())
        lost = re.sub(rb"[0-4] UTC,", b"0 CEST,", text) if "Apr" in file.name else text
        (tmp_path / "shop" / file.name.removesuffix(".gz")).write_bytes(lost)
    with pytest.raises(
        QualityGateError,
        match=r"rows of 2020-Apr\.csv were rejected, and .*because event_time is not a time",
    ):
        run(Run([tmp_path / "shop"], AS_OF, open_store(str(tmp_path / "store"))), SILENT, NOW)
    assert not (tmp_path / "store" / "snapshots").exists()


def undisturbed_s(ingested: Path, store: Path, seed: int) -> float:
    begin = time.monotonic()
    process = FORKS.Process(target=run_again, args=(str(ingested), str(store), seed))
    process.start()
    process.join()
    return time.monotonic() - begin


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_a_whole_verified_snapshot(
    small_shop: Path, small_store: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(small_store, tmp_path / "store"))
    first = check(open_store(str(store))).id
    (ingested,) = (path.parent for path in (store / "ingested").glob("*/ingest.json"))
    usual_s = [undisturbed_s(ingested, store, seed) for seed in (0, 1)][1]  # the first also starts the fork server
    served = {first, check(open_store(str(store))).id}
    rng, killed, seed = random.Random(7), 0, 1
    while killed < KILLS:
        seed += 1
        if seed % 4 == 0:
            shutil.rmtree(ingested, ignore_errors=True)  # so that ingest is killed, too, and goes on in the runs after
        process = FORKS.Process(target=run_again, args=(str(small_shop), str(store), seed))
        process.start()
        process.join(rng.uniform(0.1, 1.6) * usual_s)
        killed += process.is_alive()
        process.kill()
        process.join()
        manifest = check(open_store(str(store)))
        served.add(manifest.id)
        assert (store / "snapshots" / "CURRENT").read_text().strip() == manifest.id
    assert len(served) > 2, "no run got through to publishing between the kills"
    last = run(Run([small_shop], AS_OF, open_store(str(store))), SILENT, NOW)
    assert last.snapshot_id == first, "what the killed runs left has changed the result"
    assert check(open_store(str(store))).id == last.snapshot_id
    assert [path.name for path in (store / "ingested").iterdir() if path.name == "scratch"] == []
    drafts = [path for path in (store / "snapshots").iterdir() if path.name.startswith(".tmp")]
    assert drafts == []
