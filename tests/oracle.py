"""The contract of ingest and features told a second time, in plain Python: slow, obvious, independent.

Nothing of segmentation/ is imported here, so that a mistake there is not repeated here.
"""

import calendar
import csv
import gzip
import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

FIELDS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
TYPES = ("view", "cart", "remove_from_cart", "purchase")
TIMES = ("morning", "afternoon", "evening", "night")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CENT_OF_A_CENT = Decimal("0.0001")

Value = int | float | str | datetime | None
Client = dict[str, Value]


class Event(NamedTuple):
    """One cleaned event; times are UTC without tzinfo, as in the Parquet files."""

    event_time: datetime
    event_type: str
    product_id: int
    category_id: int | None
    category_code: str | None
    brand: str | None
    price: Decimal
    user_id: int
    user_session: str | None


@dataclass
class Account:
    """What became of one file's rows; `rejected` holds line number and the word its reason must contain."""

    rows_read: int = 0
    rows_kept: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)


class RejectedError(Exception):
    """A row that cannot be an event; the message is a word of the reason."""


# Cleaning


def integer(text: str) -> int | None:
    """Return the 64-bit integer that `text` writes, None when it writes none."""
    text = text.strip()
    if not re.fullmatch(r"-?[0-9]+", text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def words(text: str) -> str | None:
    """Trim and lower; empty is None, and so is what stands for nothing."""
    return known(text.strip().lower())


def known(text: str) -> str | None:
    """Return a text but for one that is empty or that databases, spreadsheets and data frames write for nothing."""
    return None if re.fullmatch(r"|null|\(null\)|nan|none|#?n/?a|<na>|nat|undefined|\\n", text, re.IGNORECASE) else text


def instant(text: str) -> datetime | None:
    """Return the UTC instant that `text` writes; without an offset it is UTC already."""
    try:
        moment = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment


def money(text: str) -> Decimal | None:
    """Return the price to four decimals, None when it is no finite amount from zero up."""
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0:
        return None
    return amount.quantize(CENT_OF_A_CENT, rounding=ROUND_HALF_UP)


def clean(row: dict[str, str]) -> Event:
    """Return the event that a row writes, or raise RejectedError."""
    moment = instant(row["event_time"])
    if moment is None:
        raise RejectedError("event_time")
    if row["event_type"] not in TYPES:
        raise RejectedError("event_type")
    product_id = integer(row["product_id"])
    if product_id is None:
        raise RejectedError("product_id")
    user_id = integer(row["user_id"])
    if user_id is None:
        raise RejectedError("user_id")
    price = money(row["price"])
    if price is None:
        raise RejectedError("price")
    return Event(
        event_time=moment,
        event_type=row["event_type"],
        product_id=product_id,
        category_id=integer(row["category_id"]),
        category_code=words(row["category_code"]),
        brand=words(row["brand"]),
        price=price,
        user_id=user_id,
        user_session=known(row["user_session"]),
    )


# Files


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number (the header is line 1) and fields; bytes that are no UTF-8 become surrogates."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = content.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    for fields in reader:
        if fields:
            yield line, fields
        line = reader.line_num + 1


def read(path: Path, known: set[Event]) -> Account:
    """Account for every row of one file, and add its events to `known`."""
    account = Account()
    numbered = rows(path)
    _, header = next(numbered)
    for line, fields in numbered:
        account.rows_read += 1
        try:
            if any("\ud800" <= letter <= "\udfff" for value in fields for letter in value):
                raise RejectedError("bytes")
            if len(fields) != len(FIELDS):
                raise RejectedError("fields")
            event = clean(dict(zip(header, fields, strict=True)))
        except RejectedError as reason:
            account.rejected.append((line, str(reason)))
            continue
        if event in known:
            account.duplicates += 1
        else:
            known.add(event)
            account.rows_kept += 1
    return account


def ingest(paths: Iterable[Path]) -> tuple[set[Event], dict[str, Account]]:
    """Return the events of all files, and each file's account by its name."""
    known: set[Event] = set()
    accounts = {path.name: read(path, known) for path in paths}
    return known, accounts


# Features


def months_before(day: date, months: int) -> date:
    """Return the same day `months` earlier, or that month's last day."""
    year, month = day.year, day.month - months
    while month < 1:
        year, month = year - 1, month + 12
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def part_of_day(hour: int) -> str:
    """Return the part of the day that an hour belongs to."""
    if hour < 5:
        return "night"
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 18 else "evening"


def favourite(names: Iterable[str | None]) -> str | None:
    """Return the most frequent name, the first in the alphabet among equals; None when no name is known."""
    counts = Counter(name for name in names if name is not None)
    return min(counts, key=lambda name: (-counts[name], name.encode())) if counts else None


def busiest(names: Iterable[str], order: tuple[str, ...]) -> str:
    """Return the most frequent name, the first in `order` among equals."""
    counts = Counter(names)
    return max(order, key=lambda name: (counts[name], -order.index(name)))


def client(user_id: int, events: list[Event], as_of: date, timezone: str) -> Client | None:
    """Return the columns of one user, None when the user bought nothing in seven months."""
    end = as_of + timedelta(days=1)
    row: Client = {"user_id": user_id}
    for months in (2, 5, 7):
        first, last = (datetime.combine(day, time()) for day in (months_before(end, months), end))
        window = [event for event in events if first <= event.event_time < last]
        purchases = [event for event in window if event.event_type == "purchase"]
        spent = sum((event.price for event in purchases), Decimal(0))
        kinds = Counter(event.event_type for event in window)
        row[f"number_of_views_{months}m"] = kinds["view"]
        row[f"number_of_carts_{months}m"] = kinds["cart"]
        row[f"number_of_sessions_{months}m"] = len({e.user_session for e in window} - {None})
        row[f"count_products_{months}m"] = len(purchases)
        row[f"avg_price_{months}m"] = float(spent / len(purchases)) if purchases else None
    # From here on, the names hold the longest window's values.
    if not purchases:
        return None
    last_purchase = max(event.event_time for event in purchases)
    local = [e.event_time.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)) for e in window]
    row["last_purchase"] = last_purchase
    row["days_since_last_purchase"] = (as_of - last_purchase.date()).days
    row["total_purchase_value"] = float(spent)
    row["cart_abandonments"] = max(kinds["cart"] - len(purchases), 0)
    row["preferred_brand"] = favourite(event.brand for event in purchases)
    row["preferred_category"] = favourite(event.category_code for event in purchases)
    row["most_active_time"] = busiest((part_of_day(moment.hour) for moment in local), TIMES)
    row["most_active_day"] = busiest((DAYS[moment.weekday()] for moment in local), DAYS)
    return row


def clients(events: Iterable[Event], as_of: date, timezone: str = "UTC") -> dict[int, Client]:
    """Return the client table as one dict a client, by user id."""
    by_user: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    found = (client(user_id, theirs, as_of, timezone) for user_id, theirs in sorted(by_user.items()))
    return {int(str(row["user_id"])): row for row in found if row is not None}


# Comparing


def same(ours: object, theirs: object) -> bool:
    """Compare two cells; floats may differ by a rounding."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-12)
    return ours == theirs


def differences(expected: dict[int, Client], found: list[Client]) -> list[str]:
    """Say, cell by cell, where a client table departs from the oracle's; empty when nowhere."""
    said = []
    by_user = {int(str(row["user_id"])): row for row in found}
    if len(by_user) != len(found):
        said.append(f"{len(found)} rows for {len(by_user)} clients")
    if by_user.keys() != expected.keys():
        said.append(f"clients missing or too many: {sorted(by_user.keys() ^ expected.keys())[:10]}")
    for user_id in by_user.keys() & expected.keys():
        said += [
            f"client {user_id}: {name} is {by_user[user_id].get(name)!r}, should be {value!r}"
            for name, value in expected[user_id].items()
            if not same(value, by_user[user_id].get(name))
        ]
    return said
