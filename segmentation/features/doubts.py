"""What is odd about a shop's events as a whole: each is read as it is, and told before anyone believes what follows."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from segmentation.features.calendar import windows
from segmentation.ingest import rollups
from segmentation.ingest.ingested import account, month_files
from segmentation.tools import engine
from segmentation.tools.engine import quoted

ONE_CLIENT = 0.1
"""Share of all events from which on one client is told of: a guest account, a robot, an id that stands for none."""
_TIMES_A_FAIR_SHARE = 10
ONE_DAY = 0.5
"""Share of all items bought from which on one day is told of: an export's or an import's date."""


LONG_YEARS = 20
"""Before the as-of date there were no such shops; a time that is zero is in 1970."""


@dataclass(frozen=True)
class Doubts:
    """Events after the as-of date; in the longest window, the largest client's share of all events, and the best day's
    of all items bought.
    """

    events_after: int
    events_long_before: int
    largest_client: float
    best_day: str
    best_day_share: float
    clients: int

    @property
    def sentences(self) -> list[str]:
        """Say what is odd, nothing when all is as usual."""
        told = []
        if self.events_after:
            told.append(f"{_lie(self.events_after)} after the as-of date, and do not count.")
        if self.events_long_before:
            told.append(f"{_lie(self.events_long_before)} {LONG_YEARS} years and more before the as-of date.")
        if self.largest_client >= max(ONE_CLIENT, min(ONE_DAY, _TIMES_A_FAIR_SHARE / self.clients)):
            told.append(f"one user has {self.largest_client:.0%} of all events; is it a guest account, or a robot?")
        if self.best_day_share >= 1:
            told.append(f"all purchases lie on one day, {self.best_day}; is it the day of an export?")
        elif self.best_day_share >= ONE_DAY:
            told.append(f"{self.best_day_share:.0%} of all purchases lie on one day, {self.best_day}.")
        return told


def _lie(events: int) -> str:
    return "1 event lies" if events == 1 else f"{events:,} events lie"


def doubts(clients: Path, events: Path, as_of: date) -> Doubts:
    """Return what is odd about the events that a client table (a file) was made of; `events` is the ingested folder."""
    span, days = windows(as_of), account(events).days
    inside = sum(count for day, count in days.items() if span.start.date() <= day <= as_of)
    files = [path for month, paths in month_files(events).items() if month in span.months for path in paths]
    with engine.connect() as connection:
        purchases = rollups.ensure(connection, files)["purchases"]
        bought = "number_of_views_7m + number_of_carts_7m + count_products_7m"
        most, count = connection.execute(
            f"SELECT max({bought}), count(*) FROM read_parquet({quoted(clients)})"  # noqa: S608 (our own names)
        ).fetchone() or (0, 0)
        day, on_it, items = connection.execute(
            f"""
            SELECT arg_max(day, items), max(items), sum(items) FROM (
                SELECT event_time::DATE AS day, count(*) AS items
                FROM read_parquet([{", ".join(map(quoted, purchases))}])
                WHERE event_time >= ? AND event_time < ? GROUP BY ALL)
            """,  # noqa: S608 (our own paths)
            [span.start, span.end],
        ).fetchone() or (as_of, 0, 1)
    return Doubts(
        events_long_before=sum(n for day, n in days.items() if (as_of - day).days > 365 * LONG_YEARS),
        events_after=sum(n for day, n in days.items() if day > as_of),
        largest_client=most / inside,
        best_day=day.isoformat(),
        best_day_share=float(on_it / items),
        clients=count,
    )
