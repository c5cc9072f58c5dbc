"""What is said of personas is true: every claim that people read is computed anew from the clients who got it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from shared_data import COSMETICS, RETAIL, shared

from languages import language
from segmentation.commands.closing import print_table
from segmentation.contents import contents_of
from segmentation.features.table import client_table
from segmentation.ingest.ingest import ingest
from segmentation.kept import of_snapshot
from segmentation.model.assign import assign
from segmentation.model.claims import Group, checked, described
from segmentation.model.files import dump
from segmentation.model.fit import apply, fit
from segmentation.model.personas import PERSONAS
from segmentation.model.portraits import portraits
from segmentation.report import facts_of
from segmentation.report.summary import summary
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from segmentation.tools.progress import SILENT
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider
from simulator import Shop, simulate

Clients = Any
"""A DataFrame of clients with their segments."""
Check = Callable[[Clients, Clients, float], bool]

DAYS, SPENT, VISITS = "days_since_last_purchase", "total_purchase_value", "number_of_sessions_7m"


def came_back(clients: Clients) -> float:
    two, five, seven = (clients[f"count_products_{months}m"] for months in (2, 5, 7))
    stretches = pd.concat([two > 0, five - two > 0, seven - five > 0], axis=1)
    return float((stretches.sum(axis=1) >= 2).mean())


TRUE: dict[str, Check] = {
    "spend the most": lambda own, _every, others: own[SPENT].median() > others,
    "spend more than most": lambda own, every, _: (every[SPENT] < own[SPENT].median()).mean() >= 0.5,
    "spend less than most": lambda own, every, _: (every[SPENT] > own[SPENT].median()).mean() >= 0.5,
    "most bought in the last two months": lambda own, *_: (own[DAYS] <= 60).mean() > 0.5,
    "three in four have bought nothing for three months": lambda own, *_: (own[DAYS] > 91).mean() >= 0.75,
    "most have come back to buy after months": lambda own, *_: came_back(own) > 0.5,
    "come more often than most": lambda own, every, _: own[VISITS].median() > every[VISITS].median(),
    "come no more often than most": lambda own, every, _: own[VISITS].median() <= every[VISITS].median(),
    "no client is one at present": lambda own, *_: own.empty,
    "Others spend more.": lambda own, _every, others: own[SPENT].median() <= others,
    "Most have bought nothing in the last two months.": lambda own, *_: (own[DAYS] > 60).mean() >= 0.5,
    "More than a quarter bought in the last three months.": lambda own, *_: (own[DAYS] <= 91).mean() > 0.25,
    "Most have not come back to buy after months.": lambda own, *_: came_back(own) <= 0.5,
    "They come no more often than most.": lambda own, every, _: own[VISITS].median() <= every[VISITS].median(),
    "They come more often than most.": lambda own, every, _: own[VISITS].median() > every[VISITS].median(),
}
"""Every text in English, and when it is true of some clients, beside everyone and the highest median of the others."""
MEDIANS = re.compile(r"Their median spending is ([\d.,]+); that of all clients is ([\d.,]+)\.")
RESTS_ON = {
    "Pamper: VIP treatment and early access.": ("spend more than most", "most bought in the last two months"),
    "Reward loyalty: points, anniversaries, thanks.": ("most have come back to buy after months",),
    "Activate: small offers, low thresholds.": ("spend less than most",),
    "Target: few campaigns, premium ones.": ("spend more than most",),
    "Offer subscriptions and bundles.": ("most bought in the last two months",),
    "Win back gently: news rather than discounts.": ("three in four have bought nothing for three months",),
    "Re-engage: a reminder with an incentive.": ("three in four have bought nothing for three months",),
    "Keep: thanks, and early access.": ("spend more than most", "most bought in the last two months"),
    "Develop: what goes with what they bought.": ("most bought in the last two months",),
    "Win back: they are worth a personal offer.": ("spend more than most",),
    "Remind: news that cost little.": (),
}
"""What each advice takes for granted."""


def segmented(events: list[Path], as_of: date, folder: Path, model_of: Any = None) -> tuple[Any, Any, Any]:
    """Return metrics, personas and clients of a shop, by a model of its own or another's."""
    ingest(events, folder)
    table = client_table(folder, as_of, "UTC")
    fitted = apply(model_of, table, 0) if model_of else fit(table, 0)
    segments = assign(fitted.model, table)
    return fitted, portraits(segments, fitted.model.tree, fitted.metrics), segments


def simulated(folder: Path, shop: Shop) -> tuple[Any, Any, Any]:
    simulate(shop, folder / "raw", SILENT)
    return segmented(sorted((folder / "raw").glob("*.gz")), date(2020, 4, 30), folder / "events")


def retail(folder: Path) -> tuple[Any, Any, Any]:
    return segmented([shared(RETAIL)], date(2010, 12, 9), folder / "events")


def cosmetics(folder: Path) -> tuple[Any, Any, Any]:
    """By the model of another shop: it is too small for one of its own."""
    model, *_ = retail(folder / "retail")
    return segmented([shared(COSMETICS)], date(2020, 1, 31), folder / "events", model)


PLANTED = Shop(900, seed=4, visitors_per_client=0.1, browsing=0.3)
LIVING = Shop(5000, seed=3, visitors_per_client=0.0, browsing=0.2, population="living")
SHOPS: dict[str, Any] = {
    "planted": lambda folder: simulated(folder, PLANTED),
    "living": lambda folder: simulated(folder, LIVING),
    "retail": retail,
    "cosmetics": cosmetics,
}


@pytest.mark.parametrize(
    "shop",
    [
        "planted",
        pytest.param("living", marks=pytest.mark.slow),
        pytest.param("retail", marks=pytest.mark.data),
        pytest.param("cosmetics", marks=[pytest.mark.data, pytest.mark.slow]),
    ],
)
def test_every_sentence_about_a_persona_is_true_of_its_clients(shop: str, tmp_path: Path) -> None:
    fitted, personas, segments = SHOPS[shop](tmp_path)
    every: Clients = segments.to_pandas()
    own = {persona["name"]: every[every.persona == persona["name"]] for persona in personas}
    for persona in personas:
        name = persona["name"]
        others = max(clients[SPENT].median() for other, clients in own.items() if other != name and len(clients))
        said = persona["traits"]["en"].split(", ")
        told = f"{persona['unlike']['en']} " if persona["unlike"] else ""
        for match in MEDIANS.finditer(told):
            medians = [round(float(clients[SPENT].median()), 2) for clients in (own[name], every)]
            assert [float(figure.replace(",", "")) for figure in match.groups()] == pytest.approx(medians, abs=0.5)
            high = medians[0] > medians[1]
            assert high == ("spends_less" in [c["claim"] for c in persona["claims"] if not c["holds"]]), (shop, name)
        said += [f"{text}." for text in MEDIANS.sub("", told).split(". ") if text.strip()]
        said = [text.replace("..", ".").strip() for text in said]
        assert said
        for text in filter(None, said):
            assert TRUE[text](own[name], every, others), (shop, name, text)
        if len(own[name]):
            for text in RESTS_ON[persona["advice"]["en"]]:
                assert TRUE[text](own[name], every, others), (shop, name, persona["advice"]["en"])
        assert persona["true_to_type"] == (persona["unlike"] is None)
    check_the_summary(summary_of(fitted, personas, segments), every)
    assert (
        not {"view", "cart"} & {event for event, told in fitted.metrics["recorded"].items() if told} or shop != "retail"
    )


def summary_of(fitted: Any, personas: Any, segments: Any) -> str:
    facts = facts_of(date(2020, 4, 30), personas, fitted.metrics, fitted.model.tree, segments, 0)
    return summary(facts, language("en"))


def check_the_summary(text: str, every: Clients) -> None:
    """Hold who is said to bring the most, and to be the most frequent, to the clients."""
    revenue = every.groupby("persona", observed=True)[SPENT].sum()
    sizes = every.persona.value_counts()
    labels = {persona.name: persona.label["en"] for persona in PERSONAS}
    richest, largest = labels[revenue.idxmax()], labels[sizes.idxmax()]
    assert re.search(rf"{richest} (brings|is both)", text)
    assert re.search(rf"(persona is \S+?{largest}|{largest} is both)", text.replace("\N{NO-BREAK SPACE}", ""))


GROUP = Group(spent=100.0, visits=3.0, lately=0.8, silent=0.1, returning=0.7)
EVERY = Group(spent=80.0, visits=3.0, lately=0.5, silent=0.3, returning=0.4)


def test_a_name_fits_where_all_that_it_stands_for_holds() -> None:
    bear, lion = PERSONAS[1], PERSONAS[0]
    (held,) = checked([GROUP], EVERY)
    told = described(bear, held, GROUP, EVERY)
    assert (told["true_to_type"], told["unlike"]) == (True, None)
    assert told["traits"]["en"] == "most have come back to buy after months, most bought in the last two months"
    assert told["advice"] == bear.advice
    told = described(lion, held, GROUP, EVERY)
    assert told["unlike"]["en"] == "They come no more often than most."
    assert not told["true_to_type"]


def test_what_is_not_true_is_replaced_by_what_the_figures_say() -> None:
    owl = PERSONAS[5]
    (held,) = checked([GROUP], EVERY)
    told = described(owl, held, GROUP, EVERY)
    assert told["traits"]["en"] == "spend more than most, most bought in the last two months"
    assert told["unlike"]["en"] == "More than a quarter bought in the last three months."
    assert told["advice"]["en"] == "Keep: thanks, and early access."


def test_something_is_always_said() -> None:
    group = Group(spent=80.0, visits=3.0, lately=0.4, silent=0.3, returning=0.4)
    for persona in PERSONAS:
        (held,) = checked([group], replace(EVERY, visits=2.0))
        told = described(persona, held, group, EVERY)
        assert told["traits"]["en"]
    assert described(PERSONAS[5], held, group, EVERY)["traits"]["en"] == "spend as much as most"


def test_of_two_that_spend_alike_none_spends_the_most() -> None:
    held = checked([GROUP, GROUP, replace(GROUP, spent=50.0)], EVERY)
    assert [of["spends_most"] for of in held] == [False, False, False]
    assert [of["spends_most"] for of in checked([GROUP, None, replace(GROUP, spent=50.0)], EVERY)] == [
        True,
        False,
        False,
    ]


def test_a_persona_that_nobody_has_is_told_of_as_such(small_store: Path, tmp_path: Path) -> None:
    snapshot_id = (small_store / "snapshots" / "CURRENT").read_text().strip()
    folder = small_store / "snapshots" / snapshot_id
    kept = of_snapshot(open_store(str(small_store)), snapshot_id)
    clients = pq.read_table(folder / "clients.parquet")
    rest = clients.filter(pc.not_equal(clients["persona"].cast("string"), "owl"))
    pq.write_table(rest, tmp_path / "clients.parquet")
    metrics = {**kept.metrics, **json.loads((folder / "metrics.json").read_text())}
    contents = contents_of(tmp_path / "clients.parquet", dump(kept.model), metrics)
    owl = contents.personas[5]
    assert (owl["clients"], owl["traits"]["en"], owl["unlike"]) == (0, "no client is one at present", None)
    publish(contents, open_store(str(tmp_path / "store")), datetime(2020, 5, 1, tzinfo=UTC))
    print_table([*map(dict, contents.personas)], language("en"))
    provider = Provider(tmp_path / "store", JsonLog("critical"))
    provider.load()
    pages = create_app(provider, Settings(), JsonLog("critical")).test_client()
    for path in ("/", "/persona/owl", "/persona/lion", "/report", f"/client?user_id={rest['user_id'][0]}"):
        answer = pages.get(path)
        assert answer.status_code == HTTPStatus.OK, path
        assert "o client is one at present" in answer.get_data(as_text=True) or path not in {
            "/",
            "/persona/owl",
            "/report",
        }
