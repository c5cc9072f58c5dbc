"""Events summed up once, when they arrive: Ibis expressions that any of its engines can run.

The sums serve every as-of date and every shop's clock. They are what the client table is made of.
"""

from datetime import date, timedelta

import ibis
from ibis import Table

from segmentation.ingest import events as event

SLOT = timedelta(minutes=15)
"""Of what events are summed up by: no offset from UTC in use since 1972 divides it."""

EVENTS = ibis.table(ibis.Schema.from_pyarrow(event.SCHEMA), name="events")
"""What the definition is written against; each engine puts its own events under the name."""
_SECONDS_BEFORE_1970 = (date(1970, 1, 1) - date.min) // timedelta(seconds=1)


def rollups(events: Table = EVENTS) -> dict[str, Table]:
    """Return what is kept of events for the steps: `purchases` as they are, and `visits`.

    Those of several files together serve as those of all their events do: rows only add up.
    """
    return {"visits": visits(slotted(events)), "purchases": purchases(events)}


def slotted(events: Table) -> Table:
    """Return what visits are summed up from: each event's user, type, session and slot, a quarter of an hour.

    A slot is inside a window or out of it, and in one hour of one day on any shop's clock, as its events are. It is
    told by its number since 0001-01-01, a Monday.
    """
    # Whole seconds, since engines count them as floats, which would round the last microsecond of a slot up.
    since = events.event_time.truncate("s").epoch_seconds() + _SECONDS_BEFORE_1970
    return events.select(
        "user_id",
        "event_type",
        # 64 bits tell one user's sessions apart as well as 36 characters do, in a fifth of the memory.
        session=events.user_session.notnull().ifelse(events.user_session.hash(), ibis.null("int64")),
        slot=(since // (SLOT // timedelta(seconds=1))).cast("int32"),
    )


def visits(slotted: Table) -> Table:
    """Sum up slotted events by user, session and slot; those without a session have one of their own."""
    return slotted.group_by("user_id", "session", "slot").aggregate(
        views=slotted.count(where=slotted.event_type == "view"),
        carts=slotted.count(where=slotted.event_type == "cart"),
        events=slotted.count(),
    )


def purchases(events: Table) -> Table:
    """Return what is needed of each item bought."""
    return events.filter(events.event_type == "purchase").select(
        "user_id", "event_time", "price", "brand", "category_code"
    )
