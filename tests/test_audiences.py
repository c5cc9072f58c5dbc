"""Many clients at once: those that a caller names, in its order, and those of a persona, in pages or as one file."""

import base64
import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from known_keys import known_key
from snapshots import CLIENTS, client, contents, publish_small

from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

MAY_2020 = datetime(2020, 5, 2, 12, tzinfo=UTC).timestamp()
FOXES = [user_id * 11 for user_id in range(2000)]
MANY = [client(user_id, "fox" if user_id % 11 == 0 else "owl", confidence=user_id % 7 / 8) for user_id in range(22_000)]


class Shop:
    """The application over a store of its own."""

    def __init__(self, store: Path, **settings: Any) -> None:
        self.provider = Provider(store, JsonLog("error"))
        self.provider.load()
        self.now_s = MAY_2020
        app = create_app(self.provider, Settings(**settings), JsonLog("error"), lambda: self.now_s)
        self.http: Any = app.test_client()


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    publish_small(tmp_path)
    return Shop(tmp_path)


@pytest.fixture(scope="module")
def many_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("many")
    publish(contents(*MANY), open_store(str(store)), datetime(2020, 5, 1, tzinfo=UTC))
    return store


@pytest.fixture
def many(many_store: Path) -> Shop:
    return Shop(many_store)


def test_answers_stand_in_the_order_of_the_ids(small: Shop) -> None:
    asked = [7, 8, 9007199254740993, 7, -(2**63), -5, 2**63 - 1]
    answer = small.http.post("/segments", json={"user_ids": asked})
    known = {row["user_id"]: row for row in CLIENTS}
    assert answer.json == {
        "clients": [
            {"user_id": user_id if abs(user_id) <= 2**53 else str(user_id)}
            | (
                {"status": "found", **{name: known[user_id][name] for name in ("persona", "confidence", "cluster")}}
                if user_id in known
                else {"status": "not_found"}
            )
            for user_id in asked
        ],
        "as_of": "2020-04-30",
        "snapshot": small.provider.current().id,  # type: ignore[union-attr]
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_no_ids_and_as_many_as_allowed(small: Shop) -> None:
    assert small.http.post("/segments", json={"user_ids": []}).json["clients"] == []
    answers = small.http.post("/segments", json={"user_ids": list(range(10_000))}).json["clients"]
    assert [a["user_id"] for a in answers] == list(range(10_000))
    assert [a["user_id"] for a in answers if a["status"] == "found"] == [7]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"/user_ids": "Missing data for required field."}),
        ([], {"": "Send a JSON object."}),
        ({"user_ids": 7}, {"/user_ids": "Not a valid list."}),
        ({"user_ids": [7], "a/~b": 1}, {"/a~1~0b": "Unknown field."}),
        ({"user_ids": list(range(10_001))}, {"/user_ids": "At most 10,000 ids a request."}),
        (
            {"user_ids": [7.0, "x", 9.5, True, None, 2**63, 2.0**60]},
            {f"/user_ids/{n}": f"Not an integer from {-(2**63)} to {2**63 - 1}." for n in range(1, 7)},
        ),
    ],
)
def test_everything_wrong_with_a_body_is_named(small: Shop, body: Any, errors: dict[str, str]) -> None:
    answer = small.http.post("/segments", json=body)
    told = answer.json
    assert (answer.status_code, told["type"]) == (422, "urn:menagerie:invalid-body")
    assert {error["pointer"]: error["detail"] for error in told["errors"]} == errors
    assert told["detail"] == errors.get("", f"Missing or impossible: {', '.join(errors)}.")


def test_a_long_list_of_errors_is_cut(small: Shop) -> None:
    told = small.http.post("/segments", json={"user_ids": ["x"] * 10_000}).json
    assert [error["pointer"] for error in told["errors"]] == [f"/user_ids/{place}" for place in range(100)]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"user_ids": [NaN]}', b"[" * 100_000, b"1" * 5000])
def test_a_body_that_is_no_json(small: Shop, body: bytes) -> None:
    answer = small.http.post("/segments", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["type"]) == (400, "urn:menagerie:unreadable-body")
    assert small.http.post("/segments", data=body, content_type="text/plain").status_code == 415


def pages(http: Any, limit: int) -> list[Any]:
    found, cursor = [], ""
    while True:
        answer = http.get(f"/personas/fox/clients?limit={limit}{cursor}").json
        found.append(answer)
        if answer["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer['next_cursor']}"


@pytest.mark.parametrize("limit", [1, 3, 4])
def test_pages_hold_each_member_once(small: Shop, limit: int) -> None:
    (page,) = pages(small.http, limit)
    assert [member["user_id"] for member in page["clients"]] == [512363741]


@pytest.mark.parametrize("limit", [999, 1000, 2000, 10_000])
def test_pages_hold_each_of_many_members_once(many: Shop, limit: int) -> None:
    found = pages(many.http, limit)
    assert [len(page["clients"]) for page in found][:-1] == [limit] * (len(found) - 1)
    assert [member["user_id"] for page in found for member in page["clients"]] == FOXES


def test_a_page_says_what_it_is_of(many: Shop) -> None:
    page = many.http.get("/personas/fox/clients").json
    snapshot = many.provider.current()
    assert len(page.pop("clients")) == 1000
    assert isinstance(page.pop("next_cursor"), str)
    assert page == {"persona": "fox", "as_of": "2020-04-30", "snapshot": snapshot.id if snapshot else None}
    assert many.http.get("/personas/lion/clients").json["clients"] == []


def test_a_cursor_ends_with_its_snapshot(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    publish(contents(*(client(n, "fox") for n in range(3))), store, datetime(2020, 5, 1, tzinfo=UTC))
    shop = Shop(tmp_path)
    cursor = shop.http.get("/personas/fox/clients?limit=1").json["next_cursor"]
    publish(contents(*(client(n, "fox") for n in range(4))), store, datetime(2020, 5, 2, tzinfo=UTC))
    early = Shop(tmp_path).http.get("/personas/fox/clients?limit=1").json["next_cursor"]  # another worker's
    answer = shop.http.get(f"/personas/fox/clients?cursor={early}")
    assert (answer.status_code, answer.json["type"]) == (503, "urn:menagerie:early-cursor")
    assert answer.headers["Retry-After"] == "1"
    shop.provider.follow()
    assert shop.http.get(f"/personas/fox/clients?cursor={early}").status_code == 200
    answer = shop.http.get(f"/personas/fox/clients?cursor={cursor}")
    assert (answer.status_code, answer.json["type"]) == (410, "urn:menagerie:expired-cursor")


def test_only_half_of_the_threads_send_files(many: Shop) -> None:
    path, threads = "/personas/fox/clients?format=csv", Settings().threads
    sending = [many.http.get(path, buffered=False) for _ in range(threads // 2)]
    refused = many.http.get(path)
    assert (refused.status_code, refused.json["type"]) == (503, "urn:menagerie:too-many-exports")
    assert refused.headers["Retry-After"] == "5"
    assert many.http.head("/personas/fox/clients").status_code == 200
    for answer in sending:
        answer.close()
    for _ in range(threads):
        assert many.http.get(path, buffered=True).text.count("\n") == len(FOXES) + 1


def test_cursors_that_were_not_given(small: Shop) -> None:
    snapshot = small.provider.current()
    assert snapshot
    made = [
        ["a", 3, 0],
        [7, 3, 0],
        [None, 3, 0],
        [snapshot.id, 3, -1],
        [snapshot.id, 3, "0"],
        [snapshot.id, 3, True],
        [snapshot.id, 0, 0],
        [snapshot.id],
        7,
    ]
    forged = [base64.urlsafe_b64encode(json.dumps(m).encode()).decode().rstrip("=") for m in made]
    for cursor in (*forged, "", "x", "%00", "é", "A" * 5000):
        answer = small.http.get(f"/personas/fox/clients?cursor={cursor}")
        assert (answer.status_code, answer.json["type"]) == (400, "urn:menagerie:bad-cursor"), cursor


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("limit=0", "bad-parameter"),
        ("limit=10001", "bad-parameter"),
        ("limit=١", "bad-parameter"),
        ("limit=", "bad-parameter"),
        ("format=xml", "bad-parameter"),
        ("format=", "bad-parameter"),
        ("format=csv&limit=1", "bad-parameter"),
        ("page=2", "unknown-parameter"),
    ],
)
def test_parameters_that_cannot_be(small: Shop, query: str, kind: str) -> None:
    answer = small.http.get(f"/personas/fox/clients?{query}")
    assert (answer.status_code, answer.json["type"]) == (400, f"urn:menagerie:{kind}")


def test_a_file_holds_every_member(many: Shop) -> None:
    expected = [{"user_id": n, "persona": "fox", "cluster": 3, "confidence": n % 7 / 8} for n in FOXES]
    answer = many.http.get("/personas/fox/clients?format=csv", buffered=True)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = csv.DictReader(io.StringIO(answer.text))
    assert list(rows) == [{name: str(value) for name, value in row.items()} for row in expected]
    answer = many.http.get("/personas/fox/clients?format=ndjson", buffered=True)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == expected
    assert (
        many.http.get("/personas/lion/clients?format=csv", buffered=True).text == "user_id,persona,cluster,confidence\n"
    )


def test_a_file_is_named_for_its_snapshot(many: Shop) -> None:
    snapshot = many.provider.current()
    assert snapshot
    saved = f"fox-{snapshot.id}"
    answer = many.http.get("/personas/fox/clients?format=csv", buffered=True)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{saved}.csv"'
    many.now_s = datetime(2021, 5, 1, tzinfo=UTC).timestamp()
    answer = many.http.get("/personas/fox/clients?format=ndjson", buffered=True)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{saved}-stale.ndjson"'
    assert many.http.get("/personas/fox/clients").json["stale"] is True


@pytest.mark.slow
def test_a_file_stays_with_the_snapshot_it_began_with(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    publish(contents(*MANY), store, datetime(2020, 5, 1, tzinfo=UTC))
    shop = Shop(tmp_path)
    answer = shop.http.get("/personas/fox/clients?format=ndjson", buffered=False)
    pieces = answer.iter_encoded()
    begun = next(pieces) + next(pieces)
    publish(contents(*(client(n, "fox") for n in range(22_000))), store, datetime(2020, 5, 2, tzinfo=UTC))
    shop.provider.follow()
    lines = b"".join((begun, *pieces)).splitlines()
    assert [json.loads(line)["user_id"] for line in lines] == FOXES


def test_members_are_for_keys_that_may_export(tmp_path: Path) -> None:
    lookup, lookup_line = known_key("shop", ["lookup"])
    export, export_line = known_key("crm", ["export"])
    publish_small(tmp_path)
    http = Shop(tmp_path, api_keys=f"{lookup_line}\n{export_line}").http
    for path in ("/personas/fox/clients", "/personas/fox/clients?format=csv"):
        assert http.get(path).status_code == 401
        assert http.get(path, headers={"Authorization": f"Bearer {lookup}"}).status_code == 403
        assert http.get(path, headers={"Authorization": f"Bearer {export}"}).status_code == 200
    for path in ("/segments", "/segment"):
        assert http.post(path, json={}, headers={"Authorization": f"Bearer {export}"}).status_code == 403
        assert http.post(path, json={}, headers={"Authorization": f"Bearer {lookup}"}).status_code == 422
