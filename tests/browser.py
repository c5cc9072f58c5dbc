"""The real service before a real browser: the sample's snapshot and one of two months before, Chromium, and axe."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect, sync_playwright
from shared_data import CHECKOUT, bundled

from segmentation.pipeline import Run, run
from segmentation.store.opening import open_store
from segmentation.tools.progress import SILENT

AS_OF = date(2020, 4, 30)
MONTH_BEFORE = date(2020, 3, 31)
BEFORE = date(2020, 2, 29)
CLIENT = 512000896
PAGES = {
    "home": "/",
    "client": f"/client?user_id={CLIENT}",
    "persona": "/persona/fox",
    "changes": "/changes",
    "report": "/report",
}
SCREENSHOTS = CHECKOUT / "build" / "screenshots"
INSTALL = "there is no Chromium; install it with: apt-get install chromium"
# WebGL without a graphics card, which the clients in three dimensions are drawn by.
OPTIONS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
_TALLEST_PX = 6000
"""Above 8192 the software renderer repeats itself."""
GRAVE = {"serious", "critical"}
_SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page."""

    device: Literal["desktop", "phone"] = "desktop"
    scheme: Literal["light", "dark"] = "light"
    language: Literal["en", "fr"] = "en"

    def __str__(self) -> str:
        return f"{self.device}-{self.scheme}-{self.language}"


# As long as a busy machine takes; what must be fast is timed by a test of its own.
expect.set_options(timeout=30_000)

LOOKS = (
    Look("desktop", "light", "en"),
    Look("desktop", "dark", "fr"),
    Look("phone", "light", "fr"),
    Look("phone", "dark", "en"),
)
"""Each two of device, scheme and language meet in one of them."""


@dataclass
class Visit:
    """A page, and what its browser complained about."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)

    def go(self, path: str) -> None:
        """Open a page of ours and wait until it is quiet."""
        self.page.goto(self.base + path, wait_until="load")

    def inaccessible(self) -> list[str]:
        """Return what axe finds grave, and where."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{violation['id']}: {', '.join(str(node['target'][0]) for node in violation['nodes'][:5])}"
            for violation in found
            if violation["impact"] in GRAVE
        ]

    def overflow_px(self) -> int:
        """Return by how much the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def keep(self, name: str) -> None:
        """Keep pictures of the whole page, from top to bottom."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        width, height = self.page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        for number, top in enumerate(range(0, height, _TALLEST_PX), start=1):
            part = {"x": 0, "y": top, "width": width, "height": min(_TALLEST_PX, height - top)}
            path = SCREENSHOTS / f"{name}{f'-{number}' if height > _TALLEST_PX else ''}.png"
            self.page.screenshot(path=path, full_page=True, clip=part)  # type: ignore[arg-type]


def publish_sample(store: Path) -> None:
    """Publish the sample as it was a month before, then as it is, by the same rules."""
    for as_of in (MONTH_BEFORE, AS_OF):
        run(Run(bundled(), as_of, open_store(str(store)), simulated=True), SILENT, _night(as_of))


def publish_twice(events: list[Path], store: Path) -> None:
    """Publish a shop as it was two months before, then as it is, by rules of its own."""
    for as_of in (BEFORE, AS_OF):
        run(Run(events, as_of, open_store(str(store)), refit=True, accept_relabelling=True), SILENT, _night(as_of))


def _night(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, tzinfo=UTC)


def chromium() -> str:
    """Return the browser's program; without one the test is skipped."""
    return shutil.which("chromium") or shutil.which("google-chrome") or pytest.skip(INSTALL)


@contextmanager
def launched() -> Iterator[Browser]:
    """Start the browser that is installed."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS, chromium_sandbox=os.getuid() != 0)
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, base: str, look: Look = Look(), timed: bool = False, **options: Any) -> Iterator[Visit]:
    """Open a window; requests to another host are refused and noted, unless it is `timed`: that takes its time."""
    width, height = _SIZES[look.device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=look.scheme,
        locale={"en": "en-GB", "fr": "fr-FR"}[look.language],
        reduced_motion="reduce",
        **options,
    )
    made = Visit(context.new_page(), base)
    if not timed:
        _listen(context, made)
    yield made
    context.close()


def _listen(context: BrowserContext, into: Visit) -> None:
    def judge(route: Route, request: Request) -> None:
        if request.url.startswith(f"{into.base}/"):
            route.continue_()
        else:
            into.foreign.append(request.url)
            route.abort()

    def told(text: str) -> None:
        into.errors.append(re.sub(r"http://127\.0\.0\.1:\d+", "", text))

    def weigh(request: Request) -> None:
        sizes = request.sizes()
        into.received[urlsplit(request.url).path] = sizes["responseBodySize"] + sizes["responseHeadersSize"]

    context.route("**/*", judge)
    into.page.on("console", lambda message: told(message.text) if message.type == "error" else None)
    into.page.on("pageerror", lambda error: told(str(error)))
    into.page.on("requestfinished", weigh)
