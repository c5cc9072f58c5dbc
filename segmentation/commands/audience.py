"""An audience: the clients of one persona, as a file that other tools read."""

import json
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

CHUNK_CLIENTS = 65_536
_FORMULA = r"^\s*[=+\-@|%\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|^[\t\r\n]"
"""The beginnings of formulas, also in full width; a space before them does not stop every spreadsheet."""


def write(clients: Path, persona: str, form: str, out: IO[bytes]) -> int:
    """Write the clients of `persona` as csv, ndjson or parquet, in constant memory; return how many they are.

    In csv, texts that a spreadsheet would take for formulas are defused.
    """
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
                members = pa.table(_members(batch, persona))
                writer.write_table(_defused(members) if form == "csv" else members)
                written += members.num_rows
    return written


def _defused(members: pa.Table) -> pa.Table:
    """Put an apostrophe before texts that a spreadsheet would take for a formula: brands come from outside.

    NDJSON and Parquet have them as they are. Source: OWASP, CSV Injection.
    """
    for i, field in enumerate(members.schema):
        if pa.types.is_string(field.type):
            texts = members[field.name]
            armed = pc.match_substring_regex(texts, _FORMULA)
            harmless = pc.if_else(armed, pc.binary_join_element_wise("'", texts, ""), texts)
            members = members.set_column(i, field, harmless)
    return members


def _members(batch: pa.RecordBatch, persona: str) -> pa.RecordBatch:
    return batch.filter(pc.equal(batch["persona"], persona))


def _write_ndjson(members: pa.RecordBatch, out: IO[bytes]) -> None:
    for client in members.to_pylist():
        client["last_purchase"] = client["last_purchase"].isoformat()
        out.write(json.dumps(client, ensure_ascii=False).encode() + b"\n")
