"""The languages: how each writes numbers, shares and dates, says a client's figures, and that none lacks a text."""

import re
from datetime import date
from decimal import Decimal
from importlib.resources import files
from io import BytesIO
from math import inf
from pathlib import Path
from subprocess import run
from sys import executable

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from contract.columns import COLUMN, COLUMNS, Column
from languages import DEFAULT, LANGUAGES, language
from languages.phrases import Phrases, phrases_in, phrases_of
from segmentation.model.personas import PERSONAS

EN, FR, ES = (language(code) for code in ("en", "fr", "es"))
THIN, WIDE = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
CHECKOUT = Path(__file__).parents[1]
TRANSLATED = [code for code in LANGUAGES if code != DEFAULT]
DAYS, ITEMS = COLUMN["days_since_last_purchase"], COLUMN["count_products_7m"]
VALUE, VIEWS = COLUMN["total_purchase_value"], COLUMN["number_of_views_2m"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return every text that the code and the templates say, as `make messages` finds them."""
    out = tmp_path_factory.mktemp("messages") / "messages.pot"
    command = [executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", "pyproject.toml", "-k", "NN_:1,2"]
    run([*command, "-o", str(out), "contract", "languages", "segmentation", "service"], cwd=CHECKOUT, check=True)
    return read_po(BytesIO(out.read_bytes()))


def catalogue(code: str) -> Catalog:
    return read_po(BytesIO((files("languages") / code / "messages.po").read_bytes()))


def keys(one: Catalog) -> set[tuple[object, object]]:
    return {(message.id, message.context) for message in one if message.id}


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_language_has_every_text_and_no_other(texts: Catalog, code: str) -> None:
    assert keys(texts) - keys(catalogue(code)) == set(), "run `make messages` and translate what is new"
    assert keys(catalogue(code)) - keys(texts) == set(), "run `make messages`: nobody says this any more"
    assert len(keys(texts)) > 300


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_whole(code: str) -> None:
    own = catalogue(code)
    assert not own.obsolete
    for message in own:
        said = forms(message)
        assert all(said), message.id
        assert not message.fuzzy or not message.id, message.id
        assert len(said) == (own.num_plurals if message.pluralizable else 1), message.id
        if message.id:
            check_placeholders(message, said)


def forms(message: Message) -> list[str]:
    """Return what a catalogue says of a text, each form of it."""
    said = message.string if isinstance(message.string, tuple | list) else [message.string]
    return [text or "" for text in said]


def check_placeholders(message: Message, said: list[str]) -> None:
    """Demand of each form what its English has; the form for one may leave the number out."""
    ids = message.id if isinstance(message.id, tuple | list) else [message.id]
    for text in said:
        names = sorted(re.findall(r"{\w*}", text))
        assert names in [sorted(re.findall(r"{\w*}", english)) for english in ids], (message.id, text)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_has_the_words_of_every_persona(code: str) -> None:
    for persona in PERSONAS:
        assert all(words.get(code) for words in (persona.label, persona.alike, persona.advice)), persona.name
    assert len({persona.label[code] for persona in PERSONAS}) == len(PERSONAS)


def test_french_is_set_with_spaces_that_do_not_break() -> None:
    for message in catalogue("fr"):
        for text in forms(message):
            assert not message.id or not re.search(r"« | [:;!?»%]", text), text


def test_languages_name_themselves() -> None:
    assert {code: language(code).name for code in LANGUAGES} == {"en": "English", "es": "Español", "fr": "Français"}
    with pytest.raises(ValueError, match="'xx' is none of the languages en, es, fr"):
        language("xx")


@pytest.mark.parametrize(
    ("value", "decimals", "english", "french", "spanish"),
    [
        (1234567.891, 2, "1,234,567.89", f"1{THIN}234{THIN}567,89", "1.234.567,89"),
        (12, 0, "12", "12", "12"),
        (140.5, 0, "141", "141", "141"),
        (0.5, 0, "1", "1", "1"),
        (0.125, 2, "0.13", "0,13", "0,13"),
        (1.005, 2, "1.01", "1,01", "1,01"),
        (Decimal("0.375"), 2, "0.38", "0,38", "0,38"),
        (-0.001, 2, "0.00", "0,00", "0,00"),
        (-1234.5, 1, "-1,234.5", f"-1{THIN}234,5", "-1.234,5"),
    ],
)
def test_numbers(value: float, decimals: int, english: str, french: str, spanish: str) -> None:
    assert [say.number(value, decimals) for say in (EN, FR, ES)] == [english, french, spanish]


@pytest.mark.parametrize(
    ("share", "english", "french"),
    [
        (0, "0%", f"0{WIDE}%"),
        (0.0001, "<0.1%", f"<0,1{WIDE}%"),
        (0.0025, "0.3%", f"0,3{WIDE}%"),
        (0.0994, "9.9%", f"9,9{WIDE}%"),
        (0.0995, "10%", f"10{WIDE}%"),
        (0.125, "13%", f"13{WIDE}%"),
        (0.9901, "99.0%", f"99,0{WIDE}%"),
        (0.9987, "99.9%", f"99,9{WIDE}%"),
        (0.99999, ">99.9%", f">99,9{WIDE}%"),
        (1, "100%", f"100{WIDE}%"),
    ],
)
def test_shares(share: float, english: str, french: str) -> None:
    assert (EN.percent(share), FR.percent(share)) == (english, french)
    assert ES.percent(share) == french


def test_shares_of_so_many_decimals() -> None:
    assert (EN.percent(0.145, 0), EN.percent(0.00125, 1), FR.percent(0.5, 1)) == ("15%", "0.1%", f"50,0{WIDE}%")


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2020, 4, 30), ["30 April 2020", "30 avril 2020", "30 de abril de 2020"]),
        (date(2020, 8, 1), ["1 August 2020", "1er août 2020", "1 de agosto de 2020"]),
    ],
)
def test_days(day: date, said: list[str]) -> None:
    assert [say.day(day) for say in (EN, FR, ES)] == said


def test_months_and_weekdays_in_short() -> None:
    assert [say.month(1) for say in (EN, FR, ES)] == ["Jan", "janv.", "ene"]
    assert [say.weekday(0) for say in (EN, FR, ES)] == ["Mon", "lun.", "lun"]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, ["0 days", "0 jour", "0 días"]),
        (1, ["1 day", "1 jour", "1 día"]),
        (1.5, ["1.5 days", "1,5 jour", "1,5 días"]),
        (2000, ["2,000 days", f"2{THIN}000 jours", "2.000 días"]),
    ],
)
def test_plurals(count: float, said: list[str]) -> None:
    assert [say.ngettext("{count} day", "{count} days", count) for say in (EN, FR, ES)] == said


def test_lists() -> None:
    several = [EN.listed(texts) for texts in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
    assert several == ["", "a", "a and b", "a, b and c"]
    assert FR.listed(["a", "b", "c"]) == "a, b et c"


@pytest.mark.parametrize(
    ("column", "low", "high", "english", "french"),
    [
        (DAYS, -inf, 21, "last purchase at most 21 days ago", "dernier achat il y a au plus 21 jours"),
        (DAYS, 21, inf, "last purchase at least 22 days ago", "dernier achat il y a au moins 22 jours"),
        (DAYS, 21, 90, "last purchase 22 to 90 days ago", "dernier achat il y a 22 à 90 jours"),
        (DAYS, 0, 1, "last purchase 1 day ago", "dernier achat il y a 1 jour"),
        (DAYS, 20.5, 90.5, "last purchase 21 to 90 days ago", "dernier achat il y a 21 à 90 jours"),
        (ITEMS, 0, inf, "at least 1 item bought in 7 months", "au moins 1 article acheté en 7 mois"),
        (ITEMS, 1, 2, "2 items bought in 7 months", "2 articles achetés en 7 mois"),
        (VIEWS, -inf, 0, "no product view in 2 months", "aucune fiche vue en 2 mois"),
        (VALUE, 1234.5, inf, "more than 1,234.50 spent in 7 months", f"plus de 1{THIN}234,50 dépensés en 7 mois"),
        (VALUE, 1, 2, "1.00 to 2.00 spent in 7 months", "1,00 à 2,00 dépensés en 7 mois"),
    ],
)
def test_ranges(column: Column, low: float, high: float, english: str, french: str) -> None:
    phrases = said(column)
    assert (phrases.range(low, high, EN), phrases.range(low, high, FR)) == (english, french)


def test_reasons_are_true_of_the_value_beside_the_bounds() -> None:
    assert said(VALUE).reason(405.534, 405.533, inf, EN) == "405.53 spent in 7 months, more than 405.53"
    assert said(VALUE).reason(405.53, 1, 405.531, EN) == ("405.53 spent in 7 months, more than 1.00 and at most 405.54")
    assert said(ITEMS).reason(1, 0.5, 3.5, FR) == "1 article acheté en 7 mois, au moins 1 et au plus 3"
    assert said(VIEWS).reason(0, -inf, 0.5, EN) == "no product view in 2 months"
    assert said(DAYS).reason(1, -inf, 21.5, ES) == "última compra hace 1 día, como mucho 21"


def said(column: Column) -> Phrases:
    phrases = phrases_of(column)
    assert phrases
    return phrases


def test_only_columns_that_a_rule_may_ask_about_have_phrases() -> None:
    spoken_of = {column.name for column in COLUMNS if phrases_of(column)}
    assert {column.name for column in COLUMNS if column.is_asked} <= spoken_of
    assert phrases_of(COLUMN["user_id"]) is None


def test_a_feature_that_is_gone_is_said_as_its_snapshot_has_it() -> None:
    gone = phrases_in({"name": "gone", "kind": "count", "words": {"en": "{value} hats", "fr": "{value} chapeaux"}})
    assert [gone.reason(2, 1, inf, say) for say in (EN, FR, ES)] == [
        "2 hats, at least 2",
        "2 chapeaux, au moins 2",
        "2 hats, al menos 2",
    ]


@given(st.decimals(-(10**9), 10**9, places=2))
def test_a_number_can_be_read_back(value: Decimal) -> None:
    assert Decimal(EN.number(value, 2).replace(",", "")) == value
    assert Decimal(FR.number(value, 2).replace(THIN, "").replace(",", ".")) == value
    assert Decimal(ES.number(value, 2).replace(".", "").replace(",", ".")) == value
