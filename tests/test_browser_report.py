"""The report as a browser draws it: every chart has something in it, the one in three dimensions too."""

import base64
import time

import pytest
from browser import LOOKS, Look, visit
from playwright.sync_api import Browser, Locator, Page

from segmentation.report.pictures import PICTURES

OPENS_WITHIN_S = 2.0
TRIES = 3
PAINTED = """async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d", { willReadFrequently: true });
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, image.width, image.height);
  let [painted, coloured] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue] = data.slice(i, i + 3);
    if (Math.abs(red - data[0]) + Math.abs(green - data[1]) + Math.abs(blue - data[2]) > 40) painted += 1;
    if (Math.max(red, green, blue) - Math.min(red, green, blue) > 40) coloured += 1;
  }
  return [painted / (image.width * image.height), coloured / (image.width * image.height)];
}"""
LEAST_PAINTED = 0.01
LEAST_COLOURED = 0.01


def painted(chart: Locator) -> tuple[float, float]:
    """Return which share of a chart's pixels is not as its corner, and which is neither white, black nor grey."""
    picture = base64.b64encode(chart.screenshot()).decode()
    found, coloured = chart.page.evaluate(PAINTED, f"data:image/png;base64,{picture}")
    return found, coloured


def drawn(page: Page) -> dict[str, tuple[float, float]]:
    """Scroll to each chart that is shown, and return how much of it is painted, by its name."""
    found = {}
    for chart in page.locator(".chart:visible").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg, canvas").first.wait_for(state="attached")
        found[chart.get_attribute("data-name") or ""] = painted(chart)
    return found


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_every_chart_is_drawn(browser: Browser, site: str, look: Look) -> None:
    with visit(browser, site, look) as seen:
        seen.go("/report")
        shares = drawn(seen.page)
        assert {name.partition("-")[0] for name in shares} == {look.language}
        assert len(shares) == len(PICTURES)
        assert {name: share for name, (share, _) in shares.items() if share < LEAST_PAINTED} == {}
        solid = seen.page.locator(".chart:visible:has(canvas)").all()  # the clients in three dimensions
        assert [shares[chart.get_attribute("data-name") or ""][1] > LEAST_COLOURED for chart in solid] == [True]
        seen.keep(f"report-{look}")
        assert (seen.errors, seen.foreign) == ([], [])


def test_it_opens_at_once(browser: Browser, site: str) -> None:
    took_s = []
    with visit(browser, site, timed=True) as seen:
        for _ in range(TRIES):
            began_s = time.perf_counter()
            seen.page.goto(f"{seen.base}/report", wait_until="domcontentloaded")
            seen.page.locator("h1:visible").wait_for()
            took_s.append(time.perf_counter() - began_s)
    assert min(took_s) < OPENS_WITHIN_S
