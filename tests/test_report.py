"""The report as its readers get it: what it says, in every language, and that it needs nothing but itself."""

import io
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kinds import some_clients
from plotly.offline import get_plotlyjs
from reports import Page, facts_of_store
from rich.console import Console
from test_pictures import made

from contract.columns import NAMES
from contract.errors import BadInputError
from languages import LANGUAGES
from languages import language as speaking
from segmentation.commands.closing import print_table
from segmentation.ingest.ingested import Ingested
from segmentation.ingest.said import say_account
from segmentation.model.personas import PERSONAS
from segmentation.report import Facts, report
from segmentation.report.cards import cards
from segmentation.report.facts import suspected_gaps
from segmentation.report.pictures import FOR_ANALYSTS, FOR_MARKETERS, PICTURES
from segmentation.report.quality import HEADINGS, about_the_data, table
from segmentation.report.summary import particulars, summary, trust
from segmentation.tools.progress import Silent
from service.common.headers import policy_of

EN, FR = speaking("en"), speaking("fr")

HOSTILE = "</script><script>alert('x')</script>"
NARROW, WIDE = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def facts(small_store: Path) -> Facts:
    return facts_of_store(small_store)


@pytest.fixture(scope="module")
def html(facts: Facts) -> str:
    return report(facts)


def with_metrics(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, metrics={**facts.metrics, **changes})


def with_first(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, personas=[{**facts.personas[0], **changes}, *facts.personas[1:]])


def with_profile(facts: Facts, **changes: Any) -> Facts:
    return with_first(facts, profile={**facts.personas[0]["profile"], **changes})


def test_the_page_is_whole_and_needs_nothing_else(html: str) -> None:
    page = Page(html)
    assert page.open == []
    own = html.replace(get_plotlyjs(), "")
    assert not re.search(r"https?:|url\(|@import", own)
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "style", "onclick", "onload"})
    assert [link for link in page.all("href") if not link.startswith("#")] == ["data:,"]


def test_its_policy_allows_its_scripts_and_takes_no_data_for_one(html: str) -> None:
    policy = policy_of(html.encode())
    assert "unsafe" not in policy
    assert re.findall(r"script-src ([^;]*)", policy)[0].count("'sha256-") == 2  # the page's own and Plotly's


def test_the_same_facts_give_the_same_bytes(facts: Facts, html: str) -> None:
    assert report(facts) == html


def test_every_link_leads_somewhere_and_every_id_is_there_once(html: str) -> None:
    page = Page(html)
    ids = page.all("id")
    assert sorted(ids) == sorted(set(ids))
    assert {link[1:] for link in page.all("href") if link.startswith("#")} <= set(ids)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_marketers_look_for_stands_before_what_analysts_do(html: str, language: str) -> None:
    anchors = [name for name in Page(html).all("id") if name.startswith(f"{language}-")]
    parts = ["personas", *(persona.name for persona in PERSONAS), "pictures", *(p.name for p in FOR_MARKETERS)]
    analysis = ["analysts", "trust", *(picture.name for picture in FOR_ANALYSTS), "data", "facts"]
    assert anchors == [f"{language}-{name}" for name in (*parts, *analysis)]


def test_headings_are_in_order(html: str) -> None:
    for article in html.split('<div class="report"')[1:]:
        levels = [int(level) for level in re.findall(r"<h([1-6])>", article)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_picture_has_its_place_its_name_and_its_sentence(facts: Facts, html: str, language: str) -> None:
    page = Page(html)
    places, names = page.all("data-name"), page.all("aria-label")
    for picture in PICTURES:
        sentence = picture.says(facts, speaking(language))
        assert f"{language}-{picture.name}" in places
        assert f"{speaking(language).gettext(picture.title)}. {sentence}" in names
        assert re.sub(" +", " ", sentence) in page.text


def test_a_card_tells_a_persona_in_words_and_figures(facts: Facts) -> None:
    lion, profile = facts.personas[0], facts.personas[0]["profile"]
    card = cards(facts.personas, EN)[0]
    assert (card.label, card.colour, card.advice) == ("Lion", lion["colour"], "Pamper: VIP treatment and early access.")
    assert [bar.text for bar in card.bars] == [EN.percent(lion["share"]), EN.percent(lion["revenue_share"])]
    assert [tile.figure for tile in card.tiles] == [
        EN.number(profile[f"median_{name}"])
        for name in ("days_since_last_purchase", "count_products_7m", "total_purchase_value")
    ]
    low, high = profile["quartiles_count_products_7m"]
    assert card.tiles[1].half == f"half of them: {low:.0f}\N{WORD JOINER}–\N{WORD JOINER}{high:.0f}"
    assert list(card.rules) == lion["rules"]["en"]


def test_a_bar_is_as_long_as_its_share_of_everything(facts: Facts) -> None:
    (bars,) = {tuple(bar.length for bar in card.bars) for card in cards(facts.personas, EN) if card.name == "lion"}
    assert bars == (round(facts.personas[0]["share"], 4), round(facts.personas[0]["revenue_share"], 4))


@pytest.mark.parametrize(
    ("count", "english", "french"),
    [(2, "", ""), (3, "1 more case", "1 autre cas"), (5, "3 more cases", "3 autres cas")],
)
def test_a_long_list_of_rules_folds_away(facts: Facts, count: int, english: str, french: str) -> None:
    rules = {language: [f"rule {n}" for n in range(count)] for language in LANGUAGES}
    personas = with_first(facts, rules=rules).personas
    assert [cards(personas, say)[0].more_rules for say in (EN, FR)] == [english, french]


def test_what_a_persona_prefers_is_said_as_people_write_it(facts: Facts) -> None:
    changed = with_profile(facts, brands=[], categories=[{"name": "home_kit.small.oven", "share": 0.25}])
    habits = dict(cards(changed.personas, EN)[0].habits)
    assert habits["Favourite brands"] == "none known"
    assert habits["Favourite categories"] == "home kit › small › oven 25%"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"morning": 0.4, "afternoon": 0.2, "evening": 0.2, "night": 0.2}, "More often in the morning "
         "(40%) than in the afternoon (20%); "),
        ({"morning": 0.6, "afternoon": 0.2, "evening": 0.1, "night": 0.1}, "Mostly in the morning (60%); "),
        ({"morning": 0.38, "afternoon": 0.37, "evening": 0.2, "night": 0.05}, "No time of day stands out (at most "
         "38%, in the morning); "),
        ({"morning": 0.35, "afternoon": 0.25, "evening": 0.2, "night": 0.2}, "No time of day stands out (at most 35%, "
         "in the morning); "),
        ({"morning": 0.2, "afternoon": 0.2, "evening": 0.3, "night": 0.3}, "No time of day stands out (at most 30%, "
         "in the evening); "),
    ],
)  # fmt: skip
def test_a_time_is_a_favourite_only_when_it_stands_out(facts: Facts, times: dict[str, float], said: str) -> None:
    habits = dict(cards(with_profile(facts, active_times=times).personas, EN)[0].habits)
    assert habits["When active"].startswith(said)


def test_the_summary_says_who_brings_the_most_and_who_is_the_most_frequent(facts: Facts) -> None:
    text = summary(facts, EN)
    assert text.startswith("In the 7 months to 30 April 2020, 400 clients bought for ")
    lion = facts.personas[0]
    share, clients = f"{lion['revenue_share']:.0%}", f"{lion['share']:.0%}"
    assert f"Lion brings the most: {share} of the revenue from {clients} of the clients." in text
    assert (
        "The most frequent persona is 🐿️\N{NO-BREAK SPACE}Squirrel: 23% of the clients with 1.0% of the revenue." in text
    )
    both = with_first(facts, share=0.5)
    assert (
        "🦁\N{NO-BREAK SPACE}Lion is both the most frequent persona and the one that brings the most: 50%"
        in summary(both, EN)
    )


def test_the_trust_is_said_with_the_figures_of_the_run(facts: Facts) -> None:
    held_out = facts.metrics["held_out"]
    said = " ".join(trust(facts, FR))
    assert f"Sur {held_out['clients']} clients" in said
    assert f"donnent à {FR.percent(held_out['accuracy'])} d’entre eux" in said
    worst = min(held_out["by_persona"], key=lambda name: held_out["by_persona"][name]["f1"])
    label = next(persona["label"]["fr"] for persona in facts.personas if persona["name"] == worst)
    assert f"{label}{WIDE}: les règles trouvent" in said
    unstable = with_metrics(facts, stability={"mean": 0.675, "bootstraps": 10})
    assert "rather different groups (agreement 0.675 of 1)" in " ".join(trust(unstable, EN))


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([], "none"),
        (["2020-02-27"], "27 February 2020"),
        ([f"2020-02-0{day}" for day in range(1, 8)], "1 February 2020, 2 February 2020, 3 February 2020, "
         "4 February 2020, 5 February 2020 and 2 more"),
    ],
)  # fmt: skip
def test_the_facts_of_the_run(facts: Facts, gaps: list[str], said: str) -> None:
    changed = with_metrics(facts, events={**facts.metrics["events"], "suspected_gaps": gaps})
    found = dict(particulars(changed, EN))
    assert found["Days with suspiciously few events"] == said
    assert "Weekdays with hardly any events" not in found
    assert (found["Clients"], found["Rows in the files"], found["Random seed"]) == ("400", "16,177", "0")
    assert len(particulars(with_metrics(facts, sample_clients=2000), EN)) == len(found) + 1
    sampled = dict(particulars(with_metrics(facts, sample_clients=2000), FR))
    assert sampled["Clients tirés au sort pour trouver les groupes et les règles"] == "2\N{NARROW NO-BREAK SPACE}000"


@pytest.mark.parametrize(
    ("events", "en", "fr"),
    [
        (0, "; on Saturdays and on Sundays there are no events in any week.", "il n’y a jamais d’événements."),
        (2, "; on Saturdays and on Sundays there are hardly any events in any week.", "il n’y a presque jamais d’"),
    ],
)
def test_weekdays_on_which_a_shop_is_closed_are_no_gaps(facts: Facts, events: int, en: str, fr: str) -> None:
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(60)]
    weekends = [day.isoformat() for day in days if day.weekday() >= 5]
    by_day = {day.isoformat(): events if day.weekday() >= 5 else 90 for day in days}
    told = {**facts.metrics["events"], "by_day": by_day, "suspected_gaps": [*weekends, "2020-02-27"]}
    shop = with_metrics(facts, events=told)
    (calendar,) = [picture for picture in PICTURES if picture.name == "calendar"]
    assert calendar.says(shop, EN).startswith("On 27 February 2020 there are suspiciously few events (90 events)")
    assert calendar.says(shop, EN).endswith(en)
    assert fr in calendar.says(shop, FR)
    assert "quietest" in calendar.says(with_metrics(facts, events={**told, "suspected_gaps": weekends}), EN)
    assert len(calendar.figure(shop, EN).data[1].x) == 1
    found = dict(particulars(shop, FR))
    assert found["Jours avec étonnamment peu d’événements"] == "27 février 2020"
    assert found["Jours de la semaine presque sans événements"] == "le samedi et le dimanche"


def said_once(page: str, language: str) -> set[str]:
    """Return the sentences that a report says in a language, without their spaces."""
    (article,) = re.findall(f'<div class="report" id="{language}".*?</main>', page, re.DOTALL)
    texts = [Page(f"<p>{text}</p>").text for text in re.findall(r">([^<]+)<", article)]
    sentences = (re.split(r"(?<=[.!?])\s+", text) for text in texts)
    return {re.sub(r"\s", "", sentence) for text in sentences for sentence in text if sentence.endswith(".")}


READING = (
    "Amounts are in the shop’s currency. The large figures are those of a persona’s client in the middle (median): "
    "half of its clients have more, half less. “Half of them” is the range of its middle half.",
    "The {count} pictures need JavaScript, which is off here; what each shows is said below its title.",
)


def fixed(language: str) -> set[str]:
    """Return the sentences that are the same of every run: what to do, and how to read the page."""
    advice = [persona.advice[language] for persona in PERSONAS]  # it belongs to the persona, whoever its clients are
    reading = [speaking(language).gettext(text, count=len(PICTURES)) for text in READING]
    texts = " ".join([*advice, *reading])
    return {re.sub(r"\s", "", sentence) for sentence in re.split(r"(?<=[.!?])\s+", texts)}


@pytest.mark.slow
def test_no_sentence_of_the_report_stays_the_same_whatever_the_figures(facts: Facts, html: str) -> None:
    clients = some_clients(100, seed=6)
    other = replace(made(clients.take([*range(150), *range(160, 700)]), seed=6), as_of=date(2020, 4, 29))
    # In what a persona is unlike its name is one sentence of eight, and may well be the same one.
    other = replace(
        other, personas=[{**p, "unlike": None, "true_to_type": i > 0} for i, p in enumerate(other.personas)]
    )
    parameters, stability = facts.metrics["parameters"], {"mean": 0.5, "bootstraps": 9}
    page = report(with_metrics(other, stability=stability, parameters=parameters))
    for language in LANGUAGES:
        found = said_once(html, language)
        assert len(found) > len(PICTURES) + len(PERSONAS)
        assert found & said_once(page, language) - fixed(language) == set()
        assert fixed(language) <= found, "no exception that is not needed"


def test_french_is_set_with_spaces_that_do_not_break(html: str) -> None:
    french = html[html.index('<div class="report" id="fr"') : html.index('<script type="application/json"')]
    assert not re.search(r" [:;!?»%]|« ", Page(french).text)


def test_hostile_names_are_only_text(facts: Facts) -> None:
    hostile = with_first(facts, label=dict.fromkeys(LANGUAGES, HOSTILE), traits=dict.fromkeys(LANGUAGES, HOSTILE))
    named = [{"name": HOSTILE, "share": 0.5}]
    page = Page(report(with_profile(hostile, brands=named, categories=named)))
    assert page.tags.count("script") == Page(report(facts)).tags.count("script")
    assert HOSTILE.capitalize() in page.text
    assert page.text.count(f"{HOSTILE} 50") == 2 * len(LANGUAGES)


def test_a_colour_that_is_none_is_refused(facts: Facts) -> None:
    with pytest.raises(BadInputError, match="The colour 'red; }' of lion is none"):
        cards(with_first(facts, colour="red; }").personas, EN)


def personas() -> list[dict[str, Any]]:
    profile = {
        "median_days_since_last_purchase": 123.0,
        "median_count_products_7m": 45_678.0,
        "median_total_purchase_value": 9_876_543.0,
    }
    figures = {"clients": 1_234_567, "share": 0.0913, "revenue_share": 0.0725, "profile": profile}
    return [{"emoji": persona.emoji, "label": persona.label, **figures} for persona in PERSONAS]


@pytest.mark.parametrize("width", [20, 60, 80])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_digit_is_lost_on_a_narrow_terminal(width: int, language: str) -> None:
    out = io.StringIO()
    print_table(personas(), speaking(language), Console(file=out, width=width))
    digits = re.sub(r"[^\d…]", "", out.getvalue())
    for figure in ("1234567", "91", "123", "45678", "9876543", "73"):
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
    print_table(usual, speaking(language), Console(file=out, width=80))
    assert "───" in out.getvalue()


def test_days_without_any_events_before_the_first_are_said_and_are_no_quiet_days(facts: Facts) -> None:
    assert "There are events only from" not in summary(facts, EN)
    later = {str(date(2020, 1, 5) + timedelta(days)): 100 + days for days in range(117)}
    events = {**facts.metrics["events"], "by_day": later, "suspected_gaps": []}
    young = replace(facts, metrics={**facts.metrics, "events": events})
    assert "There are events only from 5 January 2020 on, so that these 7 months are not full." in summary(young, EN)
    assert "qu’à partir du 5 janvier 2020" in summary(young, FR)
    (calendar,) = [picture for picture in PICTURES if picture.name == "calendar"]
    assert "has 0" not in calendar.says(young, EN)


def test_a_simulated_shop_is_called_so(facts: Facts) -> None:
    assert summary(with_metrics(facts, simulated=True), EN).startswith("These customers are simulated")
    assert "simulated" not in summary(facts, EN)


def test_one_is_singular_and_a_range_of_one_figure_is_none(facts: Facts) -> None:
    one = with_profile(facts, median_count_products_7m=1, quartiles_count_products_7m=[1, 1])
    for language, said in (("en", "item bought in 7 months"), ("fr", "article acheté en 7 mois")):
        tile = cards(one.personas, speaking(language))[0].tiles[1]
        assert (tile.figure, tile.text, tile.half) == ("1", said, "")


def test_words_that_describe_the_clients_less_are_told_so(facts: Facts) -> None:
    told = [persona["unlike"]["en"] if persona["unlike"] else "" for persona in facts.personas]
    assert [card.unlike for card in cards(facts.personas, EN)] == told
    assert "" in told
    other = with_first(facts, unlike={"en": "In this shop they buy less often.", "fr": "Ils achètent moins."})
    assert cards(other.personas, FR)[0].unlike == "Ils achètent moins."
    last_trait = other.personas[0]["traits"]["en"].split(", ")[-1]
    assert f"{last_trait} In this shop they buy less often." in Page(report(other).replace("<br>", " ")).text


# The data itself


def test_the_report_and_the_run_name_the_same_gaps(facts: Facts) -> None:
    """A shop closed on Sundays, with one day lost, and with old events before the windows."""
    as_of, lost = date(2020, 4, 30), date(2020, 3, 3)
    days = {as_of - timedelta(days=n): 100 for n in range(120)}
    days = {day: count for day, count in days.items() if day.weekday() != 6 and day != lost}
    days[date(2015, 1, 1)] = 100
    ingested = Ingested([], sum(days.values()), dict(sorted(days.items())))
    said: list[str] = []
    say_account(ingested, Saying(said), (date(2019, 10, 1), as_of))
    assert said == [f"Suspected logging gaps (less than a fifth of a usual day's events): {lost}"]
    its = replace(facts, as_of=as_of, metrics={**facts.metrics, "events": ingested.totals})
    assert suspected_gaps(its) == [lost]


class Saying(Silent):
    """Keeps what is said."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def say(self, line: str) -> None:
        self._said.append(line)


def test_what_was_there_and_what_never_was_is_told(facts: Facts) -> None:
    days = {"2020-04-28": 5, "2020-04-29": 0, "2020-04-30": 7, "2020-05-01": 3}
    columns = {**facts.metrics["columns"], "preferred_brand": {"count": 0, "nulls": 9, "distinct": 0}}
    columns["number_of_views_7m"] = {"count": 9, "nulls": 0, "mean": 0.0, "quantiles": {"0": 0.0, "1": 0.0}}
    metrics = {**facts.metrics, "columns": columns, "events": {**facts.metrics["events"], "by_day": days}}
    told = dict(about_the_data(replace(facts, as_of=date(2020, 4, 30), metrics=metrics), speaking("en")))
    assert told == {
        "Days with events": "2 months: 2 of 61; 5 months: 2 of 152; 7 months: 2 of 213",
        "Never recorded for any client": "product views and favourite brand",
        "Events after the last day counted": "3",
    }


def test_each_column_has_a_row_as_wide_as_the_headings(facts: Facts) -> None:
    rows = table(facts, speaking("en"))
    assert [row[0] for row in rows] == [name for name in NAMES if name != "user_id"]
    assert {len(row) for row in rows} == {len(HEADINGS)}
