"""Real event files beside the checkout: too large or not ours to bundle, and absent on many machines."""

import os
from functools import cache
from pathlib import Path

import oracle
import pytest

CHECKOUT = Path(__file__).parent.parent
SHARED = CHECKOUT.parent / "shared" / "data"
BUNDLED = CHECKOUT / "data"

MULTICATEGORY = "rees46_multicategory_2019-10-01.csv.gz"
COSMETICS = "rees46_cosmetics_2020-01_random.csv.gz"
RETAIL = "uci_online_retail_2009-12_2010-12.csv.gz"
TOLD_TO_DO_WITHOUT = "REAL_EVENTS=absent"
"""The one reason for a skip that CI accepts: real files may not be bundled, and not every machine can fetch them."""


def shared(name: str) -> Path:
    """Return the path of a real file; without it the test is skipped."""
    if os.environ.get("REAL_EVENTS") == "absent":
        pytest.skip(f"{TOLD_TO_DO_WITHOUT}: told to do without real files")
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/data")
    return path


def bundled() -> list[Path]:
    """Return the sample's files, in the order of their names."""
    files = sorted(BUNDLED.glob("*.csv.gz"))
    assert files, "the sample is missing from data/"
    return files


@cache
def by_the_oracle(*files: Path) -> tuple[set[oracle.Event], dict[str, oracle.Account]]:
    """Return the oracle's events and accounts of these files; read once, because it is slow."""
    return oracle.ingest(files)
