"""Events to clients: the 24 columns, defined once as Ibis expressions that any of its engines can run.

Each function is one part of the definition in docs/features.md. Sums of money are decimal, so that no
order of rows changes a cent; a session lies in a window when its last event does, so that one pass over
(client, session) serves all nested windows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import ibis
from ibis import Table, Value

from segmentation.columns import DAY_TIMES, LONGEST_WINDOW, NAMES, WEEKDAYS, WINDOW_MONTHS
from segmentation.windows import Windows

LAST_HOUR = {"night": 4, "morning": 11, "afternoon": 17, "evening": 23}
"""The last hour of each part of the day, by which it is recognised in this order."""


def clients(events: Table, windows: Windows, offsets: Sequence[tuple[datetime, timedelta]]) -> Table:
    """Return the client table: a row for each user with a purchase in the longest window.

    `events` has the columns of `segmentation.events.SCHEMA`; `offsets` are the shop's from UTC, each with
    the instant up to which it holds (`windows.utc_offsets`).
    """
    inside = events.filter(events.event_time >= windows.start, events.event_time < windows.end)
    bought = inside.filter(inside.event_type == "purchase")
    buyers = bought.select("user_id").distinct()
    behaviour = inside.semi_join(buyers, "user_id")
    parts = [
        activity(behaviour, windows, offsets),
        sessions(behaviour, windows),
        purchases(bought, windows),
        preferred(bought, "brand", "preferred_brand"),
        preferred(bought, "category_code", "preferred_category"),
    ]
    table = parts[0]
    for part in parts[1:]:
        table = table.left_join(part, "user_id").drop("user_id_right")
    return table.mutate(
        cart_abandonments=ibis.greatest(table.number_of_carts_7m - table.count_products_7m, 0),
        **{name: table[name].fill_null(0) for name in _window_names("number_of_sessions").values()},
    ).select(*NAMES)


def activity(events: Table, windows: Windows, offsets: Sequence[tuple[datetime, timedelta]]) -> Table:
    """Return views and carts by window, and the part of the day and the weekday with most events."""
    local = events.mutate(local_time=_local(events.event_time, offsets))
    hours, days = _day_time(local.local_time), local.local_time.day_of_week.index()
    counted = local.group_by("user_id").aggregate(
        **_counts(local, "view", "number_of_views", windows),
        **_counts(local, "cart", "number_of_carts", windows),
        **{name: local.count(where=hours == name) for name in DAY_TIMES},
        **{name: local.count(where=days == i) for i, name in enumerate(WEEKDAYS)},
    )
    return counted.mutate(most_active_time=_most(counted, DAY_TIMES), most_active_day=_most(counted, WEEKDAYS)).drop(
        *DAY_TIMES, *WEEKDAYS
    )


def sessions(events: Table, windows: Windows) -> Table:
    """Return the sessions by window; events without a session count in none."""
    known = events.filter(events.user_session.notnull())
    each = known.group_by("user_id", "user_session").aggregate(last_event=known.event_time.max())
    return each.group_by("user_id").aggregate(
        **{
            name: each.count(where=each.last_event >= windows.starts[months])
            for months, name in _window_names("number_of_sessions").items()
        }
    )


def purchases(bought: Table, windows: Windows) -> Table:
    """Return items, average prices, total value, and the last purchase with its age in days."""
    last_day = windows.end - timedelta(days=1)
    items = _counts(bought, "purchase", "count_products", windows)
    money = {months: bought.price.sum(where=bought.event_time >= windows.starts[months]) for months in WINDOW_MONTHS}
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


def _counts(events: Table, event_type: str, prefix: str, windows: Windows) -> Mapping[str, Value]:
    return {
        name: events.count(where=(events.event_type == event_type) & (events.event_time >= windows.starts[months]))
        for months, name in _window_names(prefix).items()
    }


def _local(instant: Value, offsets: Sequence[tuple[datetime, timedelta]]) -> Value:
    """Shift an instant to the shop's clock."""
    *earlier, (_, last) = [(until, ibis.interval(seconds=int(shift.total_seconds()))) for until, shift in offsets]
    if not earlier:
        return instant + last
    return ibis.cases(*((instant < until, instant + shift) for until, shift in earlier), else_=instant + last)


def _day_time(instant: Value) -> Value:
    hour = instant.hour()
    *first, (last_name, _) = LAST_HOUR.items()
    return ibis.cases(*((hour <= last, name) for name, last in first), else_=last_name)


def _most(table: Table, names: Sequence[str]) -> Any:
    """Return the name of the column with the highest count, the first of several."""
    highest = ibis.greatest(*(table[name] for name in names))
    return ibis.cases(*((table[name] == highest, name) for name in names))
