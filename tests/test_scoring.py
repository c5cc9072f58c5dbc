"""A client scored on the fly gets what a stored one gets; what cannot be is named; the way up leads up."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import publish_small

from contract.calendar import LONGEST_WINDOW
from contract.columns import NAMES
from segmentation.features.calendar import windows
from segmentation.model.inputs import ASKED, INPUT_NAMES
from service.answers.agreement import DAYS
from service.answers.sent_features import Features, complete
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.better import WORTH, next_better, smallest_change
from service.snapshots.provider import Provider
from service.snapshots.snapshot import Snapshot

NEW = {
    "days_since_last_purchase": 3,
    "count_products_7m": 1,
    "total_purchase_value": 59.9,
    "number_of_views_7m": 4,
    "number_of_carts_7m": 2,
    "number_of_sessions_7m": 1,
}
LOOKED = ("number_of_views_7m", "number_of_carts_7m", "number_of_sessions_7m")


def application(store: Path) -> tuple[Any, Snapshot]:
    provider = Provider(store, JsonLog("error"))
    provider.load()
    snapshot = provider.current()
    assert snapshot is not None
    return create_app(provider, Settings(), JsonLog("error")).test_client(), snapshot


@pytest.fixture
def small(tmp_path: Path) -> Any:
    publish_small(tmp_path)
    return application(tmp_path)[0]


@pytest.fixture(scope="module", params=["small_store", pytest.param("sample_store", marks=pytest.mark.slow)])
def sample(request: pytest.FixtureRequest) -> tuple[Any, Snapshot]:
    return application(request.getfixturevalue(request.param))


def test_a_new_client(small: Any) -> None:
    answer = small.post("/segment", json=NEW)
    body = answer.json
    body.pop("snapshot")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert body == {
        "persona": "squirrel",
        "label": {"en": "Squirrel", "fr": "Écureuil", "es": "Ardilla"},
        "emoji": "🐿️",
        "confidence": 0.6,
        "reasons": {
            "en": [
                "last purchase 3 days ago, at most 21",
                "59.90 spent in 7 months, at most 800.00",
                "1 item bought in 7 months, at most 1",
            ],
            "fr": [
                "dernier achat il y a 3 jours, au plus 21",
                "59,90 dépensés en 7 mois, au plus 800,00",
                "1 article acheté en 7 mois, au plus 1",
            ],
            "es": [
                "última compra hace 3 días, como mucho 21",
                "59,90 gastados en 7 meses, como mucho 800,00",
                "1 artículo comprado en 7 meses, como mucho 1",
            ],
        },
        "better": {
            "persona": "bear",
            "label": {"en": "Bear", "fr": "Ours", "es": "Oso"},
            "change": {
                "en": ["1 more item bought for at most 740.10"],
                "fr": ["1 article de plus acheté pour au plus 740,10"],
                "es": ["1 artículo más comprado por 740,10 como mucho"],
            },
        },
        "advice": {
            "en": "Activate: small offers, low thresholds.",
            "fr": "Activer\u202f: petites offres, seuils bas.",
            "es": "Activar: pequeñas ofertas, umbrales bajos.",
        },
        "as_of": "2020-04-30",
        "stale": True,
    }


def test_the_best_have_nothing_better(small: Any) -> None:
    assert small.post("/segment", json=NEW | {"total_purchase_value": 900}).json["better"] is None


def errors(answer: Any) -> dict[str, str]:
    assert (answer.status_code, answer.json["type"]) == (422, "urn:menagerie:invalid-body")
    return {error["pointer"].removeprefix("/"): error["detail"] for error in answer.json["errors"]}


@pytest.mark.parametrize(
    ("sent", "better"),
    [
        ({"total_purchase_value": 513}, "bear"),
        ({"total_purchase_value": 515, "days_since_last_purchase": 12}, "lion"),
        ({"days_since_last_purchase": 100, "total_purchase_value": 2045.5}, "lion"),
        ({"days_since_last_purchase": 100, "total_purchase_value": 3091}, None),  # nobody typical spends more
    ],
)
def test_a_better_persona_spends_more_than_the_client_has(
    small: Any, sent: Mapping[str, Any], better: str | None
) -> None:
    answer = small.post("/segment", json={**NEW, **sent}).json["better"]
    assert (answer and answer["persona"]) == better


def test_every_missing_feature_is_named(small: Any) -> None:
    missing = errors(small.post("/segment", json={"number_of_views_2m": 1}))
    assert missing == dict.fromkeys(NEW, "Missing data for required field.")


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"count_products_7m": 0}, {"count_products_7m"}),
        ({"count_products_7m": "1", "total_purchase_value": "59"}, {"count_products_7m", "total_purchase_value"}),
        ({"count_products_7m": True, "total_purchase_value": False}, {"count_products_7m", "total_purchase_value"}),
        ({"number_of_views_7m": 4.5, "number_of_carts_7m": None}, {"number_of_views_7m", "number_of_carts_7m"}),
        ({"days_since_last_purchase": 215}, {"days_since_last_purchase"}),
        ({"total_purchase_value": 1e300, "number_of_views_7m": -1}, {"total_purchase_value", "number_of_views_7m"}),
        (
            {"total_purchase_value": 10**400, "number_of_views_7m": 10**400},
            {"total_purchase_value", "number_of_views_7m"},
        ),
        ({"shoe_size": 44, "most_active_day": "someday"}, {"shoe_size", "most_active_day"}),
        ({"number_of_views_2m": 5, "number_of_carts_5m": 3}, {"number_of_views_2m", "number_of_carts_5m"}),
        ({"number_of_views_5m": 2, "number_of_views_2m": 3}, {"number_of_views_2m"}),
        ({"avg_price_7m": 60, "cart_abandonments": 2}, {"avg_price_7m", "cart_abandonments"}),
        ({"avg_price_7m": 60, "most_active_time": "noon"}, {"avg_price_7m", "most_active_time"}),
        *[({"last_purchase": text}, {"last_purchase"}) for text in ("banana", "", "2020-04-29", "2020-W18-3T10:00Z")],
        *[({"last_purchase": text}, {"last_purchase"}) for text in ("2020-02-30T10:11:12Z", 1588154400, None)],
        ({"count_products_2m": 0, "avg_price_2m": 50, "days_since_last_purchase": 60}, {"avg_price_2m"}),
        ({"count_products_5m": 1, "avg_price_5m": None}, {"avg_price_5m"}),
        ({"count_products_2m": 0}, {"count_products_2m"}),
        ({"count_products_5m": 0, "days_since_last_purchase": 149}, {"count_products_5m"}),
        ({"count_products_2m": 1, "days_since_last_purchase": 62}, {"count_products_2m"}),
        ({"count_products_5m": 1, "days_since_last_purchase": 200}, {"count_products_5m"}),
        ({"avg_price_2m": None}, {"avg_price_2m"}),
        ({"avg_price_5m": 1, "days_since_last_purchase": 153}, {"avg_price_5m"}),
        ({"avg_price_2m": 9, "avg_price_5m": None, "days_since_last_purchase": 151}, {"avg_price_2m"}),
        (
            {"count_products_2m": 1, "avg_price_5m": None, "days_since_last_purchase": 61},
            {"count_products_2m", "avg_price_5m"},
        ),
        ({"count_products_2m": 1, "avg_price_2m": 5000}, {"avg_price_2m"}),
        ({"avg_price_5m": 60}, {"avg_price_5m"}),
        ({"count_products_5m": 1, "avg_price_5m": 59.8}, {"avg_price_5m"}),  # as many items, but cheaper ones
        (
            {
                "count_products_7m": 9,
                "count_products_5m": 2,
                "avg_price_5m": 5,
                "count_products_2m": 1,
                "avg_price_2m": 11,
            },
            {"avg_price_2m"},
        ),
    ],
)
def test_every_impossible_feature_is_named(small: Any, sent: Mapping[str, Any], wrong: set[str]) -> None:
    assert set(errors(small.post("/segment", json={**NEW, **sent}))) == wrong


@pytest.mark.parametrize(
    "sent",
    [
        *[{"last_purchase": f"2020-04-29T10:11:12{rest}"} for rest in ("Z", ".123456Z", "+02:00", "")],
        {"count_products_2m": 0, "avg_price_2m": None, "days_since_last_purchase": 59},
        {"count_products_2m": 1, "avg_price_2m": 59.9, "days_since_last_purchase": 61},
        {"count_products_5m": 0, "days_since_last_purchase": 150},
        {"count_products_5m": 1, "days_since_last_purchase": 152},
        {"avg_price_2m": 59.905, "count_products_5m": 1, "avg_price_5m": 59.895},  # rounded
        {"count_products_7m": 3, "count_products_2m": 2, "avg_price_2m": 29.95},  # and one for nothing
    ],
)
def test_what_may_be_true_on_some_day_is_accepted(small: Any, sent: Mapping[str, Any]) -> None:
    assert small.post("/segment", json={**NEW, **sent}).status_code == 200


def test_windows_have_as_many_days_as_is_said() -> None:
    days: dict[str, set[int]] = {}
    for number in range(366 * 8):  # two leap years
        of_day = windows(date(1999, 1, 1) + timedelta(number))
        for months, start in of_day.starts.items():
            days.setdefault(f"{months}m", set()).add((of_day.end - start).days)
    assert {window: (min(days[window]), max(days[window])) for window in DAYS} == DAYS
    assert set(DAYS) | {f"{LONGEST_WINDOW}m"} == set(days)


def test_the_schema_has_the_features_that_clients_have() -> None:
    schema = Features()
    assert set(schema.fields) == set(NAMES) - {"user_id"}
    follow = complete(NEW, ()).keys() - NEW.keys()
    required = {name for name, field in schema.fields.items() if field.required}
    assert required | follow == {INPUT_NAMES[place] for place in ASKED}


def test_a_tree_that_asks_for_more_says_so() -> None:
    with pytest.raises(Exception, match=r"^Missing or impossible: /avg_price_2m, /number_of_views_2m\.$"):
        complete({**NEW, "avg_price_2m": None}, {"number_of_views_2m", "avg_price_2m", "avg_price_7m"})


def test_a_stored_client_scored_on_the_fly_gets_the_same_answer(sample: tuple[Any, Snapshot]) -> None:
    http, snapshot = sample
    for user_id in snapshot.lookup.user_ids[::50].tolist():
        stored = http.get(f"/segment/{user_id}?include=features,reasons").json
        scored = http.post("/segment", json=stored["features"]).json
        assert scored == {key: stored[key] for key in scored}


def test_each_change_leads_to_the_next_better_that_can_be_reached(sample: tuple[Any, Snapshot]) -> None:
    _, snapshot = sample
    tree, personas = snapshot.tree, snapshot.personas
    worth = {persona["name"]: persona["profile"][WORTH] for persona in personas}
    recency = {persona["name"]: persona["archetype"]["recency"] for persona in personas}
    led, alone = set(), set()
    for row in range(0, len(snapshot.lookup.user_ids), 10):
        values = snapshot.lookup.features_of(row)
        own = personas[tree.answer(values)[0]]["name"]
        better = next_better(tree, personas, values, snapshot.metrics)
        if better is None:
            alone.add(own)
            continue
        assert worth[better["persona"]] > max(worth[own], values["total_purchase_value"])
        assert recency[better["persona"]] >= recency[own]
        led.add((own, better["persona"]))
        target = [persona["name"] for persona in personas].index(better["persona"])
        change = smallest_change(tree, target, values)
        assert change is not None
        items = change.after["count_products_7m"] - values["count_products_7m"]
        assert items <= 10
        assert float(change.spend[0]) <= items * dearest(values) + 0.01
        for name in LOOKED:
            assert change.after[name] <= most(values[name])
        for extra in (change.spend[0], change.spend[1]):
            if extra is not None:  # whatever is spent between the two
                spent = values["total_purchase_value"] + float(extra)
                changed = {**change.after, "total_purchase_value": round(spent, 2)}
                changed["avg_price_7m"] = changed["total_purchase_value"] / changed["count_products_7m"]
                assert tree.answer(changed)[0] == target
    assert len(led) >= 5
    assert max(worth, key=worth.__getitem__) in alone


def most(count: int) -> int:
    """Return how often somebody may look, visit or fill the cart who has done so as often as this."""
    return max(count + 10, 3 * count)


def dearest(values: Mapping[str, float]) -> float:
    """Return what an item may cost for somebody who has paid so much for those bought."""
    return 3 * values["total_purchase_value"] / values["count_products_7m"]


@settings(max_examples=60)
@given(st.data())
def test_no_smaller_change_is_missed(sample: tuple[Any, Snapshot], data: st.DataObject) -> None:
    """Whoever just buys a little, looks, visits or fills the cart and gets there, is shown no larger change."""
    _, snapshot = sample
    tree = snapshot.tree
    values = snapshot.lookup.features_of(data.draw(st.integers(0, len(snapshot.lookup.user_ids) - 1)))
    personas = snapshot.personas
    better = next_better(tree, personas, values, snapshot.metrics)
    more = {name: data.draw(st.sampled_from([0, 0, 1, 5, 20])) for name in LOOKED}
    items = data.draw(st.sampled_from([0, 1, 2, 5]))
    cents = data.draw(st.integers(0, min(150_000, int(100 * items * dearest(values))))) if items else 0
    tried = {name: values[name] for name in NEW}
    for name, step in more.items():
        tried[name] = min(values[name] + step, most(values[name]))
    tried["count_products_7m"] += items
    tried["total_purchase_value"] = float(Decimal(repr(values["total_purchase_value"])) + Decimal(cents) / 100)
    tried["days_since_last_purchase"] = 0 if items else values["days_since_last_purchase"]
    place, own = tree.answer(complete(tried, ()))[0], tree.answer(values)[0]
    worth, recency = (
        [persona["profile"][WORTH] for persona in personas],
        [persona["archetype"]["recency"] for persona in personas],
    )
    if worth[place] <= max(worth[own], values["total_purchase_value"]) or recency[place] < recency[own]:
        return
    assert better is not None
    target = [persona["name"] for persona in personas].index(better["persona"])
    assert worth[target] <= worth[place]
    if target == place:
        change = smallest_change(tree, target, values)
        assert change is not None
        assert change.size <= (sum(1 for name in LOOKED if tried[name] != values[name]) + bool(items), inf)
