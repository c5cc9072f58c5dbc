"""A model that is kept from run to run, one that is learnt anew from it, and what has changed since, split."""

import json
import shutil
import tarfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kinds import some_clients

from contract.errors import BadInputError
from segmentation import pipeline
from segmentation.commands.cli import main
from segmentation.kept import named, of_snapshot
from segmentation.model.fit import fit
from segmentation.model.fitness import fitness, seen
from segmentation.model.inputs import INPUT_NAMES, matrix
from segmentation.model.movement import Standing, movement
from segmentation.model.personas import PERSONA_NAMES
from segmentation.pipeline import Run, run
from segmentation.store.opening import open_store
from segmentation.tools.errors import QualityGateError
from segmentation.tools.progress import SILENT

LATER, EARLIER = date(2020, 4, 30), date(2020, 4, 27)
NOW = datetime(2020, 5, 1, tzinfo=UTC)
BEFORE = Path(__file__).parent / "before" / "0.1.0.tar.xz"


@pytest.fixture(scope="module")
def kept(small_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a shop as of one day, and as of another three days later."""
    store = tmp_path_factory.mktemp("kept") / "store"
    for as_of in (EARLIER, LATER):
        run(Run([small_shop], as_of, open_store(str(store))), SILENT, NOW)
    return store


@pytest.fixture
def store(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept, tmp_path / "store")


def snapshot(store: Path, as_of: date) -> Path:
    (found,) = (store / "snapshots").glob(f"{as_of}-*")
    return found


def metrics(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return told


def personas(folder: Path) -> dict[int, tuple[str, float]]:
    table = pq.read_table(folder / "clients.parquet", columns=["user_id", "persona", "total_purchase_value"])
    return {row["user_id"]: (row["persona"], row["total_purchase_value"]) for row in table.to_pylist()}


def test_a_run_keeps_the_model_that_is_served(kept: Path) -> None:
    earlier, later = snapshot(kept, EARLIER), snapshot(kept, LATER)
    for name in ("clusters.json", "tree.json"):
        assert (later / "model" / name).read_bytes() == (earlier / "model" / name).read_bytes()
    record = metrics(later)["model"]
    assert record == metrics(earlier)["model"]
    assert (record["fitted_as_of"], record["started_from"]) == (EARLIER.isoformat(), None)
    assert record["fitted_on"]["clients"] == len(personas(earlier))
    assert metrics(later)["held_out"] == metrics(earlier)["held_out"]


def test_what_has_changed_is_what_clients_did(kept: Path) -> None:
    then, now = personas(snapshot(kept, EARLIER)), personas(snapshot(kept, LATER))
    found = metrics(snapshot(kept, LATER))["movement"]
    both = then.keys() & now.keys()
    assert (found["as_of"], found["clients"], found["same_rules"]) == (EARLIER.isoformat(), len(both), True)
    assert found["relabelled"] == {"clients": 0, "flows": []}
    expected = Counter((then[user][0], now[user][0]) for user in both if then[user][0] != now[user][0])
    told = {(flow["then"], flow["now"]): flow["clients"] for flow in found["moved"]["flows"]}
    assert told == expected
    assert found["came"]["clients"] == len(now.keys() - then.keys())
    assert found["left"]["clients"] == len(then.keys() - now.keys())
    came = Counter(now[user][0] for user in now.keys() - then.keys())
    assert {flow["now"]: flow["clients"] for flow in found["came"]["flows"]} == came


def test_the_same_run_again_gives_the_same_snapshot(small_shop: Path, store: Path) -> None:
    served = open_store(str(store)).current()
    assert run(Run([small_shop], LATER, open_store(str(store))), SILENT, NOW).snapshot_id == served


def test_the_manifest_says_which_model_a_snapshot_has(kept: Path) -> None:
    later = snapshot(kept, LATER)
    manifest = json.loads((later / "manifest.json").read_text())
    assert manifest["parameters"]["model"] == metrics(later)["model"]


def test_stages_apply_a_model_that_is_kept_and_tell_what_has_changed(
    small_shop: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run does with the model served, step by step, as with Spark."""
    monkeypatch.chdir(tmp_path)
    earlier, later = snapshot(store, EARLIER), snapshot(store, LATER)
    for command in (
        ["ingest", "--events", str(small_shop), "--out", "work"],
        ["features", "--events", "work", "--as-of", LATER.isoformat(), "--out", "clients.parquet"],
        ["fit", "--clients", "clients.parquet", "--model", earlier.name, "--store", str(store), "--out", "model"],
        ["assign", "--clients", "clients.parquet", "--model", "model", "--out", "segments.parquet"],
        ["publish", "--segments", "segments.parquet", "--model", "model", "--store", str(store)],
    ):
        assert main(command) == 0
    assert open_store(str(store)).current() == later.name
    missing = ["fit", "--clients", "clients.parquet", "--model", earlier.name, "--out", "model"]
    assert main(missing) == 2


def test_a_refit_goes_on_where_the_last_one_stood(small_shop: Path, store: Path) -> None:
    old = metrics(snapshot(store, EARLIER))["model"]["id"]
    id_ = run(Run([small_shop], LATER, open_store(str(store)), seed=1, refit=True), SILENT, NOW).snapshot_id
    found = metrics(store / "snapshots" / id_)
    assert found["model"]["started_from"] == old
    assert found["model"]["fitted_as_of"] == LATER.isoformat()
    before, after = personas(snapshot(store, EARLIER)), personas(store / "snapshots" / id_)
    ruled = {flow["then"] for flow in found["movement"]["relabelled"]["flows"]}
    assert found["refit"]["relabelled"] == pytest.approx(
        sum(flow["clients"] for flow in found["movement"]["relabelled"]["flows"]) / len(after), abs=2 / len(after)
    )
    assert ruled <= {persona for persona, _ in (before | after).values()}


@pytest.mark.slow
def test_a_refit_that_relabels_many_is_published_only_when_told(
    small_shop: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MOST_RELABELLED", -1.0)
    served = open_store(str(store)).current()
    again = ["run", "--events", str(small_shop), "--as-of", "2020-04-30", "--store", str(store), "--refit"]
    assert main(again) == 4
    assert open_store(str(store)).current() == served
    assert main([*again, "--accept-relabelling"]) == 0
    assert open_store(str(store)).current() != served


def test_any_model_is_applied_that_is_named(small_shop: Path, kept: Path, tmp_path: Path) -> None:
    folder = snapshot(kept, EARLIER)
    other = open_store(str(tmp_path / "other"))
    outcome = run(Run([small_shop], LATER, other, model=str(folder)), SILENT, NOW)
    assert outcome.model == metrics(folder)["model"]
    assert personas(tmp_path / "other" / "snapshots" / outcome.snapshot_id) == personas(snapshot(kept, LATER))
    (tmp_path / "flat").mkdir()
    for name in ("model/clusters.json", "model/tree.json", "metrics.json"):
        shutil.copy(folder / name, tmp_path / "flat")
    flat = named(str(tmp_path / "flat"), other)
    assert flat.metrics["model"] == named(folder.name, open_store(str(kept))).metrics["model"] == outcome.model


@pytest.mark.parametrize("given", ["nowhere", "2020-04-30-0123456789ab"])
def test_a_model_that_is_not_there_is_named(given: str, kept: Path) -> None:
    with pytest.raises(BadInputError, match=given):
        named(given, open_store(str(kept)))


def test_the_model_of_an_older_version_is_kept_as_well(small_shop: Path, tmp_path: Path) -> None:
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path / "snapshots", filter="data")
    store = open_store(str(tmp_path))
    served = store.current()
    assert served
    before = of_snapshot(store, served)
    outcome = run(Run([small_shop], date(2020, 5, 1), store), SILENT, NOW)
    assert outcome.model == before.metrics["model"]
    then, now = (
        json.loads((tmp_path / "snapshots" / one / "model" / "tree.json").read_text())["nodes"]
        for one in (served, outcome.snapshot_id)
    )
    assert set(now.pop("held")) == {1.0}, "that version did not look"
    assert now == then
    assert metrics(tmp_path / "snapshots" / outcome.snapshot_id)["movement"]["relabelled"]["clients"] == 0


@pytest.mark.slow
def test_neither_the_order_of_rows_nor_the_seed_matters() -> None:
    clients = some_clients(80)
    order = np.random.default_rng(5).permutation(clients.num_rows)
    one, turned, other = fit(clients, 0), fit(clients.take(order), 0), fit(clients, 7)
    X = matrix(clients)
    assert (one.model.answers(X) == turned.model.answers(X)).all()
    assert (one.model.answers(X) != other.model.answers(X)).mean() <= 0.01


def test_clients_of_before_give_no_drift_and_others_a_misfit() -> None:
    X = matrix(some_clients(50))
    known = {"seen": seen(X), "agreement_of_fit": 0.98}
    same = fitness(known, X, 0.98)
    assert (same["misfit"], same["mean_drift"], same["outside"], same["agreement_lost"]) == (None, 0.0, 0.0, 0.0)
    assert "have changed" in fitness(known, X[X[:, 0] < 30], 0.98)["misfit"]
    far = X.copy()
    far[: len(X) // 2, INPUT_NAMES.index("total_purchase_value")] *= 1000
    assert "beyond what it has seen" in fitness(known, far, 0.98)["misfit"]
    assert "agree" in fitness(known, X, 0.5)["misfit"]
    assert fitness({}, X, 0.5)["misfit"] is None


def test_movement_is_split_in_three() -> None:
    lion, bear, fox = (PERSONA_NAMES.index(name) for name in ("lion", "bear", "fox"))
    then = Standing(np.array([1, 2, 3, 9]), np.array([lion, lion, bear, fox]), np.array([5.0, 6.0, 7.0, 8.0]))
    now = Standing(np.array([1, 2, 3, 4]), np.array([lion, fox, fox, bear]), np.array([5.0, 1.0, 2.0, 3.0]))
    found = movement(then, now, by_old_rules=np.array([lion, bear, bear, bear]))
    one = {"clients": 1, "value_now": 1.0}
    assert found["moved"] == {"clients": 1, "flows": [{"then": "lion", "now": "bear", "value_then": 6.0, **one}]}
    assert found["stayed"]["flows"] == [
        {"then": persona, "now": persona, "clients": 1, "value_then": value, "value_now": value_now}
        for persona, value, value_now in (("lion", 5.0, 5.0), ("bear", 7.0, 2.0))
    ]
    assert found["relabelled"]["flows"] == [
        {"then": "bear", "now": "fox", "clients": 2, "value_then": 3.0, "value_now": 3.0}
    ]
    assert found["came"]["flows"] == [{"then": None, "now": "bear", "clients": 1, "value_then": 0.0, "value_now": 3.0}]
    assert found["left"]["flows"] == [{"then": "fox", "now": None, "clients": 1, "value_then": 8.0, "value_now": 0.0}]


def test_personas_that_do_not_hold_are_not_published() -> None:
    clients = some_clients(20)
    blurred = clients.set_column(
        clients.schema.get_field_index("total_purchase_value"),
        "total_purchase_value",
        pa.array(np.random.default_rng(0).permutation(clients["total_purchase_value"].to_numpy())),
    )
    with pytest.raises(QualityGateError, match=r"do not hold|too much alike|no rule"):
        fit(blurred.slice(0, 110), seed=0)
