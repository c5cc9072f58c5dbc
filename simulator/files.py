"""The files of the shop: seven months in the raw format, and the truth beside them."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from segmentation.ingest.events import COLUMNS
from simulator.behaviours import BEHAVIOURS
from simulator.population import behaviour_of, client_numbers, user_id
from simulator.rows import as_text
from simulator.shop import Shop

TRUTH = Path("truth") / "behaviours.csv.gz"
"""In a folder of its own, since ingest reads every file that lies directly in the one it is given."""

_REPEATING = ["event_type", "category_id", "category_code", "brand", "user_session"]
_SESSIONS_PAGE = 32 << 20
"""Bytes that a chunk's session ids may take before Parquet gives up its dictionary."""


class MonthFile(Protocol):
    """A month's file, open for writing."""

    def write(self, table: pa.Table) -> None:
        """Add rows."""

    def close(self, *, truncated: bool) -> None:
        """Finish the file; `truncated` leaves part of a further line at the end, where the format can."""


class ParquetFile:
    """A month as Parquet, text columns as dictionaries."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(
            path, schema, compression="snappy", dictionary_pagesize_limit=_SESSIONS_PAGE, store_schema=False,
            use_dictionary=_REPEATING,
        )  # fmt: skip

    def write(self, table: pa.Table) -> None:
        """Add a row group."""
        self._writer.write_table(table)

    def close(self, *, truncated: bool) -> None:  # noqa: ARG002 (Parquet has no lines)
        """Write the footer."""
        self._writer.close()


class CsvFile:
    """A month as CSV, compressed when the name ends in .gz; the bytes hold no time of writing."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("wb")
        zipped = path.suffix == ".gz"
        self._sink = gzip.GzipFile("", "wb", 6, self._raw, mtime=0) if zipped else self._raw
        self._sink.write((",".join(COLUMNS) + "\n").encode())
        self._last_line = b""

    def write(self, table: pa.Table) -> None:
        """Add lines."""
        buffer = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
        pyarrow.csv.write_csv(as_text(table), buffer, options)
        text = buffer.getvalue()
        self._last_line = text[text.rfind(b"\n", 0, -1) + 1 :]
        self._sink.write(text)

    def close(self, *, truncated: bool) -> None:
        """End the file; a truncated one ends in the middle of a user id, as when a copy was interrupted."""
        if truncated:
            self._sink.write(self._last_line[: self._last_line.rfind(b",") - 4])
        self._sink.close()
        self._raw.close()


@contextmanager
def month_file(path: Path, schema: pa.Schema, *, truncated: bool) -> Iterator[MonthFile]:
    """Open a month's file in the format that its name says, and finish it."""
    file: MonthFile = ParquetFile(path, schema) if path.suffix == ".parquet" else CsvFile(path)
    try:
        yield file
    finally:
        file.close(truncated=truncated)


def write_truth(shop: Shop, out: Path) -> None:
    """Write the behaviour planted in each client."""
    number = client_numbers(shop)
    code = behaviour_of(shop, number)
    names = np.array([behaviour.name for behaviour in BEHAVIOURS])
    (out / TRUTH).parent.mkdir(exist_ok=True)
    with (out / TRUTH).open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped:
        text = io.TextIOWrapper(zipped, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["user_id", "behaviour"])
        writer.writerows(zip(user_id(number).tolist(), names[code].tolist(), strict=True))
        text.flush()
