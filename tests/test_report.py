"""The report as its readers get it, and the closing table on narrow terminals."""

import io
import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from segmentation.closing import print_table
from segmentation.personas import PERSONAS
from segmentation.report import report
from segmentation.words import LANGUAGES

AS_OF = date(2020, 4, 30)
HOSTILE = "<script>alert('x')</script>"
VOID = {"meta"}


def personas(brand: str | None = "samsung") -> list[dict[str, Any]]:
    profile = {
        "median_days_since_last_purchase": 123.0,
        "median_count_products_7m": 45_678.0,
        "median_total_purchase_value": 9_876_543.0,
        "top_preferred_brand": brand,
        "top_preferred_category": None,
    }
    return [
        {
            "emoji": p.emoji,
            "label": p.label,
            "traits": p.traits,
            "advice": p.advice,
            "clients": 1_234_567,
            "share": 0.125,
            "revenue_share": 0.375,
            "profile": profile,
            "rules": {"en": ["5 items", "6 items"], "fr": ["5 articles", "6 articles"]},
        }
        for p in PERSONAS
    ]


def metrics(**more: Any) -> dict[str, Any]:
    curve = [{"k": k, "mean": mean, "standard_error": 0.01} for k, mean in ((5, 0.7512), (6, -0.02), (7, 0.7294))]
    return {
        "clients": 4100,
        "silhouette": {"by_k": curve, "chosen_k": 7, "best_k": 5},
        "stability": {"mean": 0.987},
        "held_out": {"clients": 820, "accuracy": 0.9939, "baseline": {"accuracy": 0.1939}},
        **more,
    }


EVENTS = {"kept": 192_976, "rejected": {"a": 2, "b": 3}, "duplicates": 681, "suspected_gaps": ["2020-02-27"]}


class Page(HTMLParser):
    """What a page holds: its text, tags and attributes; each tag must be closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    html = report(AS_OF, personas(), metrics(events=EVENTS))
    page = Page(html)
    assert page.open == []
    assert page.tags.count("svg") == 2 * len(LANGUAGES)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", html)
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "onclick", "onload"})


def test_both_languages_name_every_persona() -> None:
    page = Page(report(AS_OF, personas(), metrics()))
    assert {("lang", "en"), ("lang", "fr"), ("id", "fr"), ("href", "#fr")} <= set(page.attributes)
    for persona in PERSONAS:
        assert re.search(
            f"A client is an? {persona.label['en']} if any of these holds: 5 items6 items",
            page.text.replace(":5", ": 5"),
        )
        assert f"Un client est « {persona.label['fr']} » si l’une de ces conditions" in page.text


def test_one_rule_is_not_called_many() -> None:
    one = [persona | {"rules": {"en": ["5 items"], "fr": ["5 articles"]}} for persona in personas()]
    text = Page(report(AS_OF, one, metrics())).text
    assert "A client is an Owl if this holds:" in text
    assert "any of these" not in text


def test_the_trust_is_said_with_the_figures_of_the_run() -> None:
    text = Page(report(AS_OF, personas(), metrics())).text
    assert "for 99.4 % of 820 clients that they had not seen (naming the largest group every time: 19.4 %)" in text
    assert "into 5 groups (separation 0.75 of 1); Menagerie uses 7 (0.73)" in text
    assert "(agreement 0.987 of 1)" in text
    assert "pour 99,4 % de 820 clients" in text
    assert "en 5 groupes (séparation de 0,75 sur 1) ; Menagerie en utilise 7 (0,73)" in text


def test_groups_that_change_with_the_sample_are_called_so() -> None:
    text = Page(report(AS_OF, personas(), metrics(stability={"mean": 0.675}))).text
    assert "rather different groups (agreement 0.675 of 1)" in text


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([], "few eventsnone"),
        (["2020-02-27"], "few events2020-02-27"),
        ([f"2020-02-0{day}" for day in range(1, 8)], "2020-02-05 and 2 more"),
    ],
)
def test_the_facts_of_the_run(gaps: list[str], said: str) -> None:
    text = Page(report(AS_OF, personas(), metrics(events=EVENTS | {"suspected_gaps": gaps}))).text
    assert "As-of date2020-04-30Clients4,100Events kept192,976Rows rejected5Duplicates dropped681" in text
    assert said in text


def test_hostile_names_are_only_text() -> None:
    hostile = [persona | {"label": {"en": HOSTILE, "fr": HOSTILE}} for persona in personas(HOSTILE)]
    page = Page(report(AS_OF, hostile, metrics()))
    assert "script" not in page.tags
    assert f"brand: {HOSTILE}" in page.text


@pytest.mark.parametrize("width", [20, 60, 80])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_digit_is_lost_on_a_narrow_terminal(width: int, language: str) -> None:
    out = io.StringIO()
    print_table(personas(), language, Console(file=out, width=width))
    digits = re.sub(r"[^\d…]", "", out.getvalue())
    for figure in ("1234567", "125", "123", "45678", "9876543", "375"):
        assert digits.count(figure) >= len(PERSONAS)
    assert "…" not in digits
    assert max(map(len, out.getvalue().splitlines())) <= width


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_fits_eighty_columns(language: str) -> None:
    usual = [
        p
        | {
            "clients": 39_956,
            "profile": p["profile"] | {"median_count_products_7m": 8.0, "median_total_purchase_value": 3059.0},
        }
        for p in personas()
    ]
    out = io.StringIO()
    print_table(usual, language, Console(file=out, width=80))
    assert "───" in out.getvalue()
