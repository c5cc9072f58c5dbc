"""Events to clients: the 24 columns, defined once as Ibis expressions that any of its engines can run.

Each function is one part of the definition in docs/features.md. Sums of money are decimal, so that no
order of rows changes a cent; a session lies in a window when its last event does, so that one pass over
(client, session) serves all nested windows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import and_
from typing import Any

import ibis
from ibis import Table, Value

from segmentation.columns import DAY_TIMES, LONGEST_WINDOW, NAMES, WEEKDAYS, WINDOW_MONTHS
from segmentation.windows import Windows

HOURS = {"morning": (5, 11), "afternoon": (12, 17), "evening": (18, 23), "night": (0, 4)}
"""The first and the last hour of each part of the day, on the shop's clock."""


def steps(events: Table, windows: Windows, offsets: Sequence[tuple[datetime, timedelta]]) -> dict[str, Table]:
    """Return the steps to the client table, by name: each is to be stored before the next, which reads it by name.

    The last step, `clients`, has a row for each user with a purchase in the longest window. `events` has the
    columns of `segmentation.events.SCHEMA`; `offsets` are the shop's from UTC, each with the instant up to which
    it holds (`windows.utc_offsets`).
    """
    inside = (events.event_time >= windows.start) & (events.event_time < windows.end)
    bought = events.filter(inside & (events.event_type == "purchase")).select(
        "user_id", "event_time", "price", "brand", "category_code"
    )
    stored_bought = _stored(bought, "bought")
    # Most users never buy, and their events are most of all: what is not a buyer's goes first.
    kept = events.filter(inside).semi_join(stored_bought, "user_id")
    # The events are read twice rather than stored in between: reading is cheap, and storing takes memory.
    parts = {"activity": activity(kept, windows, offsets), "sessions": sessions(kept, windows)}
    stored_parts = [_stored(part, name) for name, part in parts.items()]
    return {"bought": bought, **parts, "clients": clients(stored_bought, stored_parts, windows)}


def clients(bought: Table, behaviour: Sequence[Table], windows: Windows) -> Table:
    """Return the client table from its clients' purchases and from what is told of all that they did."""
    table = purchases(bought, windows)
    for part in (
        *behaviour,
        preferred(bought, "brand", "preferred_brand"),
        preferred(bought, "category_code", "preferred_category"),
    ):
        table = table.left_join(part, "user_id").select(*table.columns, *(c for c in part.columns if c != "user_id"))
    return table.mutate(
        cart_abandonments=ibis.greatest(table.number_of_carts_7m - table.count_products_7m, 0),
        **{name: table[name].fill_null(0) for name in _window_names("number_of_sessions").values()},
    ).select(*NAMES)


def activity(events: Table, windows: Windows, offsets: Sequence[tuple[datetime, timedelta]]) -> Table:
    """Return views and carts by window, and the part of the day and the weekday with most events."""
    local_time = _local(events.event_time, offsets)
    timed = events.mutate(hour=local_time.hour(), weekday=local_time.day_of_week.index())
    counted = timed.group_by("user_id").aggregate(
        **_counts(timed, timed.event_type == "view", "number_of_views", windows),
        **_counts(timed, timed.event_type == "cart", "number_of_carts", windows),
        **{name: timed.count(where=timed.hour.between(*hours)) for name, hours in HOURS.items()},
        **{name: timed.count(where=timed.weekday == i) for i, name in enumerate(WEEKDAYS)},
    )
    return counted.mutate(most_active_time=_most(counted, DAY_TIMES), most_active_day=_most(counted, WEEKDAYS)).drop(
        *DAY_TIMES, *WEEKDAYS
    )


def sessions(events: Table, windows: Windows) -> Table:
    """Return the sessions by window; events without a session count in none."""
    known = events.filter(events.user_session.notnull())
    # 64 bits tell one user's sessions apart as well as 36 characters do, in a fifth of the memory.
    hashed = known.select("user_id", "event_time", session=known.user_session.hash())
    each = hashed.group_by("user_id", "session").aggregate(last_event=hashed.event_time.max())
    return each.group_by("user_id").aggregate(
        **{
            name: each.count(where=_since(each.last_event, months, windows))
            for months, name in _window_names("number_of_sessions").items()
        }
    )


def purchases(bought: Table, windows: Windows) -> Table:
    """Return items, average prices, total value, and the last purchase with its age in days."""
    last_day = windows.end - timedelta(days=1)
    items = _counts(bought, None, "count_products", windows)
    money = {months: bought.price.sum(where=_since(bought.event_time, months, windows)) for months in WINDOW_MONTHS}
    summed = bought.group_by("user_id").aggregate(
        **items,
        **{f"value_{months}m": value for months, value in money.items()},
        last_purchase=bought.event_time.max(),
    )
    return summed.mutate(
        **{
            f"avg_price_{months}m": summed[f"value_{months}m"].cast("float64")
            / summed[f"count_products_{months}m"].nullif(0)
            for months in WINDOW_MONTHS
        },
        total_purchase_value=summed[f"value_{LONGEST_WINDOW}m"].cast("float64"),
        days_since_last_purchase=ibis.literal(last_day.date())
        .delta(summed.last_purchase.date(), unit="day")
        .cast("int32"),
    ).drop(*(f"value_{months}m" for months in WINDOW_MONTHS))


def preferred(bought: Table, column: str, name: str) -> Table:
    """Return the most purchased value of `column`; of several, the first in alphabetical order."""
    known = bought.filter(bought[column].notnull())
    counted = known.group_by("user_id", column).aggregate(items=known.count())
    ranked = counted.mutate(
        place=ibis.row_number().over(
            group_by=counted.user_id, order_by=[counted["items"].desc(), counted[column].asc()]
        )
    )
    return ranked.filter(ranked.place == 0).select("user_id", **{name: column})


def _window_names(prefix: str) -> dict[int, str]:
    return {months: f"{prefix}_{months}m" for months in WINDOW_MONTHS}


def _stored(step: Table, name: str) -> Table:
    return ibis.table(step.schema(), name=name)


def _counts(events: Table, kind: Value | None, prefix: str, windows: Windows) -> Mapping[str, Value]:
    return {
        name: events.count(where=_all(kind, _since(events.event_time, months, windows)))
        for months, name in _window_names(prefix).items()
    }


def _since(instant: Value, months: int, windows: Windows) -> Value | None:
    """Tell whether an instant is in a window; None for the longest, in which all of a stored step's events are."""
    return None if months == LONGEST_WINDOW else instant >= windows.starts[months]


def _all(*conditions: Value | None) -> Value | None:
    given = [condition for condition in conditions if condition is not None]
    return reduce(and_, given) if given else None


def _local(instant: Value, offsets: Sequence[tuple[datetime, timedelta]]) -> Value:
    """Shift an instant to the shop's clock."""
    if not any(shift for _, shift in offsets):
        return instant
    *earlier, (_, last) = [(until, ibis.interval(seconds=int(shift.total_seconds()))) for until, shift in offsets]
    if not earlier:
        return instant + last
    return ibis.cases(*((instant < until, instant + shift) for until, shift in earlier), else_=instant + last)


def _most(table: Table, names: Sequence[str]) -> Any:
    """Return the name of the column with the highest count, the first of several."""
    highest = ibis.greatest(*(table[name] for name in names))
    return ibis.cases(*((table[name] == highest, name) for name in names))
