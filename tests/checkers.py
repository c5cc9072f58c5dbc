"""The checkers of containers, stack and workflows, which `make infra` brings."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (ROOT / ".venv-infra" / "bin", ROOT / "node_modules" / ".bin")


def checker(name: str) -> str:
    """Return where a checker is; without it the test is skipped."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, PLACES), os.environ["PATH"]]))
    return found or pytest.skip(f"{name} is not here; `make infra` brings it")
