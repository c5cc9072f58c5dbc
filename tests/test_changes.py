"""What has changed between two snapshots, and how the one to compare with is found."""

import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from snapshots import AS_OF, CLIENTS, NOW, client, contents

from segmentation.model.personas import PERSONA_NAMES
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots import changes as computation
from service.snapshots.changes import Between, Flow, flows
from service.snapshots.held import Held
from service.snapshots.lookup import Lookup
from service.snapshots.provider import Provider

Shop = dict[int, tuple[int, int]]
"""Persona and cents spent, by user id."""

SHOPS = st.dictionaries(
    st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), st.tuples(st.integers(0, 6), st.integers(0, 10**9))
)
MARCH = date(2020, 3, 31)
pytestmark = pytest.mark.usefixtures("patience")
ROUTE = "/snapshot/changes"


def lookup(shop: Shop) -> Lookup:
    ids = sorted(shop)
    answers = np.zeros(len(ids), [("persona", "u1"), ("confidence", "<f8")])
    features = np.zeros(len(ids), [("total_purchase_value", "<f8")])
    answers["persona"] = [shop[user_id][0] for user_id in ids]
    features["total_purchase_value"] = [shop[user_id][1] / 100 for user_id in ids]
    return Lookup(np.array(ids, dtype=np.int64), answers, features, {}, Held([]))


def by_hand(then: Shop, now: Shop) -> list[Flow]:
    """Count the flows one client after another, in cents."""
    names = [*PERSONA_NAMES, None]
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for user_id in then.keys() | now.keys():
        (before, spent_then), (after, spent_now) = (shop.get(user_id, (7, 0)) for shop in (then, now))
        for place, value in enumerate((1, spent_then, spent_now)):
            sums[before, after][place] += value
    return [Flow(names[i], names[j], n, a / 100, b / 100) for (i, j), (n, a, b) in sorted(sums.items())]


@given(SHOPS, SHOPS, st.integers(1, 5))
def test_flows_are_those_counted_one_by_one(then: Shop, now: Shop, rows_at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computation, "_ROWS_AT_ONCE", rows_at_once)
        found = list(flows(lookup(then), PERSONA_NAMES, lookup(now), PERSONA_NAMES))
        between = Between(lookup(then), PERSONA_NAMES, lookup(now), PERSONA_NAMES)
        told = {(flow.then, flow.now): list(chain.from_iterable(between.clients(flow))) for flow in found}
    assert found == by_hand(then, now)
    names = [*PERSONA_NAMES, None]
    for user_id in sorted(then.keys() | now.keys()):
        ends = names[then.get(user_id, (7, 0))[0]], names[now.get(user_id, (7, 0))[0]]
        assert told[ends].pop(0) == user_id
    assert not any(told.values())


def published(store: Path, *rows: dict[str, Any], as_of: date = AS_OF, now: datetime = NOW) -> str:
    return publish(replace(contents(*rows), as_of=as_of), open_store(str(store)), now)


def provided(store: Path) -> Provider:
    provider = Provider(store, JsonLog("critical"))
    provider.load()
    return provider


def serving(store: Path | Provider) -> FlaskClient:
    provider = store if isinstance(store, Provider) else provided(store)
    return create_app(provider, Settings(), JsonLog("critical")).test_client()


def test_the_route_tells_who_moved_came_and_went_and_their_money(tmp_path: Path) -> None:
    rows = (client(1, "owl", total_purchase_value=20.5), *CLIENTS[1:])
    before = published(tmp_path, *rows, as_of=MARCH)
    served = published(tmp_path, client(2, "bear"), client(7, "fox", total_purchase_value=100.25), *CLIENTS[2:])
    answer = serving(tmp_path).get(ROUTE)
    assert answer.headers["ETag"] == f'"{served}+{before}+stale"'
    assert answer.get_json() == {
        "snapshot": served,
        "as_of": "2020-04-30",
        "stale": True,
        "other": {"snapshot": before, "as_of": "2020-03-31"},
        "flows": [
            {"then": "lion", "now": "fox", "clients": 1, "value_then": 1234.5, "value_now": 100.25},
            {"then": "bear", "now": "bear", "clients": 1, "value_then": 10.0, "value_now": 10.0},
            {"then": "fox", "now": "fox", "clients": 1, "value_then": 10.0, "value_now": 10.0},
            {"then": "owl", "now": None, "clients": 1, "value_then": 20.5, "value_now": 0.0},
            {"then": None, "now": "bear", "clients": 1, "value_then": 0.0, "value_now": 10.0},
        ],
        "same_rules": None,
        "relabelled": [],
    }


def test_what_new_rules_did_stands_apart_from_what_clients_did(tmp_path: Path) -> None:
    before = published(tmp_path, *CLIENTS, as_of=MARCH)
    flow = {"then": "owl", "now": "fox", "clients": 1, "value_then": 1.0, "value_now": 2.0}
    ruled = {**flow, "then": "fox", "now": "lion", "clients": 2}
    none: dict[str, Any] = {"clients": 0, "flows": []}
    movement = dict.fromkeys(("stayed", "came", "left"), none) | {
        "since": before,
        "same_rules": False,
        "moved": {"clients": 1, "flows": [flow]},
        "relabelled": {"clients": 2, "flows": [ruled]},
    }
    publish(replace(contents(), metrics={"movement": movement}), open_store(str(tmp_path)), NOW)
    told = serving(tmp_path).get(ROUTE).get_json()
    assert (told["flows"], told["same_rules"], told["relabelled"]) == ([flow], False, [ruled])
    page = serving(tmp_path).get("/changes").get_data(as_text=True)
    assert "The rules are new since: they alone gave 2 clients another persona." in page
    assert 'id="rules-fox-lion"' in page
    assert "/changes/clients" not in page
    for path in (f"{ROUTE}/clients", "/changes/clients"):
        answer = serving(tmp_path).get(f"{path}?then=owl&now=fox")
        assert answer.status_code == HTTPStatus.CONFLICT
        assert "between snapshots of the same rules only" in answer.text


def test_the_clients_of_a_flow_are_listed_and_downloaded(tmp_path: Path) -> None:
    rows = (client(1, "owl", total_purchase_value=20.5), *CLIENTS[1:])
    before = published(tmp_path, *rows, as_of=MARCH)
    served = published(tmp_path, client(2, "bear"), client(7, "fox"), *CLIENTS[2:])
    http = serving(tmp_path)
    for query, told in (
        ("then=lion&now=fox", "user_id,then,now\n7,lion,fox\n"),
        (f"then=owl&now=none&with={before}", "user_id,then,now\n1,owl,\n"),
        ("then=none&now=bear&format=ndjson", '{"user_id":2,"then":null,"now":"bear"}\n'),
        ("then=owl&now=lion", "user_id,then,now\n"),
    ):
        with http.get(f"{ROUTE}/clients?{query}") as answer:
            assert answer.get_data(as_text=True) == told
    saved_as = f"owl-lion-{before}-{served}.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{saved_as}"'
    page = http.get("/changes").text
    assert f"/changes/clients?then=lion&amp;now=fox&amp;with={before}" in page
    page = http.get(f"/changes/clients?then=lion&now=fox&with={before}").text
    assert "1 client, from 31 March 2020 to 30 April 2020." in page
    assert "/client?user_id=7" in page
    assert "0 clients" in http.get("/changes/clients?then=owl&now=lion").text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "then takes a persona or none."),
        ("?then=lion", "now takes a persona or none."),
        ("?then=none&now=none", "Of then and now one is a persona"),
        ("?then=lion&now=fox&format=xml", "format takes csv or ndjson."),
        ("?then=lion&now=fox&limit=3", "There is no parameter 'limit'"),
    ],
)
def test_a_flow_that_is_none_is_refused(tmp_path: Path, query: str, told: str) -> None:
    published(tmp_path, as_of=MARCH)
    published(tmp_path)
    answer = serving(tmp_path).get(f"{ROUTE}/clients{query}")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert told in answer.get_json()["detail"]


def test_a_flow_of_an_unknown_persona_is_not_found(tmp_path: Path) -> None:
    published(tmp_path, as_of=MARCH)
    published(tmp_path)
    for path in (f"{ROUTE}/clients", "/changes/clients"):
        assert serving(tmp_path).get(f"{path}?then=cat&now=lion").status_code == HTTPStatus.NOT_FOUND


def test_of_one_model_all_is_what_clients_did(tmp_path: Path) -> None:
    for as_of in (MARCH, AS_OF):
        told = replace(contents(), as_of=as_of, metrics={"model": {"id": "3f2a9c1d77e0"}})
        publish(told, open_store(str(tmp_path)), NOW)
    assert serving(tmp_path).get(ROUTE).get_json()["same_rules"] is True
    assert "all of this is what customers did" in serving(tmp_path).get("/changes").get_data(as_text=True)


def created(days: int) -> datetime:
    return NOW + timedelta(days=days)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([(date(2020, 2, 29), 0), (MARCH, 1), (date(2020, 5, 31), 2)], 1),  # by as-of date, never a later one
        ([(MARCH, 5), (MARCH, 3), (MARCH, 4)], 0),  # of several with it, the one created last
        ([(AS_OF, -3), (AS_OF, -1), (AS_OF, -2)], 1),  # without an earlier date, the one created before
        ([(AS_OF, -1), (date(2019, 1, 31), -9)], 1),  # an earlier date comes first
    ],
)
def test_the_one_before_is_found(tmp_path: Path, others: list[tuple[date, int]], expected: int) -> None:
    ids = [
        published(tmp_path, *CLIENTS, client(9007199254740994 + n, "owl"), as_of=as_of, now=created(days))
        for n, (as_of, days) in enumerate(others)
    ]
    published(tmp_path)
    assert serving(tmp_path).get(ROUTE).get_json()["other"]["snapshot"] == ids[expected]


def test_another_can_be_chosen(tmp_path: Path) -> None:
    older = published(tmp_path, as_of=date(2020, 2, 29))
    later = published(tmp_path, as_of=date(2020, 5, 31))
    published(tmp_path, as_of=MARCH)
    served = published(tmp_path)
    http = serving(tmp_path)
    for chosen in (older, later):
        assert http.get(f"{ROUTE}?with={chosen}").get_json()["other"]["snapshot"] == chosen
    for unknown in (served, "2020-02-29-000000000000", "../CURRENT", ""):
        problem = http.get(ROUTE, query_string={"with": unknown})
        assert (problem.status_code, problem.get_json()["type"]) == (404, "urn:menagerie:unknown-snapshot"), unknown


def test_a_first_snapshot_has_none_before(tmp_path: Path) -> None:
    published(tmp_path, client(8, "owl"), now=created(1))  # a later run for the same day, gone back from since
    published(tmp_path, as_of=date(2020, 5, 31))
    published(tmp_path)
    problem = serving(tmp_path).get(ROUTE)
    assert (problem.status_code, problem.get_json()["type"]) == (404, "urn:menagerie:no-previous-snapshot")


def damage(snapshot: Path) -> None:
    (snapshot / "lookup" / "answers.npy").write_bytes(b"")


def damage_manifest(snapshot: Path) -> None:
    (snapshot / "manifest.json").write_text("{}")


@pytest.mark.parametrize("harm", [damage, damage_manifest])
def test_a_damaged_one_is_not_compared_with(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    before = published(tmp_path, as_of=MARCH)
    published(tmp_path)
    harm(tmp_path / "snapshots" / before)
    http = serving(tmp_path)
    problem = http.get(ROUTE)
    assert (problem.status_code, problem.get_json()["type"]) == (409, "urn:menagerie:damaged-snapshot")
    assert before in problem.get_json()["detail"]
    assert http.get("/segment/7").status_code == 200


def test_a_store_that_is_gone_is_told_of(tmp_path: Path) -> None:
    published(tmp_path, as_of=MARCH)
    published(tmp_path)
    http = serving(tmp_path)
    shutil.rmtree(tmp_path)
    problem = http.get(ROUTE)
    assert (problem.status_code, problem.get_json()["type"]) == (503, "urn:menagerie:store-unreachable")


def test_who_asks_while_it_is_compared_is_told_to_ask_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(tmp_path, as_of=MARCH)
    published(tmp_path)
    provider = provided(tmp_path)
    http = serving(provider)
    monkeypatch.setattr("service.snapshots.comparisons._PATIENCE_S", 0.0)
    with provider.comparisons._one_at_a_time:  # as if another were being made
        problem = http.get(ROUTE)
        assert (problem.status_code, problem.headers["Retry-After"]) == (503, "1")
        assert problem.get_json()["type"] == "urn:menagerie:comparing"
        assert http.get("/segment/7").status_code == 200
    monkeypatch.setattr("service.snapshots.comparisons._PATIENCE_S", 60.0)
    assert http.get(ROUTE).status_code == 200


def test_what_was_compared_is_kept(tmp_path: Path) -> None:
    before = published(tmp_path, as_of=MARCH)
    published(tmp_path)
    http = serving(tmp_path)
    first = http.get(ROUTE)
    shutil.rmtree(tmp_path / "snapshots" / before)
    assert http.get(ROUTE).get_json() == first.get_json()
