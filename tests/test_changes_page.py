"""The page of what has changed: its sentence, diagram and table, and what it says when there is nothing to show."""

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from snapshots import AS_OF, CLIENTS, NOW, client, contents, publish_small
from test_changes import MARCH, damage, provided, published, serving

from segmentation.features.calendar import windows
from segmentation.model.personas import PERSONA_NAMES
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.pages.sankey import sankey
from service.snapshots.changes import Flow
from service.snapshots.coverage import begins_late

NAMES = st.sampled_from([*PERSONA_NAMES, None])
FLOWS = st.lists(st.builds(Flow, NAMES, NAMES, st.integers(1, 10**7), st.just(0.0), st.just(0.0)), min_size=1).map(
    lambda flows: list({(flow.then, flow.now): flow for flow in flows}.values())
)
NUMBER = r"-?[\d.]+"
pytestmark = pytest.mark.usefixtures("patience")


@given(FLOWS)
def test_ribbons_fill_the_bars_without_overlap(flows: list[Flow]) -> None:
    drawn = sankey(flows, PERSONA_NAMES, 800, 100, 50)
    assert len(drawn.ribbons) == len(flows)
    for side, bars in ((0, drawn.left), (1, drawn.right)):
        for above, below in pairwise(bars):
            assert above.y + above.height < below.y
        for bar in bars:
            own = [r for r in drawn.ribbons if (r.flow.then, r.flow.now)[side] == bar.name]
            assert bar.clients == sum(ribbon.flow.clients for ribbon in own)
            tops = [edges(ribbon.path)[side] for ribbon in own]
            assert tops == sorted(tops)
            assert tops[0] == pytest.approx(bar.y, abs=0.1)
            assert tops[-1] <= bar.y + bar.height + 0.1
    assert drawn.height >= max(bar.y + bar.height for bar in (*drawn.left, *drawn.right))


def edges(path: str) -> tuple[float, float]:
    """Return where a ribbon begins and ends, down from the top."""
    numbers = [float(text) for text in re.findall(NUMBER, path)]
    return numbers[1], numbers[7]


@pytest.fixture
def http(tmp_path: Path) -> FlaskClient:
    moved = [client(user_id, "fox", total_purchase_value=1000.0) for user_id in (3, 4)]
    published(tmp_path, client(1, "owl"), *moved, *CLIENTS[1:], as_of=MARCH)
    back = [client(user_id, "owl", total_purchase_value=600.0) for user_id in (3, 4)]
    published(tmp_path, client(2, "bear"), *back, *CLIENTS[1:])
    return serving(tmp_path)


def test_one_sentence_sums_up_what_moved(http: FlaskClient) -> None:
    assert (
        "Compared with 31 March 2020: 2 of 5 clients (40%) changed persona, 1 came, 1 left. The largest group (2) "
        "went from “Fox” to “Owl”, and its spending over 7 months from 2,000 to 1,200."
    ) in http.get("/changes").text
    assert (
        "Par rapport au 31 mars 2020\u00a0: clients ayant changé de persona, 2 sur 5 (40\u00a0%)\u202f; "
        "arrivés, 1\u202f; partis, 1. Le plus grand groupe (2) est passé de «\u202fRenard\u202f» à "
        "«\u202fChouette\u202f», et ses dépenses sur 7 mois de 2\u202f000 à "
        "1\u202f200."
    ) in http.get("/changes?lang=fr").text


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        ("2019-11-08", "2019-10-01", "events from 8 November 2019 only, so the 7 months up to 31 March 2020 are not"),
        ("2019-11-08", "2019-11-08", "the 7 months up to 31 March 2020 and 30 April 2020 are not complete"),
        ("2019-09-08", "2019-10-08", ""),
        ("2019-09-01", None, ""),
        (None, "2019-11-01", "from 1 November 2019 only, so the 7 months up to 30 April 2020 are not complete"),
    ],
)
def test_months_without_events_are_told_of(tmp_path: Path, then: str | None, now: str | None, words: str) -> None:
    for first, as_of in ((then, MARCH), (now, AS_OF)):
        rows = contents(client(7, "fox" if as_of == MARCH else "owl"))
        metrics = {"events": {"by_day": {"2018-01-01": 1, first: 9, "2020-03-01": 8}}} if first else {}
        publish(replace(rows, as_of=as_of, metrics=metrics), open_store(str(tmp_path)), NOW)
    page = serving(tmp_path).get("/changes").text
    assert (words in page, "Compare with care" in page) == (True, bool(words))
    assert ("spending over 7 months" in page) == (not words)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_the_window_begins_where_the_run_begins_it(as_of: date) -> None:
    begin = windows(as_of).start.date()
    for days, late in ((0, False), (7, False), (8, True)):
        first = begin + timedelta(days=days)
        assert begins_late({"events": {"by_day": {first.isoformat(): 1}}}, as_of) == (first if late else None)


def test_every_flow_is_in_the_table_and_in_both_drawings(http: FlaskClient) -> None:
    flows = http.get("/snapshot/changes").get_json()["flows"]
    page = http.get("/changes").text
    assert {f"{flow['then']}-{flow['now']}" for flow in flows} == set(re.findall(r'<tr id="([^"]+)"', page))
    assert page.count('class="ribbon') == 2 * len(flows)


def test_nothing_moved_is_said_too(tmp_path: Path) -> None:
    published(tmp_path, as_of=MARCH)
    published(tmp_path)
    page = serving(tmp_path).get("/changes").text
    assert "Compared with 31 March 2020: 0 of 4 clients (0%) changed persona, 0 came, 0 left." in page


def test_one_of_several_others_can_be_chosen(tmp_path: Path) -> None:
    older = published(tmp_path, as_of=date(2020, 2, 29))
    before = published(tmp_path, as_of=MARCH)
    published(tmp_path)
    http = serving(tmp_path)
    assert re.findall(r'<option value="([^"]+)"', http.get("/changes").text) == [before, older]
    assert f'<option value="{older}" selected>' in http.get(f"/changes?with={older}&lang=fr").text


@pytest.mark.parametrize(("language", "words"), [("en", "After the next run"), ("fr", "Après la prochaine analyse")])
def test_a_first_snapshot_says_what_will_appear(tmp_path: Path, language: str, words: str) -> None:
    publish_small(tmp_path)
    answer = serving(tmp_path).get(f"/changes?lang={language}")
    assert (answer.status_code, words in answer.text) == (200, True)


def test_a_damaged_one_is_told_of_and_so_is_an_unknown_one(tmp_path: Path) -> None:
    before = published(tmp_path, as_of=MARCH)
    published(tmp_path, as_of=AS_OF)
    damage(tmp_path / "snapshots" / before)
    http = serving(tmp_path)
    for query, status, words in (
        ("", 409, f"Snapshot {before} is not what was published"),
        ("?with=x", 404, "no such"),
    ):
        answer = http.get(f"/changes{query}")
        assert (answer.status_code, words in answer.text) == (status, True)


def test_while_it_is_compared_the_page_says_so_and_loads_itself_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(tmp_path, as_of=MARCH)
    published(tmp_path)
    provider = provided(tmp_path)
    monkeypatch.setattr("service.snapshots.comparisons._PATIENCE_S", 0.0)
    with provider.comparisons._one_at_a_time:  # as if another were being made
        answer = serving(provider).get("/changes")
    assert (answer.status_code, answer.headers["Refresh"]) == (200, "1")
    assert "Comparing…" in answer.text
