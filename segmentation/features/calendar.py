"""The calendar: where windows begin, and how far a shop's clock is from UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contract.calendar import WINDOW_MONTHS, months_before
from contract.errors import WrongUsageError
from segmentation.ingest.sums import SLOT


@dataclass(frozen=True)
class Windows:
    """The instants (UTC, without zone) between which events count: from `starts[months]` up to before `end`."""

    end: datetime
    starts: dict[int, datetime]

    @property
    def start(self) -> datetime:
        """Return the beginning of the longest window."""
        return min(self.starts.values())

    @property
    def months(self) -> list[str]:
        """Return the calendar months (`2019-10`) that the longest window touches."""
        last = self.end - timedelta(microseconds=1)
        first = self.start.year * 12 + self.start.month - 1
        return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(first, last.year * 12 + last.month)]


def windows(as_of: date) -> Windows:
    """Return the windows that end with the day `as_of`, that day included."""
    end = as_of + timedelta(days=1)
    return Windows(_midnight(end), {months: _midnight(months_before(end, months)) for months in WINDOW_MONTHS})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def utc_offsets(timezone: str, begin: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    """Return the zone's offsets from UTC between two instants: each with the instant up to which it holds.

    Stated as plain instants, so that every engine shifts alike whatever time zone data it ships.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WrongUsageError(f"There is no time zone {timezone!r}; an example of one is Europe/Paris.") from error
    offsets: list[tuple[datetime, timedelta]] = []
    day, offset = begin, _offset(zone, begin)
    while day < end:
        tomorrow = min(day + timedelta(days=1), end)
        if (changed := _offset(zone, tomorrow)) != offset:
            offsets.append((_change(zone, day, tomorrow), offset))
            offset = changed
        day = tomorrow
    offsets.append((end, offset))
    if any(shift % SLOT for _, shift in offsets):
        raise WrongUsageError(f"{timezone} was no whole quarters of an hour from UTC before {end:%Y-%m-%d}.")
    return offsets


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first second of the new offset between two instants of which only the second has it."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _offset(zone, middle) == _offset(zone, before) else (before, middle)
    return after


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
