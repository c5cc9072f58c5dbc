"""The manifest: what a snapshot says about itself."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from contract import snapshot as contract_snapshot
from contract.errors import BadInputError
from contract.snapshot import FORMAT, MANIFEST_NAME, seal, snapshot_id
from segmentation.tools.errors import BadSnapshotError
from segmentation.tools.files import files_below

_LIBRARIES = ("duckdb", "ibis-framework", "numpy", "plotly", "pyarrow", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`; `files` gives size and SHA-256 by path, relative to the snapshot."""

    format: int
    id: str
    as_of: str
    created_at: str
    counts: dict[str, int]
    parameters: dict[str, Any]
    libraries: dict[str, str]
    files: dict[str, dict[str, Any]]


def describe(
    folder: Path, as_of: date, now: datetime, counts: Mapping[str, int], parameters: Mapping[str, Any]
) -> Manifest:
    """Return the manifest of the files in `folder`, created at `now` (UTC)."""
    files = {path: measure(folder / path) for path in paths_in(folder)}
    return Manifest(
        format=FORMAT,
        id=snapshot_id(as_of.isoformat(), files),
        as_of=as_of.isoformat(),
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        counts=dict(counts),
        parameters=dict(parameters),
        libraries={name: version(name) for name in _LIBRARIES},
        files=files,
    )


def paths_in(folder: Path) -> list[str]:
    """List the files in a snapshot but its manifest, relative to it, in alphabetical order."""
    return [path for path in files_below(folder) if path != MANIFEST_NAME]


def measure(file: Path) -> dict[str, Any]:
    """Return a file's size in bytes and its SHA-256."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"bytes": stream.tell(), "sha256": digest}


def canonical(value: object) -> bytes:
    """Encode as JSON, equal values to equal bytes; floats are written as they are given."""
    try:
        return contract_snapshot.canonical(value)
    except (TypeError, ValueError) as error:
        raise BadInputError(f"A snapshot cannot hold this as JSON: {error}.") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, which makes the folder a snapshot; its seal is the hash of all else in it."""
    fields = asdict(manifest)
    (folder / MANIFEST_NAME).write_bytes(canonical({**fields, "seal": seal(fields)}))


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`; the snapshot's other files are not looked at."""
    fields = read_json(folder, MANIFEST_NAME)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise BadSnapshotError(f"Snapshot {folder.name}: {MANIFEST_NAME} is not of format {FORMAT}.")
    found = fields.pop("seal", None)
    if found != seal(fields) or canonical({**fields, "seal": found}) != (folder / MANIFEST_NAME).read_bytes():
        raise BadSnapshotError(f"Snapshot {folder.name}: {MANIFEST_NAME} is not the file that was published.")
    return Manifest(**fields)


def read_json(folder: Path, name: str) -> Any:
    """Read one of a snapshot's JSON files."""
    try:
        return json.loads((folder / name).read_bytes())
    except FileNotFoundError as error:
        raise BadSnapshotError(f"Snapshot {folder.name}: {name} is missing.") from error
    except (ValueError, RecursionError) as error:
        raise BadSnapshotError(f"Snapshot {folder.name}: {name} is not JSON.") from error


def total_bytes(files: Iterable[Mapping[str, Any]]) -> int:
    """Add up the sizes."""
    return sum(int(file["bytes"]) for file in files)
