"""What an operator relies on: limits, metrics, request ids, the audit, and headers that make browsers strict."""

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_keys import known_key
from prometheus_client.parser import text_string_to_metric_families
from snapshots import NOW, client, contents, publish_small

from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.answers.sent_features import EXAMPLE, Features
from service.app import App, create_app
from service.common.headers import ALWAYS, CONTENT_SECURITY_POLICY, OWN_FILES, policy_of
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

MAY_2020 = datetime(2020, 5, 2, 12, tzinfo=UTC).timestamp()
SHOP, SHOP_LINE = known_key("shop", ["lookup"])
OTHER, OTHER_LINE = known_key("other", ["lookup"])
CRM, CRM_LINE = known_key("crm", ["lookup", "export"])
MONITOR, MONITOR_LINE = known_key("monitor", ["metrics"])
KEYS = "\n".join((SHOP_LINE, OTHER_LINE, CRM_LINE, MONITOR_LINE))


class Operated:
    """The application with some settings, its log, and its figures."""

    def __init__(self, store: Path, now_s: float = MAY_2020, **settings: Any) -> None:
        self._lines: list[bytes] = []
        log = JsonLog("info", self._lines.append)
        self._log = log
        self.provider = Provider(store, log)
        self.provider.follow()
        app = create_app(self.provider, Settings(**settings), log, lambda: now_s)
        assert isinstance(app, App)
        self.app = app
        self.http: FlaskClient = app.test_client()

    def get(self, path: str, key: str = "", **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(path, headers=sent | ({"Authorization": f"Bearer {key}"} if key else {}))

    def head(self, path: str, key: str) -> Any:
        return self.http.head(path, headers={"Authorization": f"Bearer {key}"})

    def logged(self, message: str) -> list[dict[str, Any]]:
        self._log.flush()
        lines = [json.loads(line) for lines in self._lines for line in lines.splitlines()]
        return [line for line in lines if line["message"] == message]

    def figures(self, key: str = "") -> dict[str, float]:
        """Return every sample but the histogram's buckets and times."""
        self.app.watch.follow()
        text = self.get("/metrics", key).text
        return {
            " ".join(
                (sample.name.removeprefix("menagerie_"), *(sample.labels[label] for label in sample.labels))
            ): value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            for value in [sample.value]
            if not sample.name.endswith(("_bucket", "_sum", "_created"))
        }


@pytest.fixture
def store(tmp_path: Path) -> Path:
    publish_small(tmp_path)
    return tmp_path


def test_a_key_has_so_many_requests_a_minute_and_another_its_own(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: MAY_2020 + 17.5)
    service = Operated(store, api_keys=KEYS, requests_per_minute=3)
    answers = [service.get("/segment/7", SHOP) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[3]
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "43"
    assert (refused.json["type"], refused.json["status"]) == ("urn:menagerie:too-many-requests", 429)
    assert service.get("/segment/7", OTHER).status_code == 200
    assert service.get("/readyz").status_code == 200
    monkeypatch.setattr("time.time", lambda: MAY_2020 + 60.0)
    assert service.get("/segment/7", SHOP).status_code == 200


def test_zero_is_no_limit(store: Path) -> None:
    service = Operated(store, api_keys=KEYS, requests_per_minute=0)
    assert {service.get("/segment/7", SHOP).status_code for _ in range(50)} == {200}


SPARSE = range(1, 60_001, 15)
"""The ids of a small shop."""
TRIED = 10_000
"""As many as a request may name."""


@pytest.fixture(scope="module")
def sparse_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("sparse")
    publish(contents(*(client(number, "fox") for number in SPARSE)), open_store(str(store)), NOW)
    return store


def try_out(service: Operated, key: str) -> list[int | None]:
    """Ask for all ids that there can be, as many at a time as may be; return how many clients each answer told of."""
    told: list[int | None] = []
    for first in range(0, 60_000, TRIED):
        sent = {"user_ids": list(range(first, first + TRIED))}
        answer = service.http.post("/segments", json=sent, headers={"Authorization": f"Bearer {key}"})
        told.append(answer.text.count('"found"') if answer.status_code == 200 else None)
    return told


def test_who_tries_out_ids_does_not_get_far_and_is_told_of(sparse_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Operated(sparse_shop, api_keys=KEYS)
    told: list[int | None] = []
    for minute in range(5):
        now_s = MAY_2020 + 60.0 * minute
        monkeypatch.setattr("time.time", lambda now_s=now_s: now_s)
        told += try_out(service, SHOP)
    assert sum(filter(None, told)) < len(SPARSE) / 2
    assert told[-6:] == [None] * 6
    refused = service.get("/segment/1", SHOP)
    assert (refused.status_code, int(refused.headers["Retry-After"])) == (429, 86_400 // 2 - 240)
    assert service.get("/segment/1", OTHER).status_code == 200
    assert [
        line["key"] for line in service.logged("a key asks for more ids that nobody has than there are clients")
    ] == ["shop"]
    assert service.figures(MONITOR)["enumerations_suspected_total"] == 1
    monkeypatch.setattr("time.time", lambda: MAY_2020 + 86_400 / 2)
    assert service.get("/segment/1", SHOP).status_code == 200


def test_who_asks_for_clients_they_know_gets_them_all(sparse_shop: Path) -> None:
    service = Operated(sparse_shop, api_keys=KEYS)
    sent = {"user_ids": list(SPARSE)}
    for _ in range(10):
        answer = service.http.post("/segments", json=sent, headers={"Authorization": f"Bearer {SHOP}"})
        assert answer.text.count('"found"') == len(SPARSE)
    assert not service.logged("a key asks for more ids that nobody has than there are clients")


def test_a_request_that_is_refused_is_not_told_of_and_one_client_counts_as_one(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: MAY_2020)
    service = Operated(store, api_keys=KEYS, requests_per_minute=7)
    for path, status in (("/segment/7", 200), ("/segment/8", 404), ("/snapshot", 200), ("/segment/7", 429)):
        assert service.get(path, SHOP).status_code == status
    assert service.get("/segment/8", OTHER).status_code == 404
    assert service.get("/segment/8", OTHER).status_code == 429  # whether there is such a client is not said any more
    assert service.figures(MONITOR)["lookups_total found"] == 1


def test_without_a_budget_any_number_may_be_tried(sparse_shop: Path) -> None:
    service = Operated(sparse_shop, api_keys=KEYS, requests_per_minute=0, daily_budget=0)
    assert sum(filter(None, try_out(service, SHOP))) == len(SPARSE)


def test_the_figures(store: Path) -> None:
    service = Operated(store)
    for path in ("/segment/7", "/segment/7", "/segment/8", "/segment/x", "/nowhere", "/segment/7?include=features"):
        service.get(path)
    service.http.open("/segment/7", method="BREW")
    (snapshot,) = (path.name for path in (store / "snapshots").glob("2020*"))
    assert service.figures() == {
        "request_duration_seconds_count GET /segment/<user_id> 200": 3,
        "request_duration_seconds_count GET /segment/<user_id> 404": 1,
        "request_duration_seconds_count GET /segment/<user_id> 400": 1,
        "request_duration_seconds_count GET unmatched 404": 1,
        "request_duration_seconds_count other unmatched 405": 1,
        "lookups_total found": 3,
        "lookups_total not_found": 1,
        "members_told_total": 0,
        "enumerations_suspected_total": 0,
        "snapshot_swaps_total": 0,
        "snapshots_refused_total": 0,
        f"snapshot_as_of_timestamp_seconds 2020-04-30 {snapshot}": datetime(2020, 4, 30, tzinfo=UTC).timestamp(),
        "snapshot_age_seconds": 2.5 * 86_400,
        "snapshot_stale": 0,
        "store_unreachable": 0,
    }


def test_members_and_lookups_are_counted_apart_and_only_those_that_were_sent(store: Path) -> None:
    service = Operated(store, api_keys=KEYS, audit=True)
    members = ("/personas/fox/clients", "/personas/lion/clients?limit=1", "/personas/owl/clients?format=csv")
    for path in (*members, "/segment/7"):
        tag = service.get(path, CRM).headers.get("ETag")
        assert service.head(path, CRM).status_code == 200
        if tag:
            assert service.get(path, CRM, If_None_Match=tag).status_code == 304
    assert service.head("/segment/8", CRM).status_code == 404
    asked = {"user_ids": [7, 7, 8]}
    assert service.http.post("/segments", json=asked, headers={"Authorization": f"Bearer {CRM}"}).status_code == 200
    figures = service.figures(MONITOR)
    assert figures["members_told_total"] == 2
    assert (figures["lookups_total found"], figures["lookups_total not_found"]) == (3, 1)
    assert [(line["key"], line["route"], line["clients"]) for line in service.logged("read")] == [
        ("crm", "/personas/<name>/clients", 1),
        ("crm", "/personas/<name>/clients", 1),
        ("crm", "/personas/<name>/clients", 0),
        ("crm", "/segment/<user_id>", 1),
        ("crm", "/segments", 2),
    ]


def test_a_line_about_a_request_says_whose_key_it_was(store: Path) -> None:
    service = Operated(store, api_keys=KEYS, requests_per_minute=1)
    for key in (SHOP, SHOP, MONITOR, "", SHOP[:-1]):
        service.get("/segment/7", key)
    service.get("/healthz", SHOP)
    assert [(line["status"], line.get("key", "nobody")) for line in service.logged("request")] == [
        (200, "shop"),
        (429, "shop"),
        (403, "monitor"),
        (401, "nobody"),
        (401, "nobody"),
        (200, "nobody"),
    ]


def test_the_figures_tell_swaps_refusals_age_and_a_store_that_is_gone(store: Path) -> None:
    service = Operated(store, now_s=datetime(2020, 6, 15, tzinfo=UTC).timestamp(), max_age_days=45)
    assert service.figures()["snapshot_stale"] == 1
    second = publish(contents(client(1, "owl")), open_store(str(store)), datetime(2020, 5, 2, tzinfo=UTC))
    figures = service.figures()
    assert (figures["snapshot_swaps_total"], figures["snapshots_refused_total"]) == (1, 0)
    assert [name.split()[2] for name in figures if name.startswith("snapshot_as_of")] == [second]
    (store / "snapshots" / "CURRENT").write_text("2020-04-30-000000000000")
    assert service.figures()["snapshots_refused_total"] == 1
    assert service.get("/snapshot").json["store_reachable"] is True
    reachable_tag = service.get("/snapshot").headers["ETag"]
    (store / "snapshots").rename(store / "elsewhere")
    figures = service.figures()
    assert (figures["store_unreachable"], figures["snapshot_swaps_total"]) == (1, 1)
    told = service.get("/snapshot")
    assert (told.status_code, told.json["store_reachable"], told.json["id"]) == (200, False, second)
    assert told.headers["ETag"] != reachable_tag
    assert service.get("/segment/1").status_code == 200
    (store / "elsewhere").rename(store / "snapshots")
    assert service.figures()["store_unreachable"] == 0


def test_the_figures_have_a_scope_of_their_own(store: Path) -> None:
    service = Operated(store, api_keys=KEYS)
    assert [service.get("/metrics", key).status_code for key in ("", SHOP, MONITOR)] == [401, 403, 200]
    assert service.get("/segment/7", MONITOR).status_code == 403


@pytest.mark.parametrize(
    "sent", ["0b5e1f0a-93d6-4c1c-8f43-5c8f6f5f2a11", "4bf92f3577b34da6a3ce929d0e0e4736", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]
)
def test_a_request_keeps_the_id_that_its_caller_gave_it(store: Path, sent: str) -> None:
    service = Operated(store)
    answer = service.get("/segment/8", X_Request_ID=sent)
    assert (answer.headers["X-Request-ID"], answer.json["request_id"]) == (sent, sent)
    assert [line["request_id"] for line in service.logged("request")] == [sent]


@pytest.mark.parametrize(
    "sent", ["512363741", "user.512363741", "1234567890123456", SHOP, "a" * 64, "abc", "a b c d e f", 'x","y":"']
)
def test_an_id_that_may_not_be_logged_is_not_kept(store: Path, sent: str) -> None:
    service = Operated(store)
    answer = service.get("/segment/8", X_Request_ID=sent)
    assert len(answer.headers["X-Request-ID"]) == 16
    assert sent not in str(answer.headers) + answer.text + str(service.logged("request"))


def test_the_audit_tells_whose_key_read_how_many_clients(store: Path) -> None:
    service = Operated(store, api_keys=KEYS, audit=True)
    for path in ("/segment/512363741", "/segment/512363742", "/segment/x", "/personas"):
        service.get(path, SHOP)
    lines = service.logged("read")
    assert [(line["key"], line["route"], line["clients"]) for line in lines] == [
        ("shop", "/segment/<user_id>", 1),
        ("shop", "/segment/<user_id>", 0),
    ]
    assert {line["request_id"] for line in lines} <= {line["request_id"] for line in service.logged("request")}
    assert "51236374" not in str(lines)
    quiet = Operated(store, api_keys=KEYS)
    quiet.get("/segment/7", SHOP)
    assert quiet.logged("read") == []


SECRETS = st.sampled_from(
    [hashlib.sha256(b"a key").hexdigest(), "0b5e1f0a-93d6-4c1c-8f43-5c8f6f5f2a11", SHOP, "eyJhbGciOiJIUzI1NiIsInR5cCI6"]
) | st.text("0123456789abcdefABCDEFghijXYZ_-+=", min_size=20, max_size=90).filter(
    lambda text: not text.lstrip("-").isdigit()
)


def encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def ways_to_send(http: FlaskClient, secret: str) -> list[Any]:
    twice = encoded(encoded(secret))
    paths = [
        f"/{secret}",
        f"/segment/{secret}",
        f"/{twice}/x",
        f"/segment/{encoded(secret)}",
        f"/personas/{secret}/clients",
    ]
    queries = [
        f"/segment/7?{name}=1" for name in (quote(secret), encoded(secret), twice, f"{'a.' * 24}{quote(secret)}")
    ]
    queries += [f"/segment/7?include={quote(secret)}", f"/personas/fox/clients?cursor={quote(secret)}"]
    bodies = [{secret: 1}, {f"{'a.' * 24}{secret}": 1}, {"user_ids": [secret]}, secret, {secret: secret}]
    return [
        *(http.get(path) for path in paths + queries),
        http.delete(f"/segment/{secret}"),
        *(http.post(path, json=body) for path in ("/segment", "/segments") for body in bodies),
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS)
def test_no_problem_repeats_what_may_be_a_secret(store: Path, secret: str) -> None:
    """Neither as it is, nor in part, however often it is encoded."""
    for answer in ways_to_send(Operated(store).http, secret):
        assert answer.status_code in {400, 404, 405, 422}
        told = answer.text
        while told != unquote(told):
            told = unquote(told)
        assert not [part for part in range(len(secret) - 11) if secret[part : part + 12] in told]


def test_what_is_ours_is_repeated(store: Path) -> None:
    service = Operated(store)
    wrong = dict.fromkeys(Features().fields, "x")
    answer: Any = service.http.post("/segment", json=wrong)
    named = {error["pointer"] for error in answer.json["errors"]}
    assert named | {"/preferred_brand", "/preferred_category"} == {f"/{name}" for name in wrong}
    assert "..." not in answer.text
    for rule in service.app.url_map.iter_rules():
        refused: Any = service.http.open(rule.rule, method="BREW")
        assert refused.json["instance"] == quote(rule.rule)
    for user_id in (-(2**63), 2**63 - 1):
        assert service.get(f"/segment/{user_id}").json["instance"] == f"/segment/{user_id}"
    assert "..." not in service.get("/segment/9223372036854775808").text  # whose detail tells the bounds


def every_answer(store: Path) -> Iterator[Any]:
    """Yield an answer of each status, to each method, and of each kind of body."""
    service = Operated(store, max_body_bytes=1000)
    http = service.http
    for path in ("/", "/segment/7", "/healthz", "/metrics", "/personas", "/docs", "/docs/start.js", "/openapi.json"):
        answer = service.get(path)
        yield answer
        yield http.head(path)
        if tag := answer.headers.get("ETag"):
            yield service.get(path, If_None_Match=tag)
    for path in ("/personas/fox/clients", "/personas/fox/clients?format=csv", "/segment/x", "/nowhere", "/segment/8"):
        yield service.get(path)
    yield service.get("/segment/7", Host="elsewhere.example")
    yield http.delete("/segment/7")
    yield http.options("/segment/7")
    for path, body in (
        ("/segments", {"user_ids": [7]}),
        ("/segment", EXAMPLE),
        ("/segment", {}),
        ("/segment", "x" * 2000),
    ):
        yield http.post(path, json=body)
    yield http.post("/segment", data="{}")
    guarded = Operated(store, api_keys=KEYS, requests_per_minute=1)
    yield from (guarded.get("/segment/7", key) for key in ("", MONITOR, SHOP, SHOP, SHOP))
    yield Operated(store / "empty").get("/readyz")


def test_every_answer_makes_browsers_strict(store: Path) -> None:
    statuses = set()
    for answer in every_answer(store):
        statuses.add(answer.status_code)
        headers = answer.headers
        assert {CONTENT_SECURITY_POLICY: OWN_FILES, **dict(ALWAYS)}.items() <= dict(headers).items()
        assert all(len(headers.getlist(name)) == 1 for name in (CONTENT_SECURITY_POLICY, *dict(ALWAYS), "X-Request-ID"))
        assert "unsafe" not in headers[CONTENT_SECURITY_POLICY]
        assert not {"Server", "Strict-Transport-Security"} & set(headers.keys())
    assert statuses == {200, 304, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503}


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_report_may_use_what_is_in_it_and_nothing_else(tmp_path: Path) -> None:
    page = "<style>p { a: b }</style><p style='color:red'>1 &lt; 2</p><script>\n1 < 2 </script><script>3</script>"
    publish_small(tmp_path, report_html=page)
    policy = Operated(tmp_path).get("/report").headers[CONTENT_SECURITY_POLICY]
    told = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert told["default-src"] == told["frame-ancestors"] == told["base-uri"] == told["form-action"] == "'none'"
    assert told["style-src"] == f"{sha256('p { a: b }')} 'unsafe-hashes' {sha256('color:red')}"
    assert told["script-src"] == f"{sha256(chr(10) + '1 < 2 ')} {sha256('3')}"
    assert "unsafe-inline" not in policy
    assert "style-src 'none'; script-src 'none'" in policy_of(b"<!doctype html><p>text")


def test_it_answers_for_its_hosts_only_and_health_for_any(store: Path) -> None:
    service = Operated(store, allowed_hosts="personas.example, .shop.example", allow_anyone=True)
    asked = ("personas.example", "personas.example:8000", "a.shop.example", "evil.example", "localhost", "")
    assert [service.get("/segment/7", Host=host).status_code for host in asked] == [200, 200, 200, 400, 400, 400]
    assert service.get("/segment/7", Host="evil.example").json["type"] == "urn:menagerie:unknown-host"
    assert {service.get(path, Host="10.1.2.3:8000").status_code for path in ("/healthz", "/readyz")} == {200}


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        ({}, "localhost:8000", 200),
        ({}, "127.0.0.1:8000", 200),
        ({}, "[::1]:8000", 200),
        ({}, "LOCALHOST", 200),
        ({}, "localhost:8000.rebound.example", 400),
        ({"host": "127.0.0.2"}, "127.0.0.2:8000", 200),
        ({}, "rebound.example", 400),
        ({"allowed_hosts": "*"}, "rebound.example", 200),
        ({"allow_anyone": True}, "rebound.example", 200),
        ({"api_keys": KEYS}, "rebound.example", 200),
    ],
)
def test_a_service_open_to_its_own_computer_answers_no_other_name(
    store: Path, settings: dict[str, Any], host: str, status: int
) -> None:
    assert Operated(store, **settings).get("/segment/7", SHOP, Host=host).status_code == status


@pytest.mark.parametrize(
    ("proxies", "forwarded", "secure"),
    [(0, "https", False), (1, "https", True), (1, "http", False), (1, "https, http", False), (2, "https, http", True)],
)
def test_proxies_are_believed_as_far_as_is_said(store: Path, proxies: int, forwarded: str, secure: bool) -> None:
    headers = Operated(store, proxies=proxies).get("/segment/7", X_Forwarded_Proto=forwarded).headers
    assert ("Strict-Transport-Security" in headers) == secure


def test_a_proxy_does_not_choose_the_host(store: Path) -> None:
    service = Operated(store, proxies=1, allowed_hosts="personas.example")
    sent = {"Host": "evil.example", "X_Forwarded_Host": "personas.example"}
    assert service.get("/segment/7", **sent).status_code == 400
