"""Which raw files a folder of ingested events was made of, in `lineage.json` beside its ledger.

A raw file is known by its identity: the SHA-256 of a local one, key, size and ETag of an object on S3.
"""

import json
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from segmentation.tools.files import write_json

LEDGER = "ingest.json"
"""Lists the raw files whose rows are in the folder."""
STAGED = "staged"
"""Holds raw files that were read but whose events are not merged yet."""
LINEAGE = "lineage.json"
DERIVED = "rollup"
"""The folder beside `events` of what is derived from them."""


def key_of(raw: Collection[str]) -> str:
    """Return the key of the events of these raw files."""
    return sha256("".join(sorted(raw)).encode()).hexdigest()[:12]


def write(folder: Path, raw: Collection[str]) -> None:
    """Write that the events in `folder` are those of these raw files, all of them and no others."""
    write_json(folder / LINEAGE, {"raw": sorted(raw), "files": [path.as_posix() for path in event_files(folder)]})


def read(folder: Path) -> frozenset[str]:
    """Return the identities that `folder` was made of, none when it does not say."""
    try:
        return parse((folder / LINEAGE).read_bytes())
    except FileNotFoundError:
        return frozenset()


def parse(content: bytes, part: str = "raw") -> frozenset[str]:
    """Return the identities of raw files (or the paths of `files`) in a lineage, none when it is damaged."""
    try:
        return frozenset(map(str, json.loads(content)[part]))
    except (KeyError, TypeError, ValueError):
        return frozenset()


def event_files(folder: Path) -> list[Path]:
    """Return the files of events and of what is derived from them, relative to `folder`, in order."""
    found = (path for kind in ("events", DERIVED) for path in (folder / kind).rglob("*") if path.is_file())
    return sorted(path.relative_to(folder) for path in found)
