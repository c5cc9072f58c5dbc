"""Every page, as somebody sees it: on a desk and a phone, in light and dark, in English and French."""

import pytest
from browser import LOOKS, PAGES, Look, visit
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

FIRST_PAGE_KB = 300
REPORT_KB = 6_000


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_without_fault(browser: Browser, site: str, name: str, look: Look) -> None:
    with visit(browser, site, look) as seen:
        seen.go(PAGES[name])
        assert seen.page.locator("html").get_attribute("lang") == look.language
        if name != "report":  # kept once its charts are drawn
            seen.keep(f"{name}-{look}")
        assert seen.errors == []
        assert seen.foreign == []
        assert seen.inaccessible() == []
        assert seen.overflow_px() == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(browser: Browser, site: str, name: str) -> None:
    with visit(browser, site) as seen:
        seen.go(PAGES[name])
        assert sum(seen.received.values()) < (REPORT_KB if name == "report" else FIRST_PAGE_KB) * 1000, seen.received
