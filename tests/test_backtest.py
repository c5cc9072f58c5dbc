"""Looking back: what personas told of the month after is counted as somebody would by hand."""

import json
import math
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import oracle
import pyarrow as pa
import pytest
from shared_data import shared

from segmentation.commands.cli import main
from segmentation.features.table import client_table
from segmentation.ingest.ingest import ingest
from segmentation.model.assign import assign
from segmentation.model.backtest import (
    Outcome,
    aucs,
    backtest,
    covered,
    earliest,
    mean_of_clients,
    of_personas,
    outcome,
    rfm_sum,
)
from segmentation.model.fit import fit
from segmentation.model.personas import PERSONA_NAMES

AS_OF = date(2020, 4, 30)
MONTHS = [(date(2020, 2, 29), date(2020, 3, 30)), (date(2020, 3, 30), date(2020, 4, 30))]


@pytest.fixture(scope="module")
def events(small_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop's events, ingested; they begin in October, too late for a longest window before April."""
    folder = tmp_path_factory.mktemp("events")
    ingest(sorted(small_shop.glob("*.csv.gz")), folder)
    return folder


def test_dates_are_months_back_whose_windows_the_events_fill(events: Path) -> None:
    assert covered(events, date(2020, 7, 31), 2) == [
        (date(2020, 5, 31), date(2020, 6, 30)),
        (date(2020, 6, 30), date(2020, 7, 31)),
    ]
    assert covered(events, date(2020, 6, 30), 3) == [
        (date(2020, 4, 30), date(2020, 5, 30)),
        (date(2020, 5, 30), date(2020, 6, 30)),
    ]
    assert covered(events, AS_OF, 3) == []
    assert earliest(AS_OF) == date(2019, 8, 31)


def test_what_was_bought_is_what_the_events_say(events: Path, small_shop: Path) -> None:
    known, _ = oracle.ingest(sorted(small_shop.glob("*.csv.gz")))
    model = fit(client_table(events, AS_OF), 0).model  # any will do
    for as_of, until in MONTHS:
        clients = client_table(events, as_of)
        found = outcome(events, as_of, until, assign(model, clients))
        items: dict[int, int] = defaultdict(int)
        spent: dict[int, float] = defaultdict(float)
        for event in known:
            if event.event_type == "purchase" and as_of < event.event_time.date() <= until:
                items[event.user_id] += 1
                spent[event.user_id] += float(event.price)
        users = found.users.tolist()
        assert users == sorted(oracle.clients(known, as_of))
        assert found.items.tolist() == [items[user] for user in users]
        assert found.spent.tolist() == pytest.approx([spent[user] for user in users])
        assert 0 < sum(found.items) < len(known)


def test_the_interval_is_that_of_a_sample_of_clients() -> None:
    values = [0.0, 1.0, 1.0, 4.0, 9.0]
    found, interval = mean_of_clients(np.arange(5), np.array(values))
    error = 1.959964 * stdev(values) / math.sqrt(5)
    assert (found, *interval) == pytest.approx((3, 3 - error, 3 + error))
    # Whoever says the same three times is no surer than who says it once.
    again, as_wide = mean_of_clients(np.repeat(np.arange(5), 3), np.repeat(values, 3))
    assert (again, *as_wide) == pytest.approx((found, *interval))
    assert mean_of_clients(np.array([7, 7]), np.array([1.0, 2.0])) == (1.5, (1.5, 1.5))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        users = np.repeat(np.arange(150), 3)
        rate = rng.beta(1, 3, 150)[users]
        _, (low, high) = mean_of_clients(users, rng.random(450) < rate)
        held += low <= 0.25 <= high
    assert 0.92 <= held / 400 <= 0.98


def one(persona: list[int], items: list[int], rfm: list[int]) -> Outcome:
    users, spent = np.arange(len(items)), np.array(items) * 10.0
    return Outcome(AS_OF, AS_OF + timedelta(days=30), users, np.array(persona), np.array(rfm), np.array(items), spent)


def test_a_persona_stands_for_what_its_clients_did_at_other_dates() -> None:
    first, second = one([0, 0, 1, 1], [1, 1, 1, 0], [9, 8, 3, 3]), one([0, 0, 1, 1], [1, 0, 0, 0], [9, 9, 9, 3])
    told = of_personas([first])
    assert set(told) == {"lion", "bear"}
    assert (told["lion"]["bought"], told["bear"]["bought"], told["bear"]["clients"]) == (1.0, 0.5, 2)
    assert (told["lion"]["spent"], told["lion"]["revenue_share"]) == (10.0, pytest.approx(2 / 3))
    # Of each date's three pairs of a buyer and another, two are in order and one ties.
    assert aucs([first, second]) == pytest.approx({"persona": 2.5 / 3, "rfm": mean([2.5 / 3, 2 / 3])})
    assert aucs([first]) == pytest.approx({"rfm": 2.5 / 3})
    assert aucs([one([0, 1], [0, 0], [1, 2])]) == {}


def test_the_rfm_sum_is_of_quintiles() -> None:
    n = 10
    table = pa.table(
        {
            "days_since_last_purchase": list(range(n)),
            "count_products_7m": list(range(n, 0, -1)),
            "total_purchase_value": [1.0] * n,
        }
    )
    assert rfm_sum(table).tolist() == [5 + 5 + 3, 5 + 5 + 3, 4 + 4 + 3, 4 + 4 + 3, 9, 9, 7, 7, 5, 5]


@pytest.mark.slow
def test_figures_are_printed_in_a_table_or_as_json(small_shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("backtest", "--events", str(small_shop), "--as-of", "2020-06-30", "--months", "2")
    assert main((*given, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [told["as_of"] for told in found["dates"]] == ["2020-04-30", "2020-05-30"]
    assert set(found["personas"]) <= set(PERSONA_NAMES)
    assert main((*given, "--lang", "fr")) == 0
    assert "ce que leurs clients ont acheté" in " ".join(capsys.readouterr().out.split())


def test_events_that_begin_too_late_are_told(small_shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("backtest", "--events", str(small_shop), "--as-of", "2020-04-30")) == 3
    assert "they must begin by" in capsys.readouterr().err


@pytest.mark.data
def test_on_a_real_shop_lions_buy_most_and_personas_tell_as_much_as_rfm(tmp_path: Path) -> None:
    events = tmp_path / "events"
    ingest([shared("uci_online_retail_2009-12_2010-12.csv.gz")], events)
    found = backtest(events, covered(events, date(2010, 12, 9), 3), tmp_path)
    assert [told["as_of"] for told in found["dates"]] == ["2010-09-09", "2010-10-09", "2010-11-09"]
    best = max(found["personas"], key=lambda name: found["personas"][name]["spent"])
    assert best == max(found["personas"], key=lambda name: found["personas"][name]["bought"]) == "lion"
    assert found["auc"]["rfm"] == pytest.approx(0.693, abs=0.002)
    assert found["auc"]["persona"] >= found["auc"]["rfm"] - 0.005


@pytest.mark.slow
def test_a_run_looks_back_where_the_events_go_back_so_far(sample_store: Path, small_store: Path) -> None:
    def told(store: Path) -> tuple[dict[str, Any], str]:
        current = store / "snapshots" / (store / "snapshots" / "CURRENT").read_text().strip()
        return json.loads((current / "metrics.json").read_text()), (current / "report" / "index.html").read_text()

    metrics, page = told(sample_store)
    found = metrics["backtest"]
    assert [date["as_of"] for date in found["dates"]] == ["2020-01-30", "2020-02-29", "2020-03-30"]
    assert sum(its["revenue_share"] for its in found["personas"].values()) == pytest.approx(1)
    assert "Personas as of 30 January 2020, 29 February 2020 and 30 March 2020" in page
    lion = found["personas"]["lion"]
    assert f"{round(100 * lion['bought'])}% (" in page
    metrics, page = told(small_store)
    assert "backtest" not in metrics
    assert "What they bought in the month after" not in page
