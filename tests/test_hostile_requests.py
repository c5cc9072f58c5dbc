"""Requests made to cost much, or to trip: each is told what is wrong with it, soon, and never 500."""

import gzip
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from snapshots import publish_small

from service.answers.sent_features import EXAMPLE
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

SOON_S = 0.1
"""Beside what Python takes to read the JSON."""
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = tmp_path_factory.mktemp("hostile")
    publish_small(store)
    log = JsonLog("error", lambda _: None)
    provider = Provider(store, log)
    provider.load()
    return create_app(provider, Settings(), log).test_client()


def features(**changed: Any) -> bytes:
    return json.dumps({**EXAMPLE, **changed}).encode()


HALF = "\ud83d"
NAMED = {f"k{place}": 1 for place in range(5_000)}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/segments", json.dumps({"user_ids": [HALF]}).encode()),
        ("/segments", json.dumps({HALF: [7]}).encode()),
        ("/segment", json.dumps({HALF: 1}).encode()),
        ("/segment", features(preferred_brand=HALF)),
        ("/segment", features(preferred_brand=f"{HALF} and \ude00")),
        ("/segment", f'{{"preferred_brand":"{HALF}"}}'.encode("utf-8", "surrogatepass")),
        ("/segments", '{"user_ids":[7]}'.encode("utf-16")),
        ("/segments", b'{"user_ids":' + b"[" * 100_000),
        ("/segments", b'{"user_ids":[' + b"9" * 100_000 + b"]}"),
    ],
)
def test_what_is_no_text_or_no_json_is_said_to_be_unreadable(http: Any, path: str, body: bytes) -> None:
    answer = http.post(path, data=body, headers=JSON)
    assert (answer.status_code, answer.json["type"]) == (400, "urn:menagerie:unreadable-body")


def test_a_character_that_json_writes_in_two_halves_is_one(http: Any) -> None:
    assert http.post("/segment", data=features(preferred_brand="😀"), headers=JSON).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "x"])
def test_an_encoded_body_is_said_to_be_one(http: Any, encoding: str) -> None:
    body = gzip.compress(b'{"user_ids":[7]}')
    answer = http.post("/segments", data=body, headers={**JSON, "Content-Encoding": encoding})
    assert (answer.status_code, answer.json["type"]) == (415, "urn:menagerie:encoded-body")
    assert answer.headers["Accept-Encoding"] == "identity"
    assert http.post("/segments", data='{"user_ids":[7]}', headers={**JSON, "Content-Encoding": "Identity"}).json


@pytest.mark.parametrize("number", ["9007199254740993.0", "9007199254740992.0", "-9007199254740992.0", "1e300"])
def test_a_number_that_may_stand_for_another_is_no_id(http: Any, number: str) -> None:
    answer = http.post("/segments", data=f'{{"user_ids":[7.0,{number}]}}', headers=JSON)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/user_ids/1"]


def test_the_largest_number_that_stands_for_itself_alone_is_an_id(http: Any) -> None:
    answer = http.post("/segments", data='{"user_ids":[9007199254740991.0]}', headers=JSON)
    assert answer.json["clients"][0]["user_id"] == 2**53 - 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/segment/{'0' * 4000}x", None, 400),
        ("GET", f"/segment/-{'0' * 4000}", None, 404),
        ("GET", f"/segment/{'9' * 4000}", None, 400),
        ("POST", "/segment", json.dumps(NAMED).encode(), 422),
        ("POST", "/segment", json.dumps(NAMED).encode() + b" " * 65_536, 413),
        ("POST", "/segments", json.dumps({f"k{place}": 1 for place in range(60_000)}).encode(), 422),
        ("POST", "/segments", json.dumps({"user_ids": ["x"] * 10_000}).encode(), 422),
        ("POST", "/segments", json.dumps({"user_ids": [[]] * 200_000}).encode(), 422),
        ("GET", f"/segment/7?include={',' * 3000}", None, 200),
        ("GET", "/segment/7?" + "&".join(f"k{place}" for place in range(1000)), None, 400),
    ],
)
def test_what_costs_most_is_answered_soon(http: Any, method: str, path: str, body: bytes | None, status: int) -> None:
    taken, reading = [], []
    for _ in range(3):
        began = time.perf_counter()
        with suppress(ValueError):
            json.loads(body or b"0")
        reading.append(time.perf_counter() - began)
        began = time.perf_counter()
        answer = http.open(path, method=method, data=body, headers=JSON)
        taken.append(time.perf_counter() - began)
        assert answer.status_code == status
    assert min(taken) < 2 * min(reading) + SOON_S


def test_of_many_faults_so_many_are_told(http: Any) -> None:
    answer = http.post("/segment", data=json.dumps({**EXAMPLE, **NAMED}), headers=JSON)
    assert {error["pointer"] for error in answer.json["errors"]} == {f"/k{place}" for place in range(100)}
