"""How soon the report of two million clients is made, how large it is, and how soon Chromium shows it.

Run it with `python -m benchmarks.report`; it needs the development tools, Chromium, and 3 GB of memory.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import Browser, sync_playwright

from benchmarks.bars import at_most
from benchmarks.run import AS_OF, ROOT, segmentation
from segmentation.commands.report import facts_in
from segmentation.report import facts_of, report
from segmentation.snapshot.catalog import verified
from segmentation.store.opening import open_store

CLIENTS = 2_000_000
OPENINGS = 5
OPTIONS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]


def two_million(folder: Path) -> Path:
    """Write the sample's segments over and over; return the file, beside which the sample's store stands."""
    segmentation("run", "--events", str(ROOT / "data"), "--as-of", AS_OF, "--store", str(folder / "store"))
    _, snapshot = verified(open_store(str(folder / "store")))
    sample = pq.read_table(snapshot / "clients.parquet")
    rows = np.sort(np.random.default_rng(1).integers(len(sample), size=CLIENTS))
    pq.write_table(sample.take(pa.array(rows)), folder / "segments.parquet")
    return folder / "segments.parquet"


def made(segments: Path, out: Path) -> bool:
    """Make the report as `segmentation run` does, from segments that are read already."""
    facts = facts_in(*verified(open_store(str(segments.parent / "store"))))
    table = pq.read_table(segments)
    began = time.perf_counter()
    page = report(facts_of(date.fromisoformat(AS_OF), facts.personas, facts.metrics, facts.tree, table, seed=0))
    seconds = time.perf_counter() - began
    out.write_text(page, encoding="utf-8")
    verdicts = (
        at_most(f"Report of {CLIENTS:,} clients made", seconds, 20, " s"),
        at_most("  its file", out.stat().st_size / 1e6, 6, " MB"),
    )
    return all(verdicts)


NOTE = """addEventListener("scroll", () => { window.scrolledMs ??= performance.now() });
new MutationObserver((_, observer) => {
  if (!document.querySelector(".chart .main-svg")) return;
  window.drawnMs = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });"""

PAINTED_AND_SCROLLED = """new Promise((done) => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (paint && window.scrolledMs) done([paint.startTime, scrolledMs]);
    else requestAnimationFrame(look);
  };
  look();
})"""


def opened(page: Path) -> bool:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS, chromium_sandbox=os.getuid() != 0)
        answered, drawn = (
            statistics.median(seconds(browser, page.as_uri()) for _ in range(OPENINGS))
            for seconds in (seconds_to_answer, seconds_to_picture)
        )
        browser.close()
    verdicts = (
        at_most(f"  readable and scrolled in Chromium, median of {OPENINGS}", answered, 2, " s"),
        at_most("  opened at its pictures, the first one drawn", drawn, 2, " s"),
    )
    return all(verdicts)


def seconds_to_answer(browser: Browser, address: str) -> float:
    """Return the seconds until the page has been painted and has moved by a turn of the wheel."""
    window = browser.new_page(viewport={"width": 1280, "height": 900})
    window.add_init_script(NOTE)
    window.goto(f"{address}#en", wait_until="commit")
    window.locator("#en h1").wait_for()
    window.mouse.move(640, 450)
    window.mouse.wheel(0, 200)
    painted, scrolled = window.evaluate(PAINTED_AND_SCROLLED)
    window.close()
    return float(max(painted, scrolled)) / 1000


def seconds_to_picture(browser: Browser, address: str) -> float:
    """Return the seconds until the first picture is drawn, of a page that is opened there."""
    window = browser.new_page(viewport={"width": 1280, "height": 900})
    window.add_init_script(NOTE)
    window.goto(f"{address}#en-pictures", wait_until="commit")
    window.locator("#en .chart .main-svg").first.wait_for(state="attached")
    drawn = window.evaluate("drawnMs")
    window.close()
    return float(drawn) / 1000


def main() -> int:
    """Measure it; return 1 when any figure fell short."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        verdicts = [made(two_million(Path(folder)), page), opened(page)]
    return int(not all(verdicts))


if __name__ == "__main__":
    sys.exit(main())
