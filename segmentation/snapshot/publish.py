"""Publish: one run's results become an immutable, verified snapshot, and then the one that is served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import BadInputError
from contract.snapshot import ANSWERS, CLIENTS, METRICS, PERSONAS, REPORT, TREE
from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.model.personas import PERSONA_NAMES
from segmentation.snapshot.catalog import serve
from segmentation.snapshot.lookup import lookup_writer
from segmentation.snapshot.manifest import Manifest, canonical, describe, write_manifest
from segmentation.snapshot.verify import is_whole, verify
from segmentation.store.protocol import Store, told_in_a_sentence
from segmentation.tools.errors import BadSnapshotError
from segmentation.tools.parts import StoredTable, chunks

__all__ = ["BadSnapshotError", "Contents", "Manifest", "publish", "publish_over", "verify"]

ROW_GROUP_CLIENTS = 65_536
"""Small enough to read one client's group at once, large enough to compress well."""


@dataclass(frozen=True)
class Contents:
    """All that a snapshot holds.

    `clients` has the columns of `SEGMENT_SCHEMA`, sorted by `user_id`, in memory or as `assign` wrote it.
    `model_files` go under `model/`, by name; `personas` has one entry a persona, in their order.
    """

    as_of: date
    clients: Path | pa.Table
    model_files: Mapping[str, bytes]
    personas: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    report_html: str
    parameters: Mapping[str, Any]
    counts: Mapping[str, int] = field(default_factory=dict)


def publish(contents: Contents, store: Store, now: datetime) -> str:
    """Publish over whatever is served now."""
    with told_in_a_sentence(store.url):
        served_before = store.current()
    return publish_over(served_before, contents, store, now)


def publish_over(served_before: str | None, contents: Contents, store: Store, now: datetime) -> str:
    """Build, verify and serve a snapshot, and return its id.

    `now` is the creation time, with a time zone; `served_before` is what the store served when this run began, and
    OvertakenError is raised when it serves something else by now. The same contents again give the same snapshot,
    served again.
    """
    with told_in_a_sentence(store.url):
        with store.draft() as folder:
            clients = _opened(contents.clients)
            _write_files(folder, contents, clients)
            counts = {**contents.counts, "clients": clients.num_rows}
            manifest = describe(folder, contents.as_of, now.astimezone(UTC), counts, contents.parameters)
            write_manifest(folder, manifest)
            verify(folder)
            store.add(folder, manifest.id, is_whole)
        serve(manifest.id, store, served_before)
    return manifest.id


def _opened(clients: Path | pa.Table) -> pa.Table | StoredTable:
    if isinstance(clients, Path):
        return StoredTable(clients, SEGMENT_SCHEMA, "assign")
    try:
        return clients.select(SEGMENT_SCHEMA.names).cast(SEGMENT_SCHEMA)
    except (KeyError, ValueError) as error:
        raise BadInputError(f"The clients have not the columns of a snapshot: {error}.") from error


def _write_files(folder: Path, contents: Contents, clients: pa.Table | StoredTable) -> None:
    names = tuple(persona["name"] for persona in contents.personas)
    if names != PERSONA_NAMES:
        raise BadInputError(f"The personas are {', '.join(names)} and not {', '.join(PERSONA_NAMES)}.")
    for name in (ANSWERS, TREE, REPORT):
        (folder / name).parent.mkdir()
    _write_clients(folder, clients)
    for name, content in contents.model_files.items():
        (folder / "model" / name).write_bytes(content)
    (folder / PERSONAS).write_bytes(canonical([dict(persona) for persona in contents.personas]))
    (folder / METRICS).write_bytes(canonical(dict(contents.metrics)))
    (folder / REPORT).write_text(contents.report_html, encoding="utf-8")


def _write_clients(folder: Path, clients: pa.Table | StoredTable) -> None:
    """Write what a snapshot holds of each client, a chunk after the other, so that memory does not grow with them."""
    table = pq.ParquetWriter(folder / CLIENTS, SEGMENT_SCHEMA, compression="zstd", store_schema=False)
    with lookup_writer(clients, folder) as add_to_lookup, table:
        for chunk in chunks(clients, SEGMENT_SCHEMA.names, ROW_GROUP_CLIENTS):
            table.write_table(chunk)
            add_to_lookup(chunk)
