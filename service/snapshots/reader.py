"""Read a snapshot: prove that it is the one that was published, then map it."""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from contract.files import open_regular, read_regular
from contract.snapshot import (
    ANSWERS,
    FEATURES,
    FORMAT,
    MANIFEST_NAME,
    METRICS,
    PERSONAS,
    REPORT,
    TREE,
    USER_IDS,
    WORDS,
    canonical,
    seal,
)
from contract.snapshot import snapshot_id as snapshot_id_of
from service.common.headers import policy_of
from service.snapshots.lookup import hold_lookup, open_lookup
from service.snapshots.snapshot import Snapshot
from service.snapshots.tree import open_tree

_HASHED_AT_ONCE = 2
"""The features are about as large as all other files; hashing lets go of the interpreter's lock."""

USED = (ANSWERS, FEATURES, USER_IDS, WORDS, METRICS, TREE, PERSONAS, REPORT)
"""All that the service opens; the rest, clients.parquet above all, is for the batch side."""


class RefusedError(Exception):
    """A snapshot is not what its manifest says; the message names the file."""


def read_snapshot(folder: Path, snapshot_id: str, whole: bool = True) -> Snapshot:
    """Verify and open the snapshot in `folder`, or raise `RefusedError`; one that is not whole is `USED` alone."""
    manifest = read_manifest(folder)
    files = manifest["files"]
    try:
        held = hold_lookup(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RefusedError("its lookup cannot be read") from error
    _verify_files(folder, files if whole else {name: file for name, file in files.items() if name in USED})
    expected = snapshot_id_of(manifest["as_of"], files)
    if not manifest["id"] == snapshot_id == expected:
        raise RefusedError("its id is not the hash of its content")
    report = (folder / REPORT).read_bytes()
    snapshot = Snapshot(
        manifest=manifest,
        personas=json.loads((folder / PERSONAS).read_bytes()),
        metrics=json.loads((folder / METRICS).read_bytes()),
        lookup=open_lookup(folder, held),
        tree=open_tree(folder / TREE),
        report=report,
        report_policy=policy_of(report),
    )
    if not held.is_unchanged():
        raise RefusedError("it was changed while it was read")
    return snapshot


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what the snapshot in `folder` says of itself, without its seal, or raise `RefusedError`."""
    try:
        text = read_regular(folder / MANIFEST_NAME)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RefusedError(f"{MANIFEST_NAME} cannot be read") from error
    return parsed_manifest(text)


def parsed_manifest(text: bytes) -> dict[str, Any]:
    """Return a manifest without its seal, or raise `RefusedError` if it is not as it was published."""
    try:
        manifest: dict[str, Any] = json.loads(text)
        found = manifest.pop("seal")
        whole = found == seal(manifest) and text == canonical({**manifest, "seal": found})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RefusedError(f"{MANIFEST_NAME} cannot be read") from error
    if not whole:
        raise RefusedError(f"{MANIFEST_NAME} is not the file that was published")
    if manifest.get("format") != FORMAT:
        raise RefusedError(f"{MANIFEST_NAME} is not of format {FORMAT}")
    return manifest


def _verify_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    for name in sorted(found.symmetric_difference({*files, MANIFEST_NAME})):
        raise RefusedError(f"{name} is missing or does not belong to it")
    names = sorted(files, key=lambda name: -files[name]["bytes"])  # the largest first, so that both end about together
    with ThreadPoolExecutor(_HASHED_AT_ONCE) as pool:
        found_files = dict(zip(names, pool.map(lambda name: _hashed(folder / name), names), strict=True))
    for name, expected in sorted(files.items()):
        if found_files[name] != (expected["sha256"], expected["bytes"]):
            raise RefusedError(f"{name} is not the file that was published")


def _hashed(file: Path) -> tuple[str, int]:
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()
