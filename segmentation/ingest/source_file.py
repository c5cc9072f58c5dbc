"""One raw file to cleaned events, a Parquet file a month, with its rejects and its accounting beside it.

A staged file is complete when `source.json` exists; what a killed run left without it is made again.
"""

import csv
import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contract.errors import BadInputError, MenagerieError
from segmentation.ingest import clean, events, plain, raw, reasons
from segmentation.ingest.csv_rows import TEXT, Reject
from segmentation.ingest.mapping import Mapping, is_left_out, may_read_it
from segmentation.ingest.month_files import Months
from segmentation.ingest.reasons import Example, shown, told
from segmentation.tools import engine
from segmentation.tools.files import write_json
from segmentation.tools.progress import Step

MOST_ROWS = 250_000
"""Rows that are typed at once."""
MOST_REJECTED = 100_000
"""After so many, if they are most of the rows so far, the rest of a file is not looked at."""
_AT_ONCE = 10_000


@dataclass(frozen=True)
class Source:
    """A raw file as it was read: its rows, how many were rejected for each reason, and what was assumed of it."""

    name: str
    sha256: str
    rows_read: int
    rejected: dict[str, int]
    examples: dict[str, Example] = field(default_factory=dict)
    understood: list[str] = field(default_factory=list)

    @property
    def rows_typed(self) -> int:
        """Return the rows that are events, before duplicates are dropped."""
        return self.rows_read - sum(self.rejected.values())


def identities(paths: Sequence[Path], mapping: Mapping | None, notes: Path | None = None) -> list[str]:
    """Return what tells files as they are read from all others: their SHA-256, with a mapping's."""
    found = digests(paths, notes)
    return [mapping.identity(sha256) for sha256 in found] if mapping else found


def digests(paths: Sequence[Path], notes: Path | None = None) -> list[str]:
    """Return the SHA-256 of each file's bytes.

    A file is read once as long as its size and its time of change stay: in this process, and in any where `notes`
    names the file in which digests are noted down.
    """
    if notes:
        with suppress(FileNotFoundError, ValueError):
            _digests.update(json.loads(notes.read_text()))
    states = [f"{path.resolve()}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in paths]
    unknown = {state: path for state, path in zip(states, paths, strict=True) if state not in _digests}
    with ThreadPoolExecutor(engine.threads()) as pool:
        _digests.update(zip(unknown, pool.map(_digest, unknown.values()), strict=True))
    if notes and unknown:
        # One that has just changed may change once more without its time telling.
        settled = (state for state, path in zip(states, paths, strict=True) if time.time() - path.stat().st_mtime > 10)
        write_json(notes, {state: _digests[state] for state in settled})
    return [_digests[state] for state in states]


_digests: dict[str, str] = {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_source(  # noqa: PLR0913, PLR0917 (what a file is read with)
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    sha256: str,
    folder: Path,
    step: Step,
    mapping: Mapping | None = None,
) -> Source:
    """Read `path` into `folder`, unless an earlier run did so to the end; BadInputError if no row of it is an event."""
    done = folder / "source.json"
    if done.exists():
        return Source(**json.loads(done.read_text()))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = _read(connection, path, sha256, folder, step, mapping)
    if not source.rows_typed and not all(map(is_left_out, source.rejected)):
        every = f"all its {source.rows_read:,} rows were" if source.rows_read > 1 else "its only row was"
        why = told(source.rejected, source.examples)
        raise BadInputError(f"{path.name} holds no event: {every} rejected, {why}. {_remedy(source)}")
    write_json(done, asdict(source))
    return source


def _remedy(source: Source) -> str:
    """Say what would read a file all of whose rows were rejected."""
    if reasons.UNREADABLE in source.rejected:
        return 'It says, for example: encoding = "cp1252" under [file].'
    return may_read_it()


def _read(  # noqa: PLR0913, PLR0917 (as `read_source`)
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    sha256: str,
    folder: Path,
    step: Step,
    mapping: Mapping | None,
) -> Source:
    rows_read = forms = 0
    understood = list(mapping.understood) if mapping else []
    with _Rejects(path.name, folder / "rejects.csv").open() as rejects, Months(folder, sha256).open() as months:
        for found in _sliced(raw.read(path, rejects.add, understood.append, mapping)):
            batch = _mapped(connection, found, mapping, rejects) if mapping else found
            table = plain.typed(batch)
            if table is None:
                table = clean.clean(connection, batch)
                faulty = pc.is_valid(table["reason"])
                rejects.add_rows(batch, table.filter(faulty))
                table = table.filter(pc.invert(faulty))
                forms = reduce(or_, pc.unique(table["understood"]).to_pylist(), forms)
                table = table.select(events.COLUMNS).cast(events.SCHEMA)
            months.write(table)
            rows_read += found.num_rows
            rejects.check(rows_read)
            step.advance(found.num_rows)
    rows_read += rejects.before_cleaning
    understood += [sentence for bit, sentence in clean.UNDERSTOOD.items() if forms & bit]
    source = Source(path.name, sha256, rows_read, *rejects.found(), understood)
    if months.rows != source.rows_typed:
        raise MenagerieError(f"{path.name}: {source.rows_typed} rows are events, but {months.rows} were kept.")
    return source


def _mapped(
    connection: duckdb.DuckDBPyConnection, found: pa.RecordBatch, mapping: Mapping, rejects: "_Rejects"
) -> pa.RecordBatch:
    """Return rows as a mapping has them, but for those that it leaves out."""
    table = mapping.apply(connection, found, rejects.name)
    is_kept = pc.is_null(table["left_out"]).combine_chunks()
    (every,) = table.drop(["left_out"]).cast(TEXT).combine_chunks().to_batches()
    left_out = table.select(["line", "left_out"]).rename_columns(["line", "reason"])
    rejects.add_rows(every, left_out.filter(pc.invert(is_kept)))
    return every.filter(is_kept)


def _sliced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Part what has far more rows than a block of events has: short rows would take all the more room typed."""
    for batch in batches:
        for begin in range(0, batch.num_rows, MOST_ROWS):
            yield batch.slice(begin, MOST_ROWS)


class _Rejects:
    """The rejected rows of one file, written as they come; no file when there are none."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.reasons: Counter[str] = Counter()
        self._examples: dict[str, Example] = {}
        self.before_cleaning = 0

    @contextmanager
    def open(self) -> Iterator["_Rejects"]:
        with self.path.open("w", newline="", encoding="utf-8") as file:
            self._writer = csv.writer(file)
            self._writer.writerow(["file", "line", "reason", "row"])
            yield self
        if not self.reasons:
            self.path.unlink()

    def add(self, reject: Reject) -> None:
        self.before_cleaning += 1
        self._write(reject, reject.value)

    def add_rows(self, batch: pa.RecordBatch, faulty: pa.Table) -> None:
        lines = faulty["line"].to_numpy()
        places = pa.array(np.searchsorted(batch["line"].to_numpy(), lines))
        for begin in range(0, len(lines), _AT_ONCE):  # as objects they take twenty times the room
            rows = batch.take(places.slice(begin, _AT_ONCE)).to_pylist()
            why = faulty["reason"].slice(begin, _AT_ONCE).to_pylist()
            for row, reason in zip(rows, why, strict=True):
                column = reasons.COLUMN.get(reason, "")
                value = shown(row[column]) if column not in {"", "user_id"} and row[column] != row["user_id"] else None
                self._write(Reject(row["line"], reason, ",".join(row[name] for name in events.COLUMNS)), value)

    def check(self, rows_read: int) -> None:
        """Look at no more of a file most of whose rows, of very many, are no events."""
        rejected = sum(count for why, count in self.reasons.items() if not is_left_out(why))
        if rejected >= MOST_REJECTED and 2 * rejected > rows_read + self.before_cleaning:
            usual = max(self.reasons, key=self.reasons.__getitem__)
            told = f"{self.name} is no event file: of its first {rows_read + self.before_cleaning:,} rows"
            raise BadInputError(f"{told} {rejected:,} were rejected, mostly because {usual}.")

    def found(self) -> tuple[dict[str, int], dict[str, Example]]:
        """Return how many rows were rejected for each reason, and the first of each."""
        return dict(sorted(self.reasons.items())), dict(sorted(self._examples.items()))

    def _write(self, reject: Reject, value: str | None = None) -> None:
        self.reasons[reject.reason] += 1
        if reject.reason not in self._examples or reject.line < self._examples[reject.reason]["line"]:
            self._examples[reject.reason] = Example(line=reject.line, value=value)
        self._writer.writerow([self.name, reject.line, reject.reason, reject.row])
