"""The client table: its columns, what each holds, what the model makes of it, and how it is said in English.

Both sides derive from this table: the schemas in Arrow and marshmallow, the inputs of the model, profiles, pages,
the table in docs/features.md. English texts are also the keys of the other languages' catalogues. The expressions
that compute the columns stand in `segmentation/features/definitions.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract.calendar import DAY_TIMES, LONGEST_WINDOW, WEEKDAYS, WINDOW_MONTHS
from contract.words import N_

Kind = Literal["id", "count", "days", "money", "time", "text"]
Axis = Literal["recency", "frequency", "monetary", "activity"]
Event = Literal["view", "cart"]

AXES: tuple[Axis, ...] = ("recency", "frequency", "monetary", "activity")
LEAST_ID, MOST_ID = -(2**63), 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the client table.

    `label` names it in a list. `many`, `one` and `none` say a value in a sentence, where `{value}` stands for it:
    several, a single one, nothing at all. `{months}` stands for the length of the window.
    """

    name: str
    kind: Kind
    label: str
    meaning: str
    months: int | None = None
    """The window's length; None for a column that has no windows."""
    null: str | None = None
    """When there is no value; None for a column that always has one."""
    axis: Axis | None = None
    """The axis of behaviour that the model's input lies on; None for a column that the model does not look at."""
    sent: Literal["always", "perhaps"] = "perhaps"
    """Whether a caller who sends a client's features must send this one."""
    values: tuple[str, ...] = ()
    """All that a text can be, if that is few."""
    place: int = 0
    """Where a profile of clients has its median and quartiles, or a text's most frequent values; 0 for nowhere."""
    many: str | None = None
    one: str | None = None
    none: str | None = None
    event: Event | None = None
    """What it counts, where that is an event that a shop may not record."""

    @property
    def nullable(self) -> bool:
        """Return whether some clients have no value."""
        return self.null is not None

    @property
    def is_asked(self) -> bool:
        """Return whether the decision tree may ask about it: a rule that mixes three windows is kept in no mind."""
        return self.axis is not None and self.months in (None, LONGEST_WINDOW)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A column for each window: `name_2m`, `name_5m`, `name_7m`. What is only there in the longest is said by `7m`."""

    name: str
    kind: Kind
    label: str
    meaning: str
    axis: Axis
    many: str
    one: str | None = None
    none: str | None = None
    place: int
    """Of the longest window, in a profile of clients."""
    null: str | None = None
    """When a shorter window has no value: then only the longest one is an input of the model."""
    event: Event | None = None

    def columns(self) -> Iterator[Column]:
        """Yield a column for each window, the shortest first."""
        for months in WINDOW_MONTHS:
            longest = months == LONGEST_WINDOW
            yield Column(
                name=f"{self.name}_{months}m",
                kind=self.kind,
                label=self.label,
                meaning=self.meaning,
                months=months,
                null=None if longest else self.null,
                axis=self.axis if longest or not self.null else None,
                sent="always" if longest and not self.null else "perhaps",
                place=self.place if longest else 0,
                many=self.many,
                one=self.one,
                none=self.none,
                event=self.event,
            )


FAMILIES: tuple[Family, ...] = (
    Family(
        name="number_of_views",
        kind="count",
        label=N_("product views"),
        meaning="`view` events in the window",
        axis="activity",
        many=N_("{value} product views in {months} months"),
        one=N_("{value} product view in {months} months"),
        none=N_("no product view in {months} months"),
        place=6,
        event="view",
    ),
    Family(
        name="number_of_carts",
        kind="count",
        label=N_("additions to the cart"),
        meaning="`cart` events in the window",
        axis="activity",
        many=N_("{value} additions to the cart in {months} months"),
        one=N_("{value} addition to the cart in {months} months"),
        none=N_("no addition to the cart in {months} months"),
        place=7,
        event="cart",
    ),
    Family(
        name="number_of_sessions",
        kind="count",
        label=N_("visits"),
        meaning="different sessions of this user in the window, whatever their events",
        axis="activity",
        many=N_("{value} visits in {months} months"),
        one=N_("{value} visit in {months} months"),
        none=N_("no visit in {months} months"),
        place=5,
    ),
    Family(
        name="count_products",
        kind="count",
        label=N_("items bought"),
        meaning="`purchase` events in the window: items bought",
        axis="frequency",
        many=N_("{value} items bought in {months} months"),
        one=N_("{value} item bought in {months} months"),
        none=N_("no item bought in {months} months"),
        place=3,
    ),
    Family(
        name="avg_price",
        kind="money",
        label=N_("paid per item"),
        meaning="mean price of those items",
        axis="monetary",
        many=N_("{value} paid per item in {months} months"),
        null="nothing was bought in the window",
        place=4,
    ),
)
"""The columns that each window has."""

COLUMNS: tuple[Column, ...] = (
    Column(name="user_id", kind="id", label=N_("customer number"), meaning="the client; rows are sorted by it"),
    *(column for columns in zip(*(family.columns() for family in FAMILIES), strict=True) for column in columns),
    Column(name="last_purchase", kind="time", label=N_("last purchase"), meaning="last purchase in the 7-month window"),
    Column(
        name="days_since_last_purchase",
        kind="days",
        label=N_("days since the last purchase"),
        meaning="`as_of` less the UTC date of `last_purchase`; 0 on the day itself",
        axis="recency",
        sent="always",
        place=2,
        many=N_("last purchase {value} days ago"),
        one=N_("last purchase {value} day ago"),
        none=N_("last purchase today"),
    ),
    Column(
        name="total_purchase_value",
        kind="money",
        label=N_("spent"),
        meaning="sum of the prices of the items bought in 7 months",
        axis="monetary",
        sent="always",
        place=1,
        many=N_("{value} spent in 7 months"),
    ),
    Column(
        name="cart_abandonments",
        kind="count",
        label=N_("left in the cart"),
        meaning="`number_of_carts_7m` less `count_products_7m`, at least 0",
        axis="activity",
        many=N_("{value} cart items left unbought in 7 months"),
        one=N_("{value} cart item left unbought in 7 months"),
        none=N_("no cart item left unbought in 7 months"),
        event="cart",
    ),
    Column(
        name="preferred_brand",
        kind="text",
        label=N_("favourite brand"),
        meaning="brand most often bought in 7 months",
        null="no bought item had a brand",
        place=1,
    ),
    Column(
        name="preferred_category",
        kind="text",
        label=N_("favourite category"),
        meaning="`category_code` most often bought in 7 months",
        null="no bought item had one",
        place=2,
    ),
    Column(
        name="most_active_time",
        kind="text",
        label=N_("most active"),
        meaning="part of the day with most events of any kind in 7 months",
        values=DAY_TIMES,
        place=3,
    ),
    Column(
        name="most_active_day",
        kind="text",
        label=N_("favourite day"),
        meaning="weekday with most events of any kind in 7 months",
        values=WEEKDAYS,
        place=4,
    ),
)
"""The columns of the client table, in their order."""

COLUMN = {column.name: column for column in COLUMNS}
NAMES: tuple[str, ...] = tuple(COLUMN)
FEATURES = tuple(column for column in COLUMNS if column.kind != "id")
"""What is known of a client beside its number."""
_BY_FAMILY = (
    *(column for family in FAMILIES for column in family.columns()),
    *(column for column in COLUMNS if column.months is None),
)
INPUTS = tuple(column for axis in AXES for column in _BY_FAMILY if column.axis == axis)
"""What the model looks at: by axis, and there a family's windows beside each other."""
COUNTED = tuple(family.name for family in FAMILIES if family.kind == "count")
"""The counts of each window, by the beginning of their names: a longer window has no less than a shorter one."""
_PROFILED = sorted((column for column in COLUMNS if column.place), key=lambda column: column.place)
TYPICAL = tuple(column for column in _PROFILED if column.kind != "text")
"""Figures of the typical client; the first three tell a persona at a glance."""
FAVOURITES = tuple(column for column in _PROFILED if column.kind == "text")


def is_recorded(column: Column, metrics: Mapping[str, Any]) -> bool:
    """Tell whether a shop records what a column counts, as the metrics of its snapshot say; older ones do not."""
    return column.event is None or bool(metrics.get("recorded", {}).get(column.event, True))


def visits_are_recorded(metrics: Mapping[str, Any]) -> bool:
    """Tell whether a shop records visits that end without a purchase."""
    return any(metrics.get("recorded", {"view": True}).values())


SEGMENT_COLUMNS = ("persona", "cluster", "agrees", "confidence")
"""What clients.parquet of a snapshot has of each client behind the columns of the client table."""
