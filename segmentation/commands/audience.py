"""An audience: the clients of one persona, as a file that other tools read."""

import json
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

CHUNK_CLIENTS = 65_536


def write(clients: Path, persona: str, form: str, out: IO[bytes]) -> int:
    """Write the clients of `persona` as csv, ndjson or parquet, in constant memory; return how many they are."""
    written = 0
    with pq.ParquetFile(clients) as file:
        schema = file.schema_arrow
        if form == "ndjson":
            for batch in file.iter_batches(CHUNK_CLIENTS):
                members = _members(batch, persona)
                _write_ndjson(members, out)
                written += members.num_rows
            return written
        opened = pa.csv.CSVWriter(out, schema) if form == "csv" else pq.ParquetWriter(out, schema, compression="zstd")
        with opened as writer:
            for batch in file.iter_batches(CHUNK_CLIENTS):
                members = _members(batch, persona)
                writer.write_table(pa.table(members))
                written += members.num_rows
    return written


def _members(batch: pa.RecordBatch, persona: str) -> pa.RecordBatch:
    return batch.filter(pc.equal(batch["persona"], persona))


def _write_ndjson(members: pa.RecordBatch, out: IO[bytes]) -> None:
    for client in members.to_pylist():
        client["last_purchase"] = client["last_purchase"].isoformat()
        out.write(json.dumps(client, ensure_ascii=False).encode() + b"\n")
