"""Take the pictures for the documents, of the real service over the bundled sample: `make screenshots`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from browser import CLIENT, launched, publish_sample, visit
from serving import running
from shared_data import CHECKOUT

IMAGES = CHECKOUT / "docs" / "images"
SHOWN = {
    "dashboard": (f"/client?user_id={CLIENT}", "main"),
    "report": ("/report", ".picture:visible:has(canvas)"),
}
"""Which page, and what of it comes to the top of the window."""


def main() -> int:
    """Write docs/images/*.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        publish_sample(store)
        # The sample ends in 2020; a shop's own figures would not be called old.
        with running(store, Path(folder) / "log", "--max-age-days", "36500") as service, launched() as browser:
            for name, (path, first) in SHOWN.items():
                with visit(browser, f"http://127.0.0.1:{service.port}", device_scale_factor=1.5) as seen:
                    seen.go(path)
                    for chart in seen.page.locator(".chart:visible").all()[:3]:
                        chart.scroll_into_view_if_needed()
                        chart.locator(".main-svg, canvas").first.wait_for(state="attached")
                    seen.page.locator(first).first.evaluate(
                        "part => scrollTo(0, part.getBoundingClientRect().top + scrollY - 24)"
                    )
                    seen.page.screenshot(path=IMAGES / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
