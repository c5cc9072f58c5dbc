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
from segmentation.catalog import verified
from segmentation.report import facts_of, report
from segmentation.report_command import facts_in
from segmentation.store import open_store

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


def opened(page: Path) -> bool:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS, chromium_sandbox=os.getuid() != 0)
        figures = [first_picture_s(browser, page) for _ in range(OPENINGS)]
        browser.close()
    shown, drawn = (statistics.median(figure) for figure in zip(*figures, strict=True))
    print(f"  its text shown after {shown:.3f} s")
    return at_most(f"  loaded in Chromium, its first picture drawn, median of {OPENINGS}", drawn, 2, " s")


def first_picture_s(browser: Browser, page: Path) -> tuple[float, float]:
    """Return the seconds until something is painted, and until the first picture is drawn, wherever it stands."""
    opened_page = browser.new_page(viewport={"width": 1280, "height": 900})
    opened_page.goto(f"{page.as_uri()}#en-pictures", wait_until="load")
    opened_page.locator("#en .chart .main-svg").first.wait_for(state="attached")
    drawn_ms = opened_page.evaluate("performance.now()")
    painted_ms = opened_page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    opened_page.close()
    return painted_ms / 1000, drawn_ms / 1000


def main() -> int:
    """Measure it; return 1 when any figure fell short."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        verdicts = [made(two_million(Path(folder)), page), opened(page)]
    return int(not all(verdicts))


if __name__ == "__main__":
    sys.exit(main())
