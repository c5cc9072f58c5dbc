"""Proof that a snapshot is whole: what its manifest says is what its files are."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from contract.snapshot import ANSWERS, CLIENTS, FEATURES, PERSONAS, USER_IDS, snapshot_id
from segmentation.model.personas import PERSONA_NAMES
from segmentation.snapshot.manifest import Manifest, measure, paths_in, read_json, read_manifest
from segmentation.tools.errors import BadSnapshotError


def verify(folder: Path) -> Manifest:
    """Return the manifest of a snapshot, or raise `BadSnapshotError` at the first promise that it breaks."""
    manifest = read_manifest(folder)
    _check_names(folder, manifest)
    for path, expected in sorted(manifest.files.items()):
        if measure(folder / path) != expected:
            raise _broken(folder, f"{path} is not the file that was published")
    if manifest.id != snapshot_id(manifest.as_of, manifest.files):
        raise _broken(folder, f"its id {manifest.id} is not the hash of its content")
    _check_counts(folder, manifest)
    return manifest


def is_whole(folder: Path) -> bool:
    """Tell whether `folder` holds the snapshot of its name, whole."""
    try:
        return verify(folder).id == folder.name
    except BadSnapshotError:
        return False


def _check_names(folder: Path, manifest: Manifest) -> None:
    found, expected = set(paths_in(folder)), set(manifest.files)
    for path in sorted(expected - found):
        raise _broken(folder, f"{path} is missing")
    for path in sorted(found - expected):
        raise _broken(folder, f"{path} does not belong to it")


def _check_counts(folder: Path, manifest: Manifest) -> None:
    clients = manifest.counts.get("clients")
    rows = {CLIENTS: pq.read_metadata(folder / CLIENTS).num_rows}
    rows |= {name: len(_array(folder, name)) for name in (USER_IDS, ANSWERS, FEATURES)}
    for path, count in rows.items():
        if count != clients:
            raise _broken(folder, f"{path} has {count} clients, its manifest {clients}")
    sizes = np.bincount(_array(folder, ANSWERS)["persona"], minlength=len(PERSONA_NAMES))
    for persona, size in zip(read_json(folder, PERSONAS), sizes, strict=True):
        if persona["clients"] != size:
            told = f"{PERSONAS} gives {persona['name']} {persona['clients']} clients, the lookup {size}"
            raise _broken(folder, told)


_READING = Lock()
"""NumPy reads a file's head by `ast.literal_eval`, which fails now and then in two threads at once (CPython 3.11)."""


def _array(folder: Path, name: str) -> Any:
    with _READING:
        return np.load(folder / name, mmap_mode="r", allow_pickle=False)


def _broken(folder: Path, what: str) -> BadSnapshotError:
    return BadSnapshotError(f"Snapshot {folder.name}: {what}.")
