"""Events to a Parquet file for each month that occurs; while they come in order of time, or nearly, each once.

Exact duplicates share their second. In a file in order of time they are therefore found as it streams by, and its
months need no second reading; in any other file they wait for `merge`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import BadInputError
from segmentation.ingest import events

ACCOUNT = b"menagerie"
"""Under which a file of events says in its footer what became of its sources' rows."""
_ONCE = b"menagerie.once"
_DAMAGED = "The events of {} are damaged; ingest into a new folder."
LATE_ROWS = 500_000
"""By so many rows an event may be late and its file still be in order: hours of a large shop, as several servers' logs
put together need them."""
_WORDS = ["event_type", "category_id", "category_code", "brand"]
_USER_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_TIME_FACTOR = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class Month:
    """The account of a file of one month's: events kept and duplicates dropped of its source (by SHA-256), by day."""

    kept: dict[str, int]
    dropped: dict[str, int]
    days: dict[str, int]


def footer(month: Month) -> dict[bytes, bytes]:
    """Return the account as Parquet metadata, so that data and account can never disagree."""
    return {ACCOUNT: json.dumps(asdict(month)).encode()}


def read_account(path: Path) -> Month:
    """Return the account in a month file's footer."""
    try:
        return Month(**json.loads((_read_footer(path).metadata or {})[ACCOUNT]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(_DAMAGED.format(path.parent.name)) from error


def time_range(path: Path) -> tuple[datetime, datetime] | None:
    """Return when the first and the last of a file's events were; None when it has none."""
    footer = _read_footer(path)
    column = footer.schema.names.index("event_time")
    known = [footer.row_group(i).column(column).statistics for i in range(footer.num_row_groups)]
    return (min(its.min for its in known), max(its.max for its in known)) if known else None


def holds_each_once(path: Path) -> bool:
    """Tell whether no event in a staged month file stands there twice."""
    return _ONCE in (_read_footer(path).metadata or {})


def _read_footer(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise BadInputError(_DAMAGED.format(path.parent.name)) from error


class Months:
    """The month files of one source, in `folder`, as `2019-10.parquet`."""

    def __init__(self, folder: Path, sha256: str) -> None:
        self._folder = folder
        self._sha256 = sha256
        self._files: dict[int, _MonthFile] = {}

    @property
    def rows(self) -> int:
        """Return the rows given, those dropped as duplicates included."""
        return sum(file.rows for file in self._files.values())

    @contextmanager
    def open(self) -> Iterator["Months"]:
        """Write the files; they are whole when this ends without an error."""
        with ExitStack() as self._stack:
            yield self
            for file in self._files.values():
                file.finish()

    def write(self, table: pa.Table) -> None:
        """Write rows of `events.SCHEMA`, each to its month."""
        if not table.num_rows:
            return
        times = table["event_time"]
        ends = [instant.year * 100 + instant.month for instant in pc.min_max(times).as_py().values()]
        if ends[0] == ends[1]:
            self._file(ends[0]).write(table)
            return
        months = pc.add(pc.multiply(pc.year(times), 100), pc.month(times))
        for month in pc.unique(months).to_pylist():
            self._file(month).write(table.filter(pc.equal(months, month)))

    def _file(self, month: int) -> "_MonthFile":
        if month not in self._files:
            path = self._folder / f"{month // 100:04}-{month % 100:02}.parquet"
            writer = pq.ParquetWriter(path, events.SCHEMA, compression="snappy", use_dictionary=_WORDS)
            self._files[month] = _MonthFile(self._stack.enter_context(writer), self._sha256)
        return self._files[month]


class _MonthFile:
    """One month of one source."""

    def __init__(self, writer: pq.ParquetWriter, sha256: str) -> None:
        self._writer = writer
        self._sha256 = sha256
        self._in_order = True
        self._waiting: list[pa.Table] = []
        self._written_until: np.datetime64 | None = None
        self._kept = 0
        self._days: Counter[str] = Counter()
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        if not self._in_order:
            self._put(table)
            return
        self._waiting.append(table)
        if sum(waiting.num_rows for waiting in self._waiting) > 2 * LATE_ROWS:
            self._write_waiting(LATE_ROWS)

    def finish(self) -> None:
        """Write what waits, and the account."""
        if self._waiting:
            self._write_waiting(0)
        kept, dropped = {self._sha256: self._kept}, {self._sha256: self.rows - self._kept}
        account = footer(Month(kept, dropped, dict(sorted(self._days.items()))))
        self._writer.add_key_value_metadata(account | ({_ONCE: b""} if self._in_order else {}))

    def _write_waiting(self, rest: int) -> None:
        """Write what waits in order of time, but for the last instants, which have `rest` rows and more."""
        table = _in_order(pa.concat_tables(self._waiting))
        times = table["event_time"].to_numpy()
        if self._written_until is not None and times[0] <= self._written_until:
            self._in_order, self._waiting = False, []
            self._put(table)
            return
        cut = int(np.searchsorted(times, times[-rest])) if rest else len(times)
        self._waiting = [table.slice(cut)]
        if cut:
            self._written_until = times[cut - 1]
            self._put(_once(table.slice(0, cut)))

    def _put(self, table: pa.Table) -> None:
        if table.num_rows:
            self._kept += table.num_rows
            for day in pc.value_counts(table["event_time"].cast(pa.date32())).to_pylist():
                self._days[day["values"].isoformat()] += day["counts"]
            self._writer.write_table(table)


def _in_order(table: pa.Table) -> pa.Table:
    """Return the rows in order of time, those of one instant as they stand."""
    order = np.argsort(table["event_time"].to_numpy(), kind="stable")
    moved = np.flatnonzero(order != np.arange(len(order)))
    if not len(moved):
        return table
    first, end = int(moved[0]), int(moved[-1]) + 1  # taking rows is dear
    between = table.slice(first, end - first).combine_chunks().take(pa.array(order[first:end] - first))
    return pa.concat_tables([table.slice(0, first), between, table.slice(end)])


def _once(table: pa.Table) -> pa.Table:
    """Return the rows without those that equal an earlier one in all columns."""
    keys = _keys(table)
    ascending = np.sort(keys)
    repeated = ascending[1:][ascending[1:] == ascending[:-1]]
    if not len(repeated):
        return table
    alike = np.flatnonzero(np.isin(keys, repeated))
    compared = table.take(pa.array(alike)).append_column("row", pa.array(alike))
    first = compared.group_by(events.COLUMNS, use_threads=False).aggregate([("row", "min")])["row_min"]
    kept = np.ones(len(keys), dtype=bool)
    kept[alike] = False
    kept[first.to_numpy()] = True
    return table.filter(pa.array(kept))


def _keys(table: pa.Table) -> np.ndarray:
    """Return a number for each row, the same for equal rows."""
    user, product = (table[name].to_numpy().view(np.uint64) for name in ("user_id", "product_id"))
    time = table["event_time"].to_numpy().view(np.uint64)
    return np.asarray(user * _USER_FACTOR + time * _TIME_FACTOR + product)
