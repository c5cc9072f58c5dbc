"""Snapshots of before: each that an earlier version published is served, explained, compared and reported as today.

`tests/before/<version>.tar.xz` holds a store as that version left it: `snapshots/<id>` and `snapshots/CURRENT`. That of
0.1.0 has 400 simulated clients (`--clients 400 --seed 11 --visitors-per-client 0.2 --browsing 0.3`) as of 2020-04-30.
"""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from snapshots import client, contents

from languages import LANGUAGES
from segmentation.commands.cli import main
from segmentation.commands.report import facts_in
from segmentation.report import report
from segmentation.snapshot.catalog import verified
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.answers.answer_schemas import Personas, Scored, Segment, Served
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

LATER = datetime(2099, 1, 1, tzinfo=UTC)
BEFORE = sorted((Path(__file__).parent / "before").glob("*.tar.xz"))
NEW_CLIENT = {
    "days_since_last_purchase": 3,
    "count_products_7m": 2,
    "total_purchase_value": 89.8,
    "number_of_views_7m": 14,
    "number_of_carts_7m": 3,
    "number_of_sessions_7m": 4,
}


@pytest.fixture(params=BEFORE, ids=lambda path: path.name.removesuffix(".tar.xz"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Unpack the store that a version left."""
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path / "snapshots", filter="data")
    return tmp_path


def served(store: Path) -> Any:
    provider = Provider(store, JsonLog("error"))
    provider.load()
    return create_app(provider, Settings(), JsonLog("error")).test_client()


def some_client(http: Any) -> int:
    return int(http.get("/personas/fox/clients").json["clients"][0]["user_id"])


def test_there_is_one_to_look_at() -> None:
    assert BEFORE


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_is_shown_in_every_language(store: Path, code: str) -> None:
    publish(contents(*(client(n, "lion") for n in range(1, 4))), open_store(str(store)), LATER)
    assert main(["snapshots", "rollback", "--store", str(store)]) == 0
    http = served(store)
    fox = some_client(http)
    for path in ("/", f"/client?user_id={fox}", "/persona/owl", "/client?user_id=1", "/changes", "/report", "/docs"):
        answer = http.get(path, query_string={"lang": code} if "?" not in path else None)
        assert answer.status_code == (404 if path.endswith("user_id=1") else 200), path
    page = http.get(f"/client?user_id={fox}&lang={code}").text
    assert f'<html lang="{code}">' in page


def test_programs_get_answers_that_keep_the_contract(store: Path) -> None:
    http = served(store)
    fox = some_client(http)
    for path, schema in ((f"/segment/{fox}?include=features,reasons", Segment), ("/personas", Personas),
                         ("/snapshot", Served)):  # fmt: skip
        assert schema().load(http.get(path).json)
    scored = http.post("/segment", json=NEW_CLIENT)
    assert Scored().load(scored.json)
    reasons = http.get(f"/segment/{fox}?include=reasons").json["reasons"]
    assert set(reasons) == set(LANGUAGES), "a reason is said in every language, also in one that came later"
    assert len({tuple(said) for said in reasons.values()}) == len(LANGUAGES)


@pytest.mark.usefixtures("patience")
def test_it_is_compared_with_todays_both_ways(store: Path) -> None:
    known = served(store)
    fox, before = some_client(known), known.get("/snapshot").json["id"]
    publish(contents(client(fox, "owl")), open_store(str(store)), LATER)
    flows = served(store).get("/snapshot/changes").json["flows"]
    assert [(flow["then"], flow["now"]) for flow in flows if flow["then"] and flow["now"]] == [("fox", "owl")]
    now = served(store).get("/snapshot").json["id"]
    assert main(["snapshots", "publish", before, "--store", str(store)]) == 0
    flows = served(store).get(f"/snapshot/changes?with={now}").json["flows"]
    assert [(flow["then"], flow["now"]) for flow in flows if flow["then"] and flow["now"]] == [("owl", "fox")]


def test_the_command_line_reads_it(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--store", str(store)]
    for command in (["snapshots", "list"], ["snapshots", "verify"], ["export", "--persona", "fox", "--format", "csv"],
                    *(["personas", "--lang", code] for code in LANGUAGES)):  # fmt: skip
        assert main([*command, *at]) == 0, command
    assert "400" in capsys.readouterr().out
    assert main(["report", *at, "--out", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert all(f'<div class="report" id="{code}"' in page for code in LANGUAGES)


def test_its_personas_are_said_in_english_where_a_language_is_younger(store: Path) -> None:
    lion = served(store).get("/personas/lion").json
    for code in set(LANGUAGES) - set(lion["label"]):
        assert f"<h1>{lion['label']['en']}</h1>" in served(store).get(f"/persona/lion?lang={code}").text


ONE_EACH = ("everyone", "distance_to_archetype")
"""Groups that are whole, or not there: a profile, and a figure for each persona."""


def paths(metrics: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield where each figure of a run stands, and each group of them."""
    for name, value in metrics.items():
        yield (name,)
        if isinstance(value, dict) and name not in ONE_EACH:
            yield from ((name, part) for part in value)


@pytest.mark.slow
def test_a_report_leaves_out_what_a_snapshot_lacks(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation.report.page.LANGUAGES", ("en",))  # what is left out is so in each
    manifest, folder = verified(open_store(str(store)))
    facts = facts_in(manifest, folder)
    whole = len(report(facts))
    for path in paths(dict(facts.metrics)):
        metrics = json.loads(json.dumps(facts.metrics))
        *above, last = path
        inside = metrics
        for name in above:
            inside = inside[name]
        del inside[last]
        lacking = type(facts)(facts.as_of, facts.personas, metrics, facts.tree, facts.sample)
        assert 0 < len(report(lacking)) <= whole, path
    metrics = {**facts.metrics, "of_a_later_version": {"figure": 1}}
    assert report(type(facts)(facts.as_of, facts.personas, metrics, facts.tree, facts.sample)) == report(facts)
