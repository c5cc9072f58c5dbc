"""The service answers from the snapshot, exactly; whatever goes wrong is a problem that says so."""

import errno
import gzip
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from snapshots import CLIENTS, MODEL, client, contents, publish_small

from contract.columns import NAMES
from contract.snapshot import NO_ID
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.app import create_app
from service.common import log
from service.common.headers import ALWAYS, CONTENT_SECURITY_POLICY, OWN_FILES
from service.common.log import JsonLog
from service.common.settings import BadSettingError, Settings, read_settings
from service.keys.keys import Keys
from service.snapshots.provider import Provider
from service.snapshots.tree import open_tree
from service.watch import Watch

MAY_2020 = datetime(2020, 5, 2, 12, tzinfo=UTC).timestamp()


class Service:
    """The application over a store, with clocks that tests move."""

    def __init__(self, store: Path) -> None:
        self.now_s = MAY_2020
        self.lines: list[bytes] = []
        self.log = JsonLog("info", self.lines.append)
        settings = Settings(store=str(store), max_age_days=45)
        self.provider = Provider(store, self.log)
        self.provider.follow()
        self.app: Flask = create_app(self.provider, settings, self.log, lambda: self.now_s)
        self.http: FlaskClient = self.app.test_client()

    def get(self, path: str, **headers: str) -> Any:
        return self.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def logged(self) -> list[dict[str, Any]]:
        self.log.flush()
        return [json.loads(line) for lines in self.lines for line in lines.splitlines()]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def snapshot(store: Path) -> str:
    return publish_small(store)


@pytest.fixture
def service(store: Path, snapshot: str) -> Service:  # noqa: ARG001 (published first)
    return Service(store)


def fox(snapshot: str) -> dict[str, Any]:
    return {
        "user_id": 512363741,
        "persona": "fox",
        "label": {"en": "Fox", "fr": "Renard", "es": "Zorro"},
        "emoji": "🦊",
        "confidence": 0.75,
        "cluster": 3,
        "advice": {
            "en": "Target: few campaigns, premium ones.",
            "fr": "Cibler\u202f: peu de campagnes, haut de gamme.",
            "es": "Seleccionar: pocas campañas y de alta gama.",
        },
        "as_of": "2020-04-30",
        "snapshot": snapshot,
    }


def test_segment(service: Service, snapshot: str) -> None:
    answer = service.get("/segment/512363741")
    headers = dict(answer.headers)
    assert len(headers.pop("X-Request-ID")) == 16
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.data)),
        "ETag": f'"{snapshot}"',
        "Cache-Control": "private, max-age=60",
        CONTENT_SECURITY_POLICY: OWN_FILES,
        **dict(ALWAYS),
    }
    assert (answer.status_code, list(answer.json)) == (200, list(fox(snapshot)))
    assert answer.json == fox(snapshot)


def test_every_client_is_found_and_no_other(service: Service) -> None:
    for row in CLIENTS:
        answer = service.get(f"/segment/{row['user_id']}").json
        assert int(answer["user_id"]) == row["user_id"]
        assert all(answer[key] == row[key] for key in ("persona", "cluster", "confidence"))
        assert service.get(f"/segment/{row['user_id'] + 1}").status_code == 404


def test_segment_with_features_and_reasons(service: Service, snapshot: str) -> None:
    answer = service.get("/segment/512363741?include=reasons,features")
    row = client(0, "fox", days_since_last_purchase=60, count_products_2m=0, avg_price_2m=None, preferred_brand=None)
    features = {name: row[name] for name in NAMES if name != "user_id"} | {"last_purchase": "2020-04-29T10:11:12Z"}
    assert answer.json == fox(snapshot) | {
        "features": features,
        "reasons": {
            "en": ["last purchase 60 days ago, at least 22 and at most 90"],
            "fr": ["dernier achat il y a 60 jours, au moins 22 et au plus 90"],
            "es": ["última compra hace 60 días, al menos 22 y como mucho 90"],
        },
        "better": None,  # an item would have to cost 790.01, and this client has paid 10
    }
    assert answer.headers["ETag"] == f'"{snapshot}+features+reasons"'


@pytest.mark.parametrize(
    ("user_id", "en", "fr"),
    [
        (
            7,
            ["last purchase 12 days ago, at most 21", "1,234.50 spent in 7 months, more than 800.00"],
            ["dernier achat il y a 12 jours, au plus 21", "1\u202f234,50 dépensés en 7 mois, plus de 800,00"],
        ),
        (
            -5,
            [
                "last purchase 1 day ago, at most 21",
                "10.00 spent in 7 months, at most 800.00",
                "1 item bought in 7 months, at most 1",
            ],
            [
                "dernier achat il y a 1 jour, au plus 21",
                "10,00 dépensés en 7 mois, au plus 800,00",
                "1 article acheté en 7 mois, au plus 1",
            ],
        ),
    ],
)
def test_reasons(service: Service, user_id: int, en: list[str], fr: list[str]) -> None:
    assert service.get(f"/segment/{user_id}?include=reasons").json["reasons"].items() >= {"en": en, "fr": fr}.items()


def test_reasons_stay_true_when_a_threshold_has_no_cents(tmp_path: Path) -> None:
    model = json.loads(json.dumps(MODEL))
    model["nodes"]["threshold"][1] = 799.995
    (tmp_path / "tree.json").write_text(json.dumps(model))
    values = {"days_since_last_purchase": 0, "total_purchase_value": 800.0, "count_products_7m": 1}
    assert open_tree(tmp_path / "tree.json").reasons(values) == {
        "en": ["last purchase today, at most 21", "800.00 spent in 7 months, more than 799.99"],
        "fr": ["dernier achat aujourd’hui, au plus 21", "800,00 dépensés en 7 mois, plus de 799,99"],
        "es": ["última compra hoy, como mucho 21", "800,00 gastados en 7 meses, más de 799,99"],
    }


@pytest.mark.parametrize(
    ("days", "threshold", "en", "fr"),
    [
        (0, 21.0, "last purchase today, at most 21", "dernier achat aujourd’hui, au plus 21"),
        (0, 0.0, "last purchase today", "dernier achat aujourd’hui"),
        (1, 21.0, "last purchase 1 day ago, at most 21", "dernier achat il y a 1 jour, au plus 21"),
    ],
)
def test_none_is_said_as_people_say_it(tmp_path: Path, days: int, threshold: float, en: str, fr: str) -> None:
    model = json.loads(json.dumps(MODEL))
    model["features"][0]["none"] = {"en": "last purchase today", "fr": "dernier achat aujourd’hui"}
    model["nodes"]["threshold"][0] = threshold
    (tmp_path / "tree.json").write_text(json.dumps(model))
    values = {"days_since_last_purchase": days, "total_purchase_value": 900.0, "count_products_7m": 1}
    reasons = open_tree(tmp_path / "tree.json").reasons(values)
    assert (reasons["en"][0], reasons["fr"][0]) == (en, fr)


def test_not_modified(service: Service, snapshot: str) -> None:
    answer = service.get("/segment/7", If_None_Match=f'W/"{snapshot}"')
    assert (answer.status_code, answer.data) == (304, b"")
    headers = dict(answer.headers)
    assert len(headers.pop("X-Request-ID")) == 16
    kept = {"ETag": f'"{snapshot}"', "Cache-Control": "private, max-age=60"}
    assert headers == {**kept, CONTENT_SECURITY_POLICY: OWN_FILES, **dict(ALWAYS)}
    assert service.get("/segment/7", If_None_Match='"2020-03-31-000000000000"').status_code == 200
    assert service.get("/segment/8", If_None_Match=f'"{snapshot}"').status_code == 404


def test_stale_past_the_set_age(service: Service) -> None:
    last_fresh_s = datetime(2020, 6, 14, 23, 59, 59, tzinfo=UTC).timestamp()  # 45 days after April 30
    service.now_s = last_fresh_s
    assert "stale" not in service.get("/segment/7").json
    assert service.get("/snapshot").json["age_days"] == 45
    assert "These figures are old" not in service.get("/").text
    fresh = service.get("/segment/7").headers["ETag"]
    service.now_s = last_fresh_s + 1
    for path in ("/segment/7", "/personas", "/personas/owl", "/snapshot"):
        assert service.get(path).json["stale"] is True
    assert service.get("/segment/7").headers["ETag"] != fresh
    assert service.get("/snapshot").json["age_days"] == 46
    assert "These figures are old: they end on 30 April 2020, 46 days ago." in service.get("/").text
    assert service.get("/readyz").status_code == 200


def problem(kind: str, title: str, status: int, detail: str, instance: str) -> dict[str, Any]:
    return {"type": kind, "title": title, "status": status, "detail": detail, "instance": instance}


def told(answer: Any) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json
    assert (body.pop("request_id"), body["status"]) == (answer.headers["X-Request-ID"], answer.status_code)
    return body


@pytest.mark.parametrize("text", ["x", "1.0", "+1", "1 ", "%201", "1%00", "٣", "²", "1e3", "0x1", "--1", "-"])
def test_a_user_id_that_is_no_integer(service: Service, text: str) -> None:
    body = told(service.get(f"/segment/{text}"))
    body.pop("instance")
    assert body == {
        "type": "urn:menagerie:bad-user-id",
        "title": "The user id is not an integer",
        "status": 400,
        "detail": "A user id is an integer in the digits 0 to 9, with a minus sign before it or not.",
    }


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1" * 400, "1" * 9000])
def test_a_user_id_of_more_than_64_bits(service: Service, text: str) -> None:
    assert told(service.get(f"/segment/{text}")) == problem(
        "urn:menagerie:bad-user-id",
        "The user id does not fit in 64 bits",
        400,
        "The user id does not fit in 64 bits: it is from -9223372036854775808 to 9223372036854775807.",
        f"/segment/{text if len(text) <= 20 else '...'}",  # anything longer may be a secret
    )


@pytest.mark.parametrize("text", ["7", "007", "0" * 9000 + "7"])
def test_zeros_before_a_user_id_mean_nothing(service: Service, text: str) -> None:
    assert service.get(f"/segment/{text}").json["user_id"] == 7


def test_a_path_that_names_no_client(service: Service) -> None:
    assert service.get("/segment/").status_code == 404
    assert service.get("/segment").headers["Allow"] == "OPTIONS, POST"  # POST scores the features sent


@pytest.mark.parametrize("text", ["9223372036854775807", "-9223372036854775808", "0", "-0"])
def test_an_unknown_client(service: Service, text: str) -> None:
    assert told(service.get(f"/segment/{text}")) == problem(
        "urn:menagerie:unknown-client",
        "Unknown client",
        404,
        "The snapshot of 2020-04-30 has no such client.",
        f"/segment/{text}",
    )


def test_other_problems(service: Service) -> None:
    assert told(service.get("/segment/7?include=features,shoe_size")) == problem(
        "urn:menagerie:bad-include",
        "Unknown include",
        400,
        "include takes features and reasons, separated by a comma.",
        "/segment/7",
    )
    assert told(service.get("/segment/7?include=features&includes=reasons")) == problem(
        "urn:menagerie:unknown-parameter",
        "Unknown parameter",
        400,
        "There is no parameter 'includes', only include.",
        "/segment/7",
    )
    assert told(service.get("/personas/wolf")) == problem(
        "urn:menagerie:unknown-persona",
        "Unknown persona",
        404,
        "The personas are lion, bear, squirrel, fox, beaver, owl, tortoise.",
        "/personas/wolf",
    )
    nowhere = problem("about:blank", "Not Found", 404, "Nothing matches the given URI.", "/a%20b/c")
    assert told(service.get("/a b/c")) == nowhere
    refused = service.http.delete("/segment/7")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert told(refused)["detail"] == "Allowed here: GET, HEAD, OPTIONS."


def test_a_fault_of_ours_tells_nothing_but_its_request_id(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("512363741")

    monkeypatch.setattr("service.snapshots.snapshot.Snapshot.segment", fail)
    answer = service.get("/segment/512363741")
    detail = "Something failed on our side; the request_id leads to it in our log."
    assert told(answer) == problem("about:blank", "Internal Server Error", 500, detail, "/segment/512363741")
    (line,) = (line for line in service.logged() if line["level"] == "error")
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["exception"]["type"] == "KeyError"
    assert line["exception"]["frames"][-1].endswith(" fail")
    assert "512363741" not in json.dumps(service.logged())


def test_personas(service: Service, snapshot: str) -> None:
    dated = {"as_of": "2020-04-30", "snapshot": snapshot}
    expected = json.loads(json.dumps(contents().personas))
    assert service.get("/personas").json == {"personas": expected, **dated}
    assert service.get("/personas/owl").json == expected[5] | dated


def test_snapshot(service: Service, snapshot: str) -> None:
    assert service.get("/snapshot").json == {
        "id": snapshot,
        "created_at": "2020-05-01T06:30:00Z",
        "age_days": 2,
        "store_reachable": True,
        "counts": {"clients": 4, "events": 40},
        "metrics": {"silhouette": 0.25},
        "as_of": "2020-04-30",
        "snapshot": snapshot,
    }


def test_the_report(service: Service) -> None:
    report = service.get("/report")
    assert report.data == b"<!doctype html><title>Report</title>"
    assert report.headers["Content-Type"] == "text/html; charset=utf-8"


def test_what_is_large_goes_out_compressed_to_who_takes_it_so(service: Service) -> None:
    for path in ("/report", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"):
        plain = service.get(path)
        for accepted in ("gzip", "br, gzip;q=0.5", "*"):
            packed = service.get(path, Accept_Encoding=accepted)
            assert gzip.decompress(packed.data) == plain.data
            assert packed.headers["Content-Encoding"] == "gzip"
            assert int(packed.headers["Content-Length"]) == len(packed.data)
            assert packed.headers["ETag"] != plain.headers["ETag"]
            for held, status in ((packed, 304), (plain, 200)):
                again = service.get(path, Accept_Encoding=accepted, If_None_Match=held.headers["ETag"])
                assert (again.status_code, again.headers["Vary"]) == (status, "Accept-Encoding")
        for refused in ("identity", "gzip;q=0", "br"):
            answer = service.get(path, Accept_Encoding=refused)
            assert (answer.data, answer.headers["Vary"]) == (plain.data, "Accept-Encoding")
            assert "Content-Encoding" not in answer.headers


def test_without_a_snapshot_then_with_one(store: Path) -> None:
    service = Service(store)
    for path in ("/readyz", "/segment/7", "/personas", "/snapshot", "/report"):
        answer = service.get(path)
        assert answer.headers["Retry-After"] == "2"
        assert told(answer) == problem(
            "urn:menagerie:no-snapshot",
            "No snapshot",
            503,
            "The service has no snapshot to answer from yet.",
            path,
        )
    assert service.get("/healthz").json == {"status": "alive"}
    assert "There is no snapshot to answer from yet" in service.get("/").text
    snapshot = publish_small(store)
    assert service.get("/readyz").status_code == 503  # a request never waits for the store
    service.provider.follow()
    assert service.get("/readyz").json == {"status": "ready", "snapshot": snapshot}


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["manifest.json", "lookup/answers.npy", "model/tree.json", "clients.parquet"])
def test_a_damaged_snapshot_is_refused(store: Path, snapshot: str, name: str) -> None:
    flipped(store / "snapshots" / snapshot / name)
    service = Service(store)
    assert service.get("/readyz").status_code == 503
    refusals = [line for line in service.logged() if line["message"] == "snapshot refused"]
    assert [(line["snapshot"], name in line["reason"]) for line in refusals] == [(snapshot, True)]


def changed(service: Service, change: Callable[[], object]) -> int:
    """Make a change, let the service look, and return how many clients the snapshot served has then."""
    change()
    service.provider.follow()
    clients: int = service.get("/snapshot").json["counts"]["clients"]
    return clients


def test_the_snapshot_follows_current_but_not_into_a_damaged_one(store: Path, service: Service) -> None:
    assert changed(service, lambda: None) == 4
    one = contents(client(1, "owl"))
    other = publish(one, open_store(str(store)), datetime(2020, 5, 2, tzinfo=UTC))
    assert changed(service, lambda: None) == 1
    assert changed(service, lambda: publish_small(store)) == 4
    flipped(store / "snapshots" / other / "lookup" / "user_id.npy")
    current = store / "snapshots" / "CURRENT"
    assert changed(service, lambda: current.write_text(other)) == 4
    assert service.get("/readyz").status_code == 200
    assert changed(service, lambda: current.write_text("../elsewhere")) == 4


def test_a_snapshot_that_could_not_be_read_is_tried_again(
    store: Path, snapshot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    lines: list[bytes] = []
    provider = Provider(store, JsonLog("error", lines.append))
    watch = Watch(provider, Keys(Settings(), JsonLog("error")), JsonLog("error"), time.time)
    waits_s = []
    for called in ("service.snapshots.reader._verify_files", "pathlib.Path.read_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(called, fail)
            waits_s.append(watch.follow())
        assert provider.current() is None
    waits_s.append(watch.follow())
    assert waits_s == [2, 4, 1]
    served = provider.current()
    assert served is not None
    assert served.id == snapshot
    errors = [(line["message"], line["snapshot"]) for line in map(json.loads, lines)]
    assert errors == [("snapshot not read", snapshot)] * 2


def test_the_age_is_told_once_a_minute_while_a_snapshot_is_served(store: Path) -> None:
    lines: list[bytes] = []
    log = JsonLog("info", lines.append)
    provider = Provider(store, log)
    watch = Watch(provider, Keys(Settings(), log), log, lambda: MAY_2020)
    assert watch.tell_age() == provider.check_every_s
    snapshot = publish_small(store)
    watch.follow()
    assert watch.tell_age() == 60
    told = json.loads(lines[-1])
    assert {key: told[key] for key in ("level", "message", "snapshot", "age_days")} == {
        "level": "info",
        "message": "snapshot age",
        "snapshot": snapshot,
        "age_days": 2,
    }
    assert len(lines) == 2  # the other one says that it is served


def test_a_refused_snapshot_is_read_once(store: Path, snapshot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flipped(store / "snapshots" / snapshot / "metrics.json")
    service = Service(store)
    assert service.get("/readyz").status_code == 503
    monkeypatch.setattr("service.snapshots.folder_source.read_snapshot", None)
    service.provider.follow()
    assert service.get("/readyz").status_code == 503
    assert [line["message"] for line in service.logged() if line["level"] == "error"] == ["snapshot refused"]


@pytest.mark.parametrize("content", [b"root:x:0:0:secret\n", b"../../etc", b"\xff\x1b[31m", b"2020-04-30-0000"])
def test_what_is_no_snapshot_id_is_never_repeated(store: Path, snapshot: str, tmp_path: Path, content: bytes) -> None:
    service = Service(store)
    (tmp_path / "elsewhere").write_bytes(content)
    (store / "snapshots" / "CURRENT").unlink()
    (store / "snapshots" / "CURRENT").symlink_to(tmp_path / "elsewhere")
    service.provider.follow()
    assert service.get("/segment/7").json["snapshot"] == snapshot
    (line,) = (line for line in service.logged() if line["message"] == "snapshot refused")
    assert (line["reason"], line["snapshot"]) == ("CURRENT holds no snapshot id", NO_ID)
    assert open_store(str(store)).current() == NO_ID
    open_store(str(store)).set_current(snapshot, NO_ID)
    service.provider.follow()
    assert not service.provider.unreachable


def test_a_damaged_snapshot_published_again_is_served(store: Path, snapshot: str) -> None:
    flipped(store / "snapshots" / snapshot / "metrics.json")
    service = Service(store)
    assert service.get("/readyz").status_code == 503
    assert changed(service, lambda: publish_small(store)) == 4


def test_requests_that_wait_to_be_logged_are_bounded_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_MOST_WAITING", 3)
    monkeypatch.setattr(JsonLog, "_start_writer", lambda _: None)  # nobody drains it
    lines: list[bytes] = []
    full = JsonLog("info", lines.append)
    for _ in range(2):
        for status in range(200, 208):
            full.request("id", "GET", "/", status, 1.0)
        full.flush()
    told = [json.loads(line) for text in lines for line in text.splitlines()]
    assert [line.get("status") or (line["message"], line["count"]) for line in told] == [
        *(200, 201, 202, ("requests not logged", 5)),
        *(200, 201, 202, ("requests not logged", 5)),
    ]


def test_requests_are_logged_by_route_and_without_user_ids(service: Service) -> None:
    service.get("/segment/512363741?include=features")
    service.get("/segment/512363742")
    service.get("/nowhere/512363741")
    service.http.open("/segment/512363741", method="M512363741")
    requests = [line for line in service.logged() if line["message"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("GET", "/segment/<user_id>", 200),
        ("GET", "/segment/<user_id>", 404),
        ("GET", "unmatched", 404),
        ("other", "unmatched", 405),
    ]
    assert "51236374" not in json.dumps(requests)


def test_every_setting_stands_in_its_page() -> None:
    page = (Path(__file__).parents[1] / "docs" / "service.md").read_text(encoding="utf-8").partition("## Routes")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]*?)`? \|", page, re.MULTILINE))
    written = {setting.name: str(setting.default) or "none" for setting in fields(Settings)}
    told = {"allow_anyone": "false", "audit": "false", "cache_dir": "in the system's temporary folder"}
    assert shown == written | told


def test_settings() -> None:
    settings = read_settings(["--port", "9000"], {"MENAGERIE_PORT": "9001", "MENAGERIE_MAX_AGE_DAYS": "7"})
    assert settings == Settings(port=9000, max_age_days=7)
    assert (Settings().host, Settings().port, Settings().workers) == ("127.0.0.1", 8000, 2)


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--port", "eighty"], {}, "--port must be a whole number from 0 to 65535, not 'eighty'."),
        ([], {"MENAGERIE_WORKERS": "0"}, "MENAGERIE_WORKERS must be a whole number from 1 to 256, not '0'."),
        ([], {"MENAGERIE_LOG_LEVEL": "loud"}, "MENAGERIE_LOG_LEVEL must be one of debug, info, warning, error"),
        ([], {"MENAGERIE_HOST": ""}, "MENAGERIE_HOST must not be empty."),
        (["--store", "gs://x"], {}, "--store must be a folder or s3://bucket/prefix, not 'gs://x'."),
    ],
)
def test_bad_settings(arguments: list[str], environment: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettingError) as error:
        read_settings(arguments, environment)
    assert str(error.value).startswith(told)
