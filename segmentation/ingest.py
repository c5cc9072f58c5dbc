"""Raw files to typed events: `events/month=YYYY-MM/`, `rollup/`, `rejects/`, and an account of every row.

Ingesting goes file by file, several at once, then month by month, and each of these steps is kept when it is
done: a run that was killed goes on where it stopped, and a file that was ingested before changes nothing.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import duckdb

from segmentation import clean, engine, merge, raw, rollups
from segmentation.errors import BadInputError, MenagerieError
from segmentation.month_files import Month, read_account
from segmentation.progress import SILENT, Reporter, Step
from segmentation.stage import Source, digests, stage, write_json
from segmentation.workspace import workspace

LEDGER = "ingest.json"
STAGED = "staged"
GAP_SHARE = 1 / 5
"""A day with less than this share of the median day's events is a suspected logging gap (design)."""


@dataclass(frozen=True)
class FileAccount:
    """What became of one file's rows: read = kept + rejected + duplicates."""

    name: str
    rows_read: int
    rows_kept: int
    rejected: dict[str, int]
    duplicates: int


@dataclass(frozen=True)
class Ingested:
    """The account of the files given, in order of their names, and of the events now in the folder."""

    files: list[FileAccount]
    events: int
    days: dict[date, int]

    @property
    def gaps(self) -> list[date]:
        """Return the days with suspiciously few events between the first and the last day that has enough."""
        least = median(self.days.values()) * GAP_SHARE if self.days else 0
        busy = [day for day, events in self.days.items() if events >= least]
        if not busy:
            return []
        days = [min(busy) + timedelta(days=n) for n in range((max(busy) - min(busy)).days)]
        return [day for day in days if self.days.get(day, 0) < least]

    @property
    def totals(self) -> dict[str, Any]:
        """Return what stays the same in whatever order the files were delivered, for metrics."""
        rejected: Counter[str] = Counter()
        for file in self.files:
            rejected.update(file.rejected)
        return {
            "rows_read": sum(file.rows_read for file in self.files),
            "kept": self.events,
            "rejected": dict(sorted(rejected.items())),
            "duplicates": sum(file.duplicates for file in self.files),
            "by_day": {day.isoformat(): events for day, events in self.days.items()},
            "suspected_gaps": [day.isoformat() for day in self.gaps],
        }


def ingest(sources: Sequence[Path], out: Path, reporter: Reporter = SILENT) -> Ingested:
    """Clean the raw files among `sources` (files or folders) into `out`; raise BadInputError when one is unreadable."""
    paths = raw.find(sources)
    try:
        with workspace(out, reporter) as scratch, engine.connect(scratch) as connection:
            return _ingest(connection, paths, out, scratch, reporter)
    except (duckdb.Error, OSError) as error:
        raise MenagerieError(f"Ingesting stopped: {engine.reason(error)}.") from error


def is_ingested(folder: Path) -> bool:
    """Tell whether `folder` is what `ingest` made."""
    return (folder / LEDGER).is_file()


def read_ledger(folder: Path) -> dict[str, Source]:
    """Return the files ingested into `folder`, by SHA-256."""
    if not is_ingested(folder):
        return {}
    try:
        entries = json.loads((folder / LEDGER).read_text(encoding="utf-8"))["sources"]
        return {entry["sha256"]: Source(**entry) for entry in entries}
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{LEDGER} of {folder.name} is damaged; ingest into a new folder.") from error


def is_unfinished(folder: Path) -> bool:
    """Tell whether an ingest into `folder` was stopped half way, so that its events are not all there."""
    return (folder / STAGED).exists()


def is_whole(folder: Path) -> bool:
    """Tell whether `folder` holds every event that its ledger speaks of."""
    ledger = read_ledger(folder)
    months = accounts(folder)
    return bool(ledger) and all(_arrived(sha256, months) == source.rows_typed for sha256, source in ledger.items())


def month_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of events in an ingested folder, by month (`2019-10`)."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("events/month=*/*.parquet")):
        found.setdefault(path.parent.name.removeprefix("month="), []).append(path)
    return found


def accounts(folder: Path) -> list[Month]:
    """Return the account of each file of events in an ingested folder."""
    return [read_account(path) for files in month_files(folder).values() for path in files]


def account(folder: Path) -> Ingested:
    """Return the account of all that was ever ingested into `folder`."""
    ledger = read_ledger(folder)
    return _account([(source.name, sha256) for sha256, source in ledger.items()], ledger, folder)


def _ingest(
    connection: duckdb.DuckDBPyConnection, paths: list[Path], out: Path, scratch: Path, reporter: Reporter
) -> Ingested:
    ledger = read_ledger(out)
    named = list(zip(paths, digests(paths), strict=True))
    fresh = {sha256: path for path, sha256 in reversed(named) if sha256 not in ledger}
    fresh = dict(reversed(fresh.items()))
    unfinished = _read_staged(out)
    ledger |= unfinished
    if fresh:
        name = f"{len(fresh)} files" if len(fresh) > 1 else next(iter(fresh.values())).name
        with reporter.step(f"Reading {name}") as step:
            ledger |= _stage(fresh, out, scratch, step)
    if not any(source.rows_typed for source in ledger.values()):
        raise BadInputError("There is no event in the files given: every row was rejected, or there was none.")
    arriving = list(unfinished | fresh)
    _merge(connection, arriving, out, reporter)
    _settle(ledger, arriving, out)
    rollups.ensure(connection, [path for files in month_files(out).values() for path in files], reporter)
    return _account([(path.name, sha256) for path, sha256 in named], ledger, out)


def _stage(fresh: Mapping[str, Path], out: Path, scratch: Path, step: Step) -> dict[str, Source]:
    """Read files, as many at once as there are processors; when one cannot be read, the others stop as well."""
    stopped = Event()

    class Watched:
        def advance(self, amount: float = 1) -> None:
            if stopped.is_set():
                raise _StoppedError
            step.advance(amount)

    def read(item: tuple[str, Path]) -> Source:
        sha256, path = item
        if stopped.is_set():
            raise _StoppedError
        try:
            # Of its own, since a thread whose start was interrupted may outlive the run's connection for a moment.
            with engine.connect(scratch) as connection:
                clean.prepare(connection)
                return stage(connection, path, sha256, _staged(out, sha256), Watched())
        except BaseException:
            stopped.set()
            raise

    # The largest first, so that all end about together.
    items = sorted(fresh.items(), key=lambda item: -item[1].stat().st_size)
    with ThreadPoolExecutor(engine.threads()) as pool:
        try:
            under_way = [pool.submit(read, item) for item in items]
            wait(under_way, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()
    errors = [error for future in under_way if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, _StoppedError)):
        raise error
    return {source.sha256: source for source in (future.result() for future in under_way)}


class _StoppedError(Exception):
    """This file is no longer wanted: another one could not be read, or the run is to end."""


def _staged(out: Path, sha256: str) -> Path:
    return out / STAGED / sha256[:16]


def _read_staged(out: Path) -> dict[str, Source]:
    """Return the files that a run now dead had read to their end, but not yet merged or not yet entered."""
    found = [Source(**json.loads(path.read_text())) for path in sorted((out / STAGED).glob("*/source.json"))]
    return {source.sha256: source for source in found}


def _merge(connection: duckdb.DuckDBPyConnection, fresh: list[str], out: Path, reporter: Reporter) -> None:
    months = sorted({path.stem for sha256 in fresh for path in _staged(out, sha256).glob("*.parquet")})
    with reporter.step("Dropping duplicates, month by month", total=len(months)) as step:
        for month in months:
            staged = {s: path for s in fresh if (path := _staged(out, s) / f"{month}.parquet").exists()}
            merge.merge(connection, out / "events" / f"month={month}", staged)
            step.advance()


def _settle(ledger: dict[str, Source], fresh: list[str], out: Path) -> None:
    """Keep the rejects, then write the ledger, and only then let the staged files go."""
    months = accounts(out)
    for sha256 in fresh:
        merged = _arrived(sha256, months)
        if merged != ledger[sha256].rows_typed:
            raise MenagerieError(
                f"{ledger[sha256].name}: {ledger[sha256].rows_typed} rows are events, but {merged} arrived."
            )
        rejects = _staged(out, sha256) / "rejects.csv"
        if rejects.exists():
            (out / "rejects").mkdir(exist_ok=True)
            shutil.copyfile(rejects, out / "rejects" / f"{ledger[sha256].name}.{sha256[:8]}.csv")
    sources = sorted(ledger.values(), key=lambda source: (source.name, source.sha256))
    write_json(out / LEDGER, {"sources": [asdict(source) for source in sources]})
    shutil.rmtree(out / STAGED, ignore_errors=True)


def _arrived(sha256: str, months: Sequence[Month]) -> int:
    return sum(month.kept.get(sha256, 0) + month.dropped.get(sha256, 0) for month in months)


def _account(named: Sequence[tuple[str, str]], ledger: dict[str, Source], out: Path) -> Ingested:
    months = accounts(out)
    kept = {sha256: sum(month.kept.get(sha256, 0) for month in months) for sha256 in ledger}
    files, seen = [], set[str]()
    for name, sha256 in named:
        source = ledger[sha256]
        # A file delivered again under another name, or twice, adds nothing: all its events are duplicates.
        own = kept[sha256] if sha256 not in seen else 0
        seen.add(sha256)
        files.append(FileAccount(name, source.rows_read, own, source.rejected, source.rows_typed - own))
    days: Counter[date] = Counter()
    for month in months:
        days.update({date.fromisoformat(day): n for day, n in month.days.items()})
    return Ingested(files, days.total(), dict(sorted(days.items())))
