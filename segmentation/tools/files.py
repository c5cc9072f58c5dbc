"""Files in a folder, and JSON files that are either whole or not there."""

import json
from pathlib import Path
from typing import Any

from contract.errors import BadInputError


def check_folder(folder: Path, what: str) -> None:
    """Raise BadInputError where a folder cannot be made, since it or one above it is a file; `what` it is for."""
    for path in (folder, *folder.parents):
        try:
            if path.exists() and not path.is_dir():
                raise BadInputError(f"{what} cannot be {folder}: {path.name} is a file, and should be a folder.")
        except OSError:
            return  # told by whoever goes on


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is either whole or not there."""
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    draft.replace(path)


def files_below(folder: Path) -> list[str]:
    """List the files in a folder and below it, relative to it, in alphabetical order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
