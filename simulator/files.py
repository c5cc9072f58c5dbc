"""The files of the shop: its months in the raw format, and the truth beside them."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from segmentation.ingest.events import COLUMNS
from simulator.behaviours import BEHAVIOURS
from simulator.kinds import OF_KINDS
from simulator.lives import BEFORE, lives
from simulator.months import MONTH_STARTS
from simulator.population import behaviour_of, client_numbers, user_id
from simulator.rows import as_text
from simulator.shop import Shop
from simulator.visits import BLOCK_USERS

TRUTH = Path("truth") / "behaviours.csv.gz"
"""In a folder of its own, since ingest reads every file that lies directly in the one it is given."""
LIVES = Path("truth") / "lives.csv.gz"

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
    """Write the behaviour planted in each client, or how each one lives month by month."""
    (out / TRUTH).parent.mkdir(exist_ok=True)
    if shop.population == "living":
        _write(out / LIVES, ("user_id", "month", "kind", "alive", "rate", "orders", "orders_next"), _lived(shop))
        return
    number = client_numbers(shop)
    names = np.array([behaviour.name for behaviour in BEHAVIOURS])[behaviour_of(shop, number)]
    _write(out / TRUTH, ("user_id", "behaviour"), zip(user_id(number).tolist(), names.tolist(), strict=True))


def _lived(shop: Shop) -> Iterator[tuple[object, ...]]:
    """Yield a row for each client and month from the one it came in, `rate` and `orders` being of that month."""
    number = client_numbers(shop)
    for first in range(0, len(number), BLOCK_USERS):
        them = lives(shop, number[first : first + BLOCK_USERS])
        ids = user_id(them.number).tolist()
        for month in shop.months:
            lived = BEFORE + month
            told = zip(
                ids,
                them.came.tolist(),
                them.kind[:, lived].tolist(),
                them.alive[:, lived].tolist(),
                them.rate[:, lived].tolist(),
                them.orders[:, lived].tolist(),
                them.orders[:, lived + 1].tolist(),
                strict=True,
            )
            name = f"{MONTH_STARTS[month]:%Y-%m}"
            for user, came, kind, alive, rate, orders, orders_next in told:
                if came <= lived:
                    yield user, name, OF_KINDS[kind], int(alive), f"{rate:.4f}", orders, orders_next


def _write(path: Path, header: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped:
        text = io.TextIOWrapper(zipped, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        text.flush()
