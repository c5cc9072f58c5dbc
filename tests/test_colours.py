"""The personas' colours, as eyes of every kind see them.

Colour blindness is simulated in full by the matrices of Machado, Oliveira and Fernandes ("A Physiologically-based
Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, https://doi.org/10.1109/TVCG.2009.113).
"""

from itertools import combinations

import pytest
from coloraide import Color

from segmentation.model.personas import PERSONAS, Persona
from segmentation.report.pictures.template import ACCENT, MUTED, TEMPLATES

BAR = 12.0
"""CIEDE2000; differences from about 10 on are seen at a glance, around 1 is the least that is seen at all:
https://doi.org/10.1002/col.20070"""
NON_TEXT, TEXT = 3.0, 4.5
"""Contrast ratios: https://www.w3.org/TR/WCAG22/#non-text-contrast and #contrast-minimum"""
PAGES = {"light": "#ffffff", "dark": "#16181d"}


def seen(colour: str, deficiency: str | None) -> Color:
    return Color(colour).filter(deficiency, method="machado").clip() if deficiency else Color(colour)


@pytest.mark.parametrize("deficiency", [None, "protan", "deutan", "tritan"])
@pytest.mark.parametrize(("one", "other"), list(combinations(PERSONAS, 2)), ids=lambda persona: persona.name)
def test_any_two_personas_are_told_apart(one: Persona, other: Persona, deficiency: str | None) -> None:
    difference = seen(one.colour, deficiency).delta_e(seen(other.colour, deficiency), method="2000")
    assert difference >= BAR


@pytest.mark.parametrize("page", PAGES)
def test_colours_are_seen_on_a_page_of_either_kind(page: str) -> None:
    for colour in (*(persona.colour for persona in PERSONAS), ACCENT, MUTED):
        assert Color(colour).contrast(PAGES[page]) >= NON_TEXT, colour


@pytest.mark.parametrize("scheme", TEMPLATES)
def test_words_are_read_on_a_page_of_either_kind(scheme: str) -> None:
    layout = TEMPLATES[scheme]["layout"]
    assert Color(layout["font"]["color"]).contrast(PAGES[scheme]) >= TEXT


def test_the_simulation_is_the_published_one() -> None:
    # https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html, severity 1.0: red.
    published = {"protan": (0.152286, 0.114503, -0.003882), "deutan": (0.367322, 0.280085, -0.011820)}
    for deficiency, red in published.items():
        simulated = Color("red").filter(deficiency, method="machado").convert("srgb-linear").coords()
        assert simulated == pytest.approx(red, abs=1e-4)
