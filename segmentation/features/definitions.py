"""Events to clients: the client table, defined once as Ibis expressions that any of its engines can run.

Each function is one part of the definition in docs/features.md. Events are summed up when they are ingested
(`ingest.sums`), a month file at a time and once for all as-of dates; the `steps` here read the sums. Sums of money
are decimal, so that no order of rows changes a cent; a session lies in a window when its last event does, so that one
pass over (client, session) serves all nested windows.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import ibis
from ibis import Table, Value

from contract.calendar import DAY_TIMES, HOURS, LONGEST_WINDOW, WEEKDAYS, WINDOW_MONTHS
from contract.columns import NAMES
from segmentation.features.calendar import Windows
from segmentation.ingest.sums import SLOT, rollups

_FIRST_MONDAY = datetime.combine(date.min, time())
_SLOTS_AN_HOUR = timedelta(hours=1) // SLOT
_SLOTS_A_DAY = timedelta(days=1) // SLOT


def steps(windows: Windows, offsets: Sequence[tuple[datetime, timedelta]]) -> dict[str, Table]:
    """Return the steps from the rollups to the client table, by name.

    Each is to be there before the next, which reads it by name, as the first ones read the rollups. The last,
    `clients`, has a row for each user with a purchase in the longest window. `offsets` are the shop's from UTC, each
    with the instant up to which it holds (`windows.utc_offsets`).
    """
    summed_up = {name: _stored(table, name) for name, table in rollups().items()}
    items, visited = summed_up["purchases"], summed_up["visits"]
    bought = items.filter((items.event_time >= windows.start) & (items.event_time < windows.end))
    stored_bought = _stored(bought, "bought")
    # Most users never buy, and their visits are most of all: what is not a buyer's goes first.
    inside = (visited.slot >= _slot(windows.start)) & (visited.slot < _slot(windows.end))
    kept = visited.filter(inside).semi_join(stored_bought, "user_id")
    stored_kept = _stored(kept, "kept")
    parts = {"activity": activity(stored_kept, windows, offsets), "sessions": sessions(stored_kept, windows)}
    stored_parts = [_stored(part, name) for name, part in parts.items()]
    return {"bought": bought, "kept": kept, **parts, "clients": clients(stored_bought, stored_parts, windows)}


def clients(bought: Table, behaviour: Sequence[Table], windows: Windows) -> Table:
    """Return the client table from its clients' purchases and from what is told of all that they did."""
    table = money(bought, windows)
    for part in (
        *behaviour,
        preferred(bought, "brand", "preferred_brand"),
        preferred(bought, "category_code", "preferred_category"),
    ):
        table = table.left_join(part, "user_id").select(*table.columns, *(c for c in part.columns if c != "user_id"))
    return table.mutate(
        cart_abandonments=ibis.greatest(table.number_of_carts_7m - table.count_products_7m, 0),
        **{f"number_of_sessions_{n}m": table[f"number_of_sessions_{n}m"].fill_null(0) for n in WINDOW_MONTHS},
    ).select(*NAMES)


def activity(visits: Table, windows: Windows, offsets: Sequence[tuple[datetime, timedelta]]) -> Table:
    """Return views and carts by window, and the part of the day and the weekday with most events."""
    local, starts = _local(visits.slot, offsets), _slots(windows.starts)
    timed = visits.mutate(hour=local // _SLOTS_AN_HOUR % 24, weekday=local // _SLOTS_A_DAY % 7)
    summed = timed.group_by("user_id").aggregate(
        **{name: _sum(timed.views, recent) for name, recent in _windowed("number_of_views", timed.slot, starts)},
        **{name: _sum(timed.carts, recent) for name, recent in _windowed("number_of_carts", timed.slot, starts)},
        **{name: _sum(timed.events, timed.hour.between(*hours)) for name, hours in HOURS.items()},
        **{name: _sum(timed.events, timed.weekday == i) for i, name in enumerate(WEEKDAYS)},
    )
    return summed.mutate(most_active_time=_most(summed, DAY_TIMES), most_active_day=_most(summed, WEEKDAYS)).drop(
        *DAY_TIMES, *WEEKDAYS
    )


def sessions(visits: Table, windows: Windows) -> Table:
    """Return the sessions by window; events without a session count in none."""
    known = visits.filter(visits.session.notnull())
    each = known.group_by("user_id", "session").aggregate(last_slot=known.slot.max())
    return each.group_by("user_id").aggregate(
        **{
            name: each.count(where=recent)
            for name, recent in _windowed("number_of_sessions", each.last_slot, _slots(windows.starts))
        }
    )


def money(bought: Table, windows: Windows) -> Table:
    """Return items, average prices, total value, and the last purchase with its age in days."""
    last_day = windows.end - timedelta(days=1)
    summed = bought.group_by("user_id").aggregate(
        **{
            name: bought.count(where=recent)
            for name, recent in _windowed("count_products", bought.event_time, windows.starts)
        },
        **{
            name: bought.price.sum(where=recent)
            for name, recent in _windowed("value", bought.event_time, windows.starts)
        },
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


def _stored(step: Table, name: str) -> Table:
    return ibis.table(step.schema(), name=name)


def _windowed(prefix: str, instant: Value, starts: Mapping[int, Any]) -> Iterator[tuple[str, Value | None]]:
    """Yield each window's name and what tells an instant in it; None for the longest, which holds all of a step's."""
    for months in WINDOW_MONTHS:
        yield f"{prefix}_{months}m", None if months == LONGEST_WINDOW else instant >= starts[months]


def _sum(number: Value, where: Value | None) -> Value:
    """Sum up whole numbers; as floats, which hold them exactly up to 2^53 and which engines add up fastest."""
    given = number if where is None else where.ifelse(number, 0)
    return given.cast("float64").sum().cast("int64")


def _slots(instants: Mapping[int, datetime]) -> dict[int, int]:
    return {months: _slot(instant) for months, instant in instants.items()}


def _slot(instant: datetime) -> int:
    return (instant - _FIRST_MONDAY) // SLOT


def _local(slot: Value, offsets: Sequence[tuple[datetime, timedelta]]) -> Value:
    """Shift a slot to the shop's clock."""
    *earlier, (_, last) = [(_slot(until), slot + shift // SLOT) for until, shift in offsets]
    return ibis.cases(*((slot < until, shifted) for until, shifted in earlier), else_=last) if earlier else last


def _most(table: Table, names: Sequence[str]) -> Any:
    """Return the name of the column with the highest count, the first of several."""
    highest = ibis.greatest(*(table[name] for name in names))
    return ibis.cases(*((table[name] == highest, name) for name in names))
