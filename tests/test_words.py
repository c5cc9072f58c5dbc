"""Bounds as people say them."""

import pytest

from segmentation.features.columns import COLUMN, Column
from segmentation.words import bounds, number, percent
from service.pages.language import Wording

DAYS, ITEMS = COLUMN["days_since_last_purchase"], COLUMN["count_products_7m"]
VALUE, VIEWS = COLUMN["total_purchase_value"], COLUMN["number_of_views_2m"]


@pytest.mark.parametrize(
    ("column", "above", "at_most", "english", "french"),
    [
        (DAYS, None, 21, "last purchase at most 21 days ago", "dernier achat il y a au plus 21 jours"),
        (DAYS, 21, None, "last purchase at least 22 days ago", "dernier achat il y a au moins 22 jours"),
        (DAYS, 21, 90, "last purchase 22 to 90 days ago", "dernier achat il y a 22 à 90 jours"),
        (DAYS, 0, 1, "last purchase 1 day ago", "dernier achat il y a 1 jour"),
        (ITEMS, 0, None, "at least 1 item bought in 7 months", "au moins 1 article acheté en 7 mois"),
        (ITEMS, 1, 2, "2 items bought in 7 months", "2 articles achetés en 7 mois"),
        (VIEWS, None, 0, "no product view in 2 months", "aucune fiche vue en 2 mois"),
        (VALUE, 1234.5, None, "more than 1,234.50 spent in 7 months", "plus de 1\u202f234,50 dépensés en 7 mois"),
        (VALUE, 1, 2, "1.00 to 2.00 spent in 7 months", "1,00 à 2,00 dépensés en 7 mois"),
    ],
)
def test_bounds(column: Column, above: float | None, at_most: float | None, english: str, french: str) -> None:
    assert bounds(column, above, at_most, "en") == english
    assert bounds(column, above, at_most, "fr") == french


def test_numbers() -> None:
    assert number(1234567.891, "en", 2) == "1,234,567.89"
    assert number(1234567.891, "fr", 2) == "1\u202f234\u202f567,89"
    assert number(12, "fr") == "12"


def test_halves_are_rounded_up_everywhere() -> None:
    wording = Wording("en")
    for value, said in ((140.5, "141"), (255.5, "256"), (0.5, "1")):
        assert (number(value, "en"), wording.whole(value)) == (said, said)
    for value, cents in ((0.125, "0.13"), (0.375, "0.38"), (1.005, "1.01")):
        assert (number(value, "en", 2), wording.money(value)) == (cents, cents)
    assert (percent(0.145, "en", 0), wording.percent(0.145)) == ("15 %", "15%")
    assert (percent(0.00125, "en"), wording.percent(0.0025)) == ("0.1 %", "0.3%")
    assert number(-0.001, "en", 2) == "0.00"


def test_a_column_without_words_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="user_id has no words"):
        bounds(COLUMN["user_id"], 1, 2, "en")
