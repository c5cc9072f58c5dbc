"""What a snapshot is made of: its files, its id, and the seal of its manifest (docs/snapshot.md)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

FORMAT = 1
"""Raised by one when a reader of the format before could no longer read a snapshot."""
SNAPSHOT_ID = re.compile(r"\d{4}-\d{2}-\d{2}-[0-9a-f]{12}")
NO_ID = "no snapshot id"
"""Stands for what somebody has put into `CURRENT` that is none: it may be a secret, or a path."""
_HASH_CHARACTERS = 12

SNAPSHOTS = "snapshots"
"""The folder of a store that holds the snapshots, each in a folder of its id."""
CURRENT = "CURRENT"
"""The file in it that names the snapshot that is served."""

MANIFEST_NAME = "manifest.json"
CLIENTS = "clients.parquet"
PERSONAS = "personas.json"
METRICS = "metrics.json"
REPORT = "report/index.html"
CLUSTERS = "model/clusters.json"
TREE = "model/tree.json"
LOOKUP = "lookup"
USER_IDS = "lookup/user_id.npy"
ANSWERS = "lookup/answers.npy"
FEATURES = "lookup/features.npy"
WORDS = "lookup/words.json"


def served_id(current: bytes) -> str | None:
    """Return the id that `CURRENT` holds: None where it is empty, `NO_ID` where that is no id."""
    text = current.decode("ascii", "replace").strip()
    return (text if SNAPSHOT_ID.fullmatch(text) else NO_ID) if text else None


def canonical(value: object) -> bytes:
    """Encode as JSON, equal values to equal bytes; raise TypeError or ValueError for what JSON cannot hold."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()


def seal(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest's fields, those but `seal` itself."""
    return hashlib.sha256(canonical(manifest)).hexdigest()


def content_hash(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the SHA-256 of the canonical list of paths and their SHA-256; `files` is as a manifest has it."""
    return hashlib.sha256(canonical([[path, files[path]["sha256"]] for path in sorted(files)])).hexdigest()


def snapshot_id(as_of: str, files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the id of a snapshot with these files: its as-of date, and the beginning of its content's hash."""
    return f"{as_of}-{content_hash(files)[:_HASH_CHARACTERS]}"
