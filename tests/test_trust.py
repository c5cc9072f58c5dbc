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


def test_the_first_page_says_it(tmp_path: Path) -> None:
    publish(replace(contents(), metrics={"stability": {"verdict": "fair"}}), open_store(str(tmp_path)), NOW)
    provider = Provider(tmp_path, JsonLog("critical"))
    provider.load()
    page = create_app(provider, Settings(), JsonLog("critical")).test_client().get("/").get_data(as_text=True)
    assert "These personas hold fairly" in page
