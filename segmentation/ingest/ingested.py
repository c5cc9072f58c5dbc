"""A folder of ingested events: what it holds, and what became of every row."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from contract.errors import BadInputError
from segmentation.ingest.month_files import Month, read_account
from segmentation.ingest.reasons import Example
from segmentation.ingest.source_file import Source
from segmentation.store.lineage import LEDGER, STAGED

LEAST_WEEKS = 4
GAP_SHARE = 1 / 5
"""A day with less than this share of the median day's events is a suspected logging gap (design)."""


@dataclass(frozen=True)
class FileAccount:
    """What became of one file's rows: read = kept + rejected + duplicates; and what was assumed of it."""

    name: str
    rows_read: int
    rows_kept: int
    rejected: dict[str, int]
    duplicates: int
    examples: dict[str, Example] = field(default_factory=dict)
    understood: list[str] = field(default_factory=list)


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


@dataclass(frozen=True)
class Gaps:
    """The days on which events seem to be missing, and the weekdays (Monday as 0) on which the shop seems closed."""

    missing: list[date]
    closed: list[int]


def days_within(by_day: Mapping[date, int], begin: date, end: date) -> dict[date, int]:
    """Return the events of each day from the first on that has any between two days, to the last."""
    told = [day for day, events in by_day.items() if events and begin <= day <= end] or [begin, end]
    every = (min(told) + timedelta(days=n) for n in range((max(told) - min(told)).days + 1))
    return {day: by_day.get(day, 0) for day in every}


def gaps_within(by_day: Mapping[date, int], few: Sequence[date], begin: date, end: date) -> Gaps:
    """Return the gaps between two days, of the days that have `few` events.

    A weekday with hardly an event in any week, of four at least, is none: a shop that never opens on Sundays misses
    nothing then.
    """
    days = days_within(by_day, begin, end)
    inside = [day for day in few if day in days]
    every, counted = (Counter(day.weekday() for day in each) for each in (days, inside))
    closed = [weekday for weekday in sorted(counted) if counted[weekday] == every[weekday] >= LEAST_WEEKS]
    return Gaps([day for day in inside if day.weekday() not in closed], closed)


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
    return bool(ledger) and all(arrived(sha256, months) == source.rows_typed for sha256, source in ledger.items())


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
    return account_of([(source.name, sha256) for sha256, source in ledger.items()], ledger, folder)


def arrived(sha256: str, months: Sequence[Month]) -> int:
    """Return how many rows of a source are in the months, duplicates dropped included."""
    return sum(month.kept.get(sha256, 0) + month.dropped.get(sha256, 0) for month in months)


def account_of(named: Sequence[tuple[str, str]], ledger: dict[str, Source], out: Path) -> Ingested:
    """Return the account of the named files, each with its SHA-256, of the ledger of `out`."""
    months = accounts(out)
    kept = {sha256: sum(month.kept.get(sha256, 0) for month in months) for sha256 in ledger}
    files, seen = [], set[str]()
    for name, sha256 in named:
        source = ledger[sha256]
        # A file delivered again under another name, or twice, adds nothing: all its events are duplicates.
        own = kept[sha256] if sha256 not in seen else 0
        seen.add(sha256)
        duplicates = source.rows_typed - own
        files.append(
            FileAccount(name, source.rows_read, own, source.rejected, duplicates, source.examples, source.understood)
        )
    days: Counter[date] = Counter()
    for month in months:
        days.update({date.fromisoformat(day): n for day, n in month.days.items()})
    return Ingested(files, days.total(), dict(sorted(days.items())))
