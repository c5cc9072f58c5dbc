"""With API keys, a person signs in once, and then looks around and downloads like a program."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CLIENT, LOOKS, Look, chromium, visit
from known_keys import known_key
from playwright.sync_api import Browser, expect
from serving import running

pytestmark = pytest.mark.browser

MARKETER, MARKETER_LINE = known_key("marketer", ["lookup", "export"])
READER, READER_LINE = known_key("reader", ["lookup"])


@pytest.fixture(scope="module")
def locked(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a service with keys."""
    chromium()
    keys = {"MENAGERIE_API_KEYS": f"{MARKETER_LINE}\n{READER_LINE}"}
    with running(sample_store, tmp_path_factory.mktemp("locked") / "log", environment=keys) as service:
        yield f"http://127.0.0.1:{service.port}"


def test_who_signs_in_sees_and_downloads_and_then_signs_out(browser: Browser, locked: str, tmp_path: Path) -> None:
    with visit(browser, locked) as seen:
        seen.go(f"/client?user_id={CLIENT}")
        assert "/sign-in" in seen.page.url
        seen.page.locator("[name=key]").fill(MARKETER)
        seen.page.keyboard.press("Enter")
        expect(seen.page.locator("main")).to_contain_text("Bear")  # where one wanted to go
        for path in ("/", "/persona/fox", "/changes", "/report"):
            seen.go(path)
            assert "/sign-in" not in seen.page.url
        seen.go("/persona/fox")
        with seen.page.expect_download() as download:
            seen.page.locator("a[href*='format=csv']").first.click()
        download.value.save_as(tmp_path / "foxes.csv")
        assert (tmp_path / "foxes.csv").read_text().count(",fox,") > 400
        assert MARKETER not in seen.page.content()
        assert seen.page.evaluate("document.cookie") == ""  # no script can read the key
        seen.page.get_by_role("button", name="Sign out").click()
        seen.go("/persona/fox")
        assert "/sign-in" in seen.page.url
        assert (seen.errors, seen.foreign) == ([], [])


def test_a_key_without_export_is_offered_no_download(browser: Browser, locked: str) -> None:
    with visit(browser, locked) as seen:
        seen.go("/sign-in?next=/persona/fox")
        seen.page.locator("[name=key]").fill(READER)
        seen.page.keyboard.press("Enter")
        expect(seen.page.locator("main h1")).to_contain_text("Fox")
        assert seen.page.locator("a[href*='format=csv']").count() == 0


def test_a_wrong_key_is_told_and_can_be_typed_again(browser: Browser, locked: str) -> None:
    with visit(browser, locked) as seen:
        seen.go("/sign-in")
        for typed in ("wrong", MARKETER):
            seen.page.locator("[name=key]").fill(typed)
            with seen.page.expect_navigation():
                seen.page.keyboard.press("Enter")
            assert (seen.page.locator("[role=alert]").count() == 1) == (typed == "wrong")
        assert seen.page.url == f"{locked}/"


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_the_form_is_without_fault(browser: Browser, locked: str, look: Look) -> None:
    with visit(browser, locked, look) as seen:
        seen.go("/sign-in")
        seen.keep(f"sign-in-{look}")
        assert (seen.errors, seen.foreign, seen.inaccessible(), seen.overflow_px()) == ([], [], [], 0)
