"""Raw files to typed events: `events/month=YYYY-MM/`, `rollup/`, `rejects/`, and an account of every row.

Ingesting goes file by file, several at once, then month by month, and each of these steps is kept when it is
done: a run that was killed goes on where it stopped, and a file that was ingested before changes nothing.
"""

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from threading import Event

import duckdb

from contract.errors import BadInputError, MenagerieError
from segmentation.ingest import clean, merge, raw, rollups
from segmentation.ingest.ingested import Ingested, account_of, accounts, arrived, month_files, read_ledger
from segmentation.ingest.mapping import Mapping
from segmentation.ingest.source_file import Source, identities, read_source
from segmentation.store.lineage import LEDGER, STAGED
from segmentation.tools import engine
from segmentation.tools.files import check_folder, write_json
from segmentation.tools.progress import SILENT, Reporter, Step
from segmentation.tools.workspace import workspace


def ingest(
    sources: Sequence[Path],
    out: Path,
    reporter: Reporter = SILENT,
    passed_over: Sequence[str] = (),
    mapping: Mapping | None = None,
) -> Ingested:
    """Clean the raw files among `sources` (files or folders) into `out`; raise BadInputError when one is unreadable.

    `passed_over` names what stood beside them and is none, for the account.
    """
    check_folder(out, "The folder of ingested events")
    found = raw.find(sources, reporter, has_mapping=mapping is not None)
    found.passed_over.extend(passed_over)
    try:
        with workspace(out, reporter) as scratch, engine.connect(scratch) as connection:
            return _ingest(connection, found, out, scratch, reporter, mapping)
    except (duckdb.Error, OSError) as error:
        raise MenagerieError(f"Ingesting stopped: {engine.reason(error)}.") from error


def _ingest(  # noqa: PLR0913, PLR0917 (what all is made of)
    connection: duckdb.DuckDBPyConnection,
    found: raw.Found,
    out: Path,
    scratch: Path,
    reporter: Reporter,
    mapping: Mapping | None,
) -> Ingested:
    ledger = read_ledger(out)
    named = list(zip(found.paths, identities(found.paths, mapping), strict=True))
    fresh = {sha256: path for path, sha256 in reversed(named) if sha256 not in ledger}
    fresh = dict(reversed(fresh.items()))
    unfinished = _read_staged(out)
    ledger |= unfinished
    if fresh:
        name = f"{len(fresh)} files" if len(fresh) > 1 else next(iter(fresh.values())).name
        with reporter.step(f"Reading {name}") as step:
            ledger |= _read_sources(fresh, out, scratch, step, mapping)
    if not any(source.rows_typed for source in ledger.values()):
        raise BadInputError("There is no event in the files given: they have a header, and no rows.")
    arriving = list(unfinished | fresh)
    _merge(connection, arriving, out, reporter)
    _settle(ledger, arriving, out, found.passed_over)
    rollups.ensure(connection, [path for files in month_files(out).values() for path in files], reporter)
    return account_of([(path.name, sha256) for path, sha256 in named], ledger, out)


def _read_sources(
    fresh: dict[str, Path], out: Path, scratch: Path, step: Step, mapping: Mapping | None
) -> dict[str, Source]:
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
                if mapping:
                    mapping.prepare(connection)
                return read_source(connection, path, sha256, _staged(out, sha256), Watched(), mapping)
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
    try:
        errors = [error for future in under_way if (error := future.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, _StoppedError)):
            raise error
        return {source.sha256: source for source in (future.result() for future in under_way)}
    finally:
        # An error that keeps its frames, and frames that keep the error, would outlive the interpreter with a database.
        errors, error = [], None
        under_way.clear()


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


def _settle(ledger: dict[str, Source], fresh: list[str], out: Path, passed_over: list[str]) -> None:
    """Keep the rejects, then write the ledger, and only then let the staged files go."""
    months = accounts(out)
    for sha256 in fresh:
        merged = arrived(sha256, months)
        if merged != ledger[sha256].rows_typed:
            raise MenagerieError(
                f"{ledger[sha256].name}: {ledger[sha256].rows_typed} rows are events, but {merged} arrived."
            )
        rejects = _staged(out, sha256) / "rejects.csv"
        if rejects.exists():
            (out / "rejects").mkdir(exist_ok=True)
            shutil.copyfile(rejects, out / "rejects" / f"{ledger[sha256].name}.{sha256[:8]}.csv")
    sources = sorted(ledger.values(), key=lambda source: (source.name, source.sha256))
    told = {"sources": [asdict(source) for source in sources], "passed_over": sorted(passed_over)}
    write_json(out / LEDGER, told)
    shutil.rmtree(out / STAGED, ignore_errors=True)
