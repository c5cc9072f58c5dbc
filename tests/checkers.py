"""The checkers of containers, stack and workflows, which `make infra` brings."""

import os
import shutil
from pathlib import Path

from shared_data import missing

ROOT = Path(__file__).parents[1]
PLACES = (ROOT / ".venv-infra" / "bin", ROOT / "node_modules" / ".bin")


def checker(name: str) -> str:
    """Return where a checker is; a laptop may lack it, CI may not."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, PLACES), os.environ["PATH"]]))
    return found or missing(f"{name} is not here; `make infra` brings it")
