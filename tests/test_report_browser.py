"""The report in a real browser, under the policy that the service gives it: drawn, in either language, and printed."""

from pathlib import Path
from typing import Any, Literal

import pytest
from browser import Look, Visit, visit
from playwright.sync_api import Browser, expect

from segmentation.report.pictures import PICTURES
from segmentation.report.pictures.template import TEMPLATES
from segmentation.words import LANGUAGES

NAMES = [picture.name for picture in PICTURES]
VIOLATIONS = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));"""
DRAWN = """() => [...document.querySelectorAll(".chart")]
  .filter((chart) => chart.querySelector(".main-svg path, .main-svg text, canvas"))
  .map((chart) => chart.dataset.name)"""


def open_report(visited: Visit, fragment: str = "") -> None:
    visited.page.add_init_script(VIOLATIONS)
    visited.go(f"/report{fragment}")


def come_to(visited: Visit, name: str) -> None:
    """Scroll to a picture and wait until it is drawn."""
    visited.page.evaluate(f"document.getElementById('{name}').scrollIntoView()")
    expect(visited.page.locator(f"#{name} :is(.main-svg path, .main-svg text, canvas)").first).to_be_attached()


def look_through(visited: Visit, language: str) -> None:
    """Go from picture to picture, as a reader does, until each is drawn."""
    for name in NAMES:
        come_to(visited, f"{language}-{name}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_picture_is_drawn_under_the_policy_and_none_in_the_other_language(
    browser: Browser, site: str, language: str
) -> None:
    with visit(browser, site) as visited:
        open_report(visited, f"#{language}")
        look_through(visited, language)
        assert sorted(visited.page.evaluate(DRAWN)) == sorted(f"{language}-{name}" for name in NAMES)
        assert visited.page.evaluate("violations") == []
        assert not [error for error in visited.errors if "Canvas2D" not in error]  # Chromium's advice to Plotly
        assert visited.foreign == []


def test_nothing_is_drawn_before_it_comes_near(browser: Browser, site: str) -> None:
    with visit(browser, site) as visited:
        open_report(visited)
        assert f"en-{NAMES[-1]}" not in visited.page.evaluate(DRAWN)


def test_the_language_is_the_readers_and_can_be_changed(browser: Browser, site: str) -> None:
    with visit(browser, site, Look(language="fr")) as visited:
        open_report(visited)
        assert visited.page.locator("h1:visible").inner_text() == "Personas clients au 30 avril 2020"
        visited.page.get_by_role("link", name="English").click()
        assert visited.page.locator("h1:visible").inner_text() == "Customer personas as of 30 April 2020"
        expect(visited.page.locator("html")).to_have_attribute("lang", "en")
        visited.page.locator(".contents:visible a").first.click()
        assert visited.page.locator("h1:visible").count() == 1


def test_without_script_all_is_said_and_the_language_can_be_changed(browser: Browser, site: str) -> None:
    with visit(browser, site, java_script_enabled=False) as visited:
        visited.go("/report")
        assert visited.page.locator("noscript:visible").count() == 1
        assert visited.page.locator("#en .card:visible").count() == 7
        visited.page.get_by_role("link", name="Français").click()
        assert visited.page.locator("h1:visible").inner_text() == "Personas clients au 30 avril 2020"
        assert visited.page.locator("#fr .picture:visible p").count() == len(NAMES)


def test_a_browser_without_webgl_is_told_so_in_the_pictures_place(browser: Browser, site: str) -> None:
    with visit(browser, site) as visited:
        visited.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
        visited.go("/report")
        visited.page.evaluate("document.getElementById('en-clients').scrollIntoView()")
        expect(visited.page.locator("#en-clients .chart")).to_contain_text("it has no WebGL")


def test_the_pictures_follow_the_colour_scheme(browser: Browser, site: str) -> None:
    with visit(browser, site) as visited:
        open_report(visited)
        come_to(visited, "en-shares")
        label = visited.page.locator("#en-shares .ytick text").first
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            visited.page.emulate_media(color_scheme=scheme)
            ink = TEMPLATES[scheme]["layout"]["font"]["color"]
            expect(label).to_have_css("fill", f"rgb({', '.join(str(part) for part in bytes.fromhex(ink[1:]))})")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_is_drawn_and_unfolded_on_paper(browser: Browser, site: str, scheme: Any, tmp_path: Path) -> None:
    with visit(browser, site, Look(scheme=scheme)) as visited:
        open_report(visited)
        visited.page.evaluate(
            f"""addEventListener("beforeprint", () => {{
                window.printed = [({DRAWN})().length, document.querySelectorAll("#en details:not([open])").length]
            }})"""
        )
        visited.page.pdf(path=tmp_path / "report.pdf")
        assert visited.page.evaluate("printed") == [len(NAMES), 0]
        assert visited.page.evaluate("document.querySelectorAll('#en details[open]').length") == 0
