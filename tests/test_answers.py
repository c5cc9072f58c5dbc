"""Real answers of every route load through the schemas that the contract is made of, and hold nothing more."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from known_keys import known_key
from marshmallow import RAISE, Schema

from service.answers.answer_schemas import Problem, Segment
from service.answers.documented import OPERATION
from service.answers.sent_features import EXAMPLE
from service.app import create_app
from service.common.log import JsonLog
from service.common.problems import ProblemError
from service.common.settings import Settings
from service.snapshots.provider import Provider

LOOKUP, LOOKUP_LINE = known_key("shop", ["lookup"])
ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/segment/<user_id>", {}),
    ("/segment/<user_id>?include=features", {}),
    ("/segment/<user_id>?include=reasons", {}),
    ("/segment/<user_id>?include=features,reasons", {}),
    ("/segment", {"json": EXAMPLE}),
    ("/segments", {"json": {"user_ids": [512363741, 7]}}),
    ("/personas", {}),
    ("/personas/fox", {}),
    ("/personas/fox/clients", {}),
    ("/personas/fox/clients?limit=1", {}),
    ("/snapshot", {}),
    ("/snapshot/changes", {}),
    ("/healthz", {}),
    ("/readyz", {}),
)
ELSEWHERE = frozenset(
    {
        "comparing",
        "damaged-snapshot",
        "early-cursor",
        "no-previous-snapshot",
        "other-rules",
        "store-unreachable",
        "too-many-exports",
    }
)
"""Problems that tests of their own provoke, with stores that are made for them."""


def application(store: Path, **settings: Any) -> FlaskClient:
    log = JsonLog("critical")
    provider = Provider(store, log)
    provider.load()
    return create_app(provider, Settings(**settings), log).test_client()


def user_ids(http: FlaskClient) -> list[int]:
    """Return some clients of each persona."""
    personas: Any = http.get("/personas")
    pages: list[Any] = [http.get(f"/personas/{each['name']}/clients?limit=5") for each in personas.json["personas"]]
    return [client["user_id"] for page in pages for client in page.json["clients"]]


def answers(http: FlaskClient) -> Iterator[tuple[type[Schema], Any]]:
    """Yield answers with the schema that the route names."""
    app = http.application
    found = user_ids(http)
    assert len(found) >= 20
    for template, sent in ASKED:
        for path in {template.replace("<user_id>", str(user_id)) for user_id in found}:
            method = "POST" if sent else "GET"
            answer = http.open(path, method=method, **sent)
            assert (answer.status_code, answer.mimetype) == (200, "application/json")
            endpoint, _ = app.url_map.bind("").match(path.partition("?")[0], method)
            yield getattr(app.view_functions[endpoint], OPERATION).answer, answer.json


def json_schemas(http: FlaskClient) -> set[type[Schema]]:
    operations = [getattr(view, OPERATION, None) for view in http.application.view_functions.values()]
    return {operation.answer for operation in operations if operation and operation.answer}


def test_every_answer_holds_what_the_contract_says(small_store: Path) -> None:
    http = application(small_store)
    seen: dict[type[Schema], set[str]] = {}
    for schema, answer in answers(http):
        schema(unknown=RAISE).load(answer)
        seen.setdefault(schema, set()).update(answer)
    assert set(seen) == json_schemas(http)
    assert {schema: set(schema().fields) for schema in seen} == seen  # nothing is promised that never comes


def test_included_members_come_when_they_are_asked_for(small_store: Path) -> None:
    http = application(small_store)
    (user_id, *_) = user_ids(http)
    plain: Any = http.get(f"/segment/{user_id}")
    for include, more in (("features", {"features"}), ("reasons", {"reasons", "better"})):
        included: Any = http.get(f"/segment/{user_id}?include={include}")
        assert included.json.keys() - plain.json.keys() == more <= set(Segment().fields)


def problems(store: Path, empty: Path) -> Iterator[Any]:
    """Yield a problem of every kind but of `ELSEWHERE`, and some without one of ours."""
    http = application(store)
    other = base64.urlsafe_b64encode(json.dumps(["2020-04-29-000000000000", 3, 0]).encode()).decode().rstrip("=")
    paths = ["/nowhere", "/segment/x", "/segment/9223372036854775808", "/segment/1", "/segment/1?a=b"]
    paths += ["/segment/1?include=a", "/personas/wolf", "/snapshot/changes?with=2020-01-31-000000000000"]
    paths += [f"/personas/fox/clients?{more}" for more in ("limit=0", "format=xml", "cursor=a", f"cursor={other}")]
    yield from map(http.get, paths)
    yield http.get("/segment/1", headers={"Host": "elsewhere.example"})
    yield http.delete("/segment/1")
    for sent in ({"data": "{"}, {"data": "{}"}, {"data": "[]"}, {"data": b"a" * 2**21}):
        yield http.post("/segments", content_type="application/json", **sent)
    yield http.post("/segments", data="{}", content_type="text/plain")
    yield http.post("/segments", data="{}", content_type="application/json", headers={"Content-Encoding": "gzip"})
    yield application(empty).get("/readyz")
    limited = application(store, api_keys=LOOKUP_LINE, requests_per_minute=1)
    for path, key in (("/snapshot", ""), ("/snapshot", "x"), ("/metrics", LOOKUP)):
        yield limited.get(path, headers={"Authorization": f"Bearer {key}"})
    refused = [limited.get("/snapshot", headers={"Authorization": f"Bearer {LOOKUP}"}) for _ in range(3)]
    yield next(answer for answer in refused if answer.status_code != 200)  # a minute may end between two of three


def kinds(error: type[ProblemError]) -> set[str]:
    return {error.kind}.union(*(kinds(each) for each in error.__subclasses__())) - {""}


def test_a_problem_of_every_kind_holds_what_the_contract_says(small_store: Path, tmp_path: Path) -> None:
    told = set()
    for answer in problems(small_store, tmp_path):
        assert answer.mimetype == "application/problem+json"
        problem: Any = Problem(unknown=RAISE).load(answer.json)
        assert problem["status"] == answer.status_code
        told.add((problem["type"].rpartition(":")[2], problem["status"]))
    assert {kind for kind, _ in told} == kinds(ProblemError) - ELSEWHERE | {"blank"}
    assert {status for kind, status in told if kind == "blank"} == {404, 405, 413, 415}
