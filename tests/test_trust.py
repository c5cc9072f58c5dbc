"""How far personas can be trusted, as report and first page say it alike."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from snapshots import NOW, contents

from languages import language
from languages.trust import said_trust
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider


def named(*true: bool) -> list[dict[str, Any]]:
    labels = ("Lion", "Bear", "Squirrel")
    return [{"label": {"en": label}, "true_to_type": it} for label, it in zip(labels, true, strict=True)]


@pytest.mark.parametrize(
    ("true", "said"),
    [
        ((True, True, True), "All seven names fit the clients who have them."),
        ((True, False, False), "1 of the seven names fit the clients who have them; less so: Bear and Squirrel."),
    ],
)
def test_it_is_said_which_names_fit(true: tuple[bool, ...], said: str) -> None:
    assert said_trust({}, named(*true), language("en")) == [said]


@pytest.mark.parametrize(("verdict", "word"), [("good", "well"), ("fair", "fairly"), ("weak", "weakly")])
def test_the_verdict_is_a_sentence(verdict: str, word: str) -> None:
    (told,) = said_trust({"stability": {"verdict": verdict}}, [{"label": {"en": "Lion"}}], language("en"))
    assert told.startswith(f"These personas hold {word}: ")


@pytest.mark.parametrize("metrics", [{}, {"stability": {"mean": 0.9}}, {"stability": {"verdict": "of later"}}])
def test_what_a_snapshot_does_not_say_is_left_out(metrics: dict[str, Any]) -> None:
    assert said_trust(metrics, [{"label": {"en": "Lion"}}], language("en")) == []


def looked_back(**spent: float) -> dict[str, Any]:
    return {"backtest": {"dates": [{}, {}], "personas": {name: {"spent": value} for name, value in spent.items()}}}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (looked_back(lion=9.0, bear=5.0), "Lion spent the most per client in the month after, as its name stands for."),
        (looked_back(lion=4.0, bear=5.0), "Bear spent the most per client in the month after, not Lion."),
        (
            {"clients": 1234, "events": {"kept": 56789}},
            "All this rests on 1,234 clients and 56,789 events.",
        ),
        (
            {
                "model": {"fitted_as_of": "2020-03-31"},
                "parameters": {"as_of": "2020-04-30"},
                "fitness": {"mean_drift": 0.02},
            },
            "The rules are those of 31 March 2020, and the clients are much as they were then.",
        ),
        (
            {
                "model": {"fitted_as_of": "2020-03-31"},
                "parameters": {"as_of": "2020-04-30"},
                "fitness": {"mean_drift": 0.2},
            },
            "The rules are those of 31 March 2020; the clients have changed somewhat since, and the rules still fit.",
        ),
    ],
)
def test_it_is_said_what_it_rests_on_and_how_it_did(metrics: dict[str, Any], said: str) -> None:
    personas = [{"name": name, "label": {"en": name.capitalize()}} for name in ("lion", "bear")]
    (told,) = said_trust(metrics, personas, language("en"))
    assert told.endswith(said)


@pytest.mark.parametrize("as_of", ["2020-03-31", "2020-02-29"])
def test_rules_of_today_are_no_older_rules(as_of: str) -> None:
    own = {"model": {"fitted_as_of": "2020-03-31"}, "parameters": {"as_of": as_of}, "fitness": {"mean_drift": 0.0}}
    assert said_trust(own, [{"label": {"en": "Lion"}}], language("en")) == []


def test_the_first_page_says_it(tmp_path: Path) -> None:
    publish(replace(contents(), metrics={"stability": {"verdict": "fair"}}), open_store(str(tmp_path)), NOW)
    provider = Provider(tmp_path, JsonLog("critical"))
    provider.load()
    page = create_app(provider, Settings(), JsonLog("critical")).test_client().get("/").get_data(as_text=True)
    assert "These personas hold fairly" in page
