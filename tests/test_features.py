"""The client table: tiny tables first, then real files and random tables against the oracle."""

import csv
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import oracle
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared_data import COSMETICS, MULTICATEGORY, RETAIL, bundled, by_the_oracle, shared

from contract.columns import NAMES
from contract.errors import BadInputError, WrongUsageError
from segmentation.features import table as features
from segmentation.features.columns import SCHEMA
from segmentation.features.doubts import Doubts, doubts
from segmentation.features.statistics import QUANTILES, statistics
from segmentation.features.table import client_table, read_clients, write_clients
from segmentation.ingest.ingest import ingest

AS_OF = date(2020, 4, 30)
BOUGHT = "2020-04-15 12:00:00"

Raw = dict[str, object]
Clients = Callable[..., dict[int, oracle.Client]]

at = datetime.fromisoformat


def event(event_time: str, event_type: str = "purchase", **other: object) -> Raw:
    row: Raw = {
        "event_time": event_time,
        "event_type": event_type,
        "product_id": 1,
        "category_id": "",
        "category_code": "",
        "brand": "",
        "price": "10.00",
        "user_id": 7,
        "user_session": "",
    }
    return row | other


def write_csv(path: Path, events: Iterable[Raw]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, oracle.FIELDS)
        writer.writeheader()
        writer.writerows(events)
    return path


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    """Events in, client rows by user id out; a product id of its own keeps any row from being a duplicate."""

    def run(*events: Raw, as_of: date = AS_OF, timezone: str = "UTC") -> dict[int, oracle.Client]:
        distinct = [row | {"product_id": number} for number, row in enumerate(events)]
        ingest([write_csv(tmp_path / "events.csv", distinct)], tmp_path / "out")
        table = client_table(tmp_path / "out", as_of, timezone)
        return {row["user_id"]: row for row in table.to_pylist()}

    return run


# The table


def test_a_client_has_the_columns_in_order(clients: Clients) -> None:
    found = clients(
        event("2020-04-01 08:00:00", "view", user_session="a", brand="acme", category_code="toys"),
        event("2020-04-01 08:01:00", "cart", user_session="a", brand="acme", category_code="toys"),
        event("2020-04-01 08:02:00", "cart", user_session="a", brand="acme", category_code="toys"),
        event("2020-04-01 08:03:00", user_session="a", brand="acme", category_code="toys", price="2.50"),
        event("2020-01-02 19:00:00", user_session="b", brand="bobo", category_code="toys", price="7.49"),
        event("2019-10-01 00:00:00", "view", user_session="c", price="3"),
    )
    assert list(found) == [7]
    assert list(found[7]) == list(NAMES)
    worked_out = {
        "user_id": 7,
        "number_of_views_2m": 1,
        "number_of_carts_2m": 2,
        "number_of_sessions_2m": 1,
        "count_products_2m": 1,
        "avg_price_2m": 2.5,
        "number_of_views_5m": 1,
        "number_of_carts_5m": 2,
        "number_of_sessions_5m": 2,
        "count_products_5m": 2,
        "avg_price_5m": 4.995,
        "number_of_views_7m": 2,
        "number_of_carts_7m": 2,
        "number_of_sessions_7m": 3,
        "count_products_7m": 2,
        "avg_price_7m": 4.995,
        "last_purchase": at("2020-04-01 08:03:00"),
        "days_since_last_purchase": 29,
        "total_purchase_value": 9.99,
        "cart_abandonments": 0,
        "preferred_brand": "acme",
        "preferred_category": "toys",
        "most_active_time": "morning",
        "most_active_day": "wednesday",
    }
    assert {name: found[7][name] for name in worked_out} == worked_out


def test_the_table_has_the_declared_schema(tmp_path: Path) -> None:
    ingest([write_csv(tmp_path / "events.csv", [event(BOUGHT)])], tmp_path / "out")
    table = client_table(tmp_path / "out", AS_OF)
    assert [(field.name, field.type) for field in table.schema] == [(f.name, f.type) for f in SCHEMA]


def test_clients_come_sorted_by_user_id(clients: Clients) -> None:
    ids = [9, -3, 2**62, 1]
    assert list(clients(*(event(BOUGHT, user_id=user_id) for user_id in ids))) == sorted(ids)


def test_a_user_with_a_single_event_is_a_client(clients: Clients) -> None:
    row = clients(event(BOUGHT, price="3.10"))[7]
    assert (row["number_of_views_7m"], row["number_of_carts_7m"], row["number_of_sessions_7m"]) == (0, 0, 0)
    assert (row["count_products_7m"], row["avg_price_7m"], row["total_purchase_value"]) == (1, 3.1, 3.1)
    assert (row["preferred_brand"], row["preferred_category"]) == (None, None)
    assert (row["most_active_time"], row["most_active_day"]) == ("afternoon", "wednesday")


def test_users_without_a_purchase_are_no_clients(clients: Clients) -> None:
    found = clients(
        event(BOUGHT, "cart", user_id=1),
        event(BOUGHT, "view", user_id=2),
        event(BOUGHT, "remove_from_cart", user_id=3),
        event(BOUGHT, user_id=4),
        event("2019-09-30 23:59:59", user_id=5),
        event(BOUGHT, "view", user_id=5),
    )
    assert list(found) == [4]


@pytest.mark.parametrize("moment", ["2019-09-30 23:59:59", "2020-05-01 00:00:00"])
def test_no_client_at_all_is_bad_input(clients: Clients, moment: str) -> None:
    with pytest.raises(BadInputError) as told:
        clients(event(moment), event(BOUGHT, "view"))
    assert len(str(told.value).splitlines()) == 1


# Windows


def counts(row: oracle.Client) -> tuple[object, ...]:
    return tuple(row[f"count_products_{months}m"] for months in (2, 5, 7))


def test_window_borders_to_the_second(clients: Clients) -> None:
    expected = {
        "2020-04-30 23:59:59.999999": (1, 1, 1),
        "2020-04-30 23:59:59": (1, 1, 1),
        "2020-03-01 00:00:00": (1, 1, 1),
        "2020-02-29 23:59:59": (0, 1, 1),
        "2019-12-01 00:00:00": (0, 1, 1),
        "2019-11-30 23:59:59": (0, 0, 1),
        "2019-10-01 00:00:00": (0, 0, 1),
        "2019-09-30 23:59:59": None,
        "2020-05-01 00:00:00": None,
    }
    found = clients(*(event(moment, user_id=number) for number, moment in enumerate(expected)))
    assert {
        moment: counts(found[number]) if number in found else None for number, moment in enumerate(expected)
    } == expected


@pytest.mark.parametrize(
    ("as_of", "firsts"),
    [
        # as_of + 1 day is a month's first day: windows begin on first days
        (date(2020, 4, 30), ("2020-03-01", "2019-12-01", "2019-10-01")),
        (date(2021, 3, 31), ("2021-02-01", "2020-11-01", "2020-09-01")),
        # as_of + 1 day is the 31st: June, March and January follow, June clips to the 30th
        (date(2020, 8, 30), ("2020-06-30", "2020-03-31", "2020-01-31")),
        # as_of + 1 day is 30 April: clips to 29 February, a leap year's; 30 November and September exist
        (date(2020, 4, 29), ("2020-02-29", "2019-11-30", "2019-09-30")),
        (date(2021, 4, 29), ("2021-02-28", "2020-11-30", "2020-09-30")),
        # the 30th less 7 months clips in a leap year, and in a common one
        (date(2020, 9, 29), ("2020-07-30", "2020-04-30", "2020-02-29")),
        (date(2021, 9, 28), ("2021-07-29", "2021-04-29", "2021-02-28")),
        # as_of + 1 day is the leap day, and the day after it
        (date(2020, 2, 28), ("2019-12-29", "2019-09-29", "2019-07-29")),
        (date(2020, 2, 29), ("2020-01-01", "2019-10-01", "2019-08-01")),
        # across the year's end
        (date(2019, 12, 30), ("2019-10-31", "2019-07-31", "2019-05-31")),
        (date(2019, 12, 31), ("2019-11-01", "2019-08-01", "2019-06-01")),
    ],
)
def test_windows_begin_on_the_calendar_day(clients: Clients, as_of: date, firsts: tuple[str, ...]) -> None:
    borders = [at(first) for first in firsts]
    second = timedelta(seconds=1)
    inside = {index + 1: event(str(border), user_id=index + 1) for index, border in enumerate(borders)}
    before = {index + 11: event(str(border - second), user_id=index + 11) for index, border in enumerate(borders)}
    found = clients(*inside.values(), *before.values(), as_of=as_of)
    assert {user_id: counts(row) for user_id, row in found.items()} == {
        1: (1, 1, 1),
        2: (0, 1, 1),
        3: (0, 0, 1),
        11: (0, 1, 1),
        12: (0, 0, 1),
    }


def test_a_purchase_in_the_old_window_only(clients: Clients) -> None:
    row = clients(event("2019-10-15 10:00:00", price="4.20"), event(BOUGHT, "view"))[7]
    assert [row[f"avg_price_{months}m"] for months in (2, 5, 7)] == [None, None, 4.2]
    assert row["days_since_last_purchase"] == 198
    assert row["number_of_views_2m"] == 1


def test_days_since_the_last_purchase_count_dates(clients: Clients) -> None:
    expected = {
        "2020-04-30 23:59:59": 0,
        "2020-04-30 00:00:00": 0,
        "2020-04-29 23:59:59": 1,
        "2020-02-29 12:00:00": 61,
    }
    last = [event(moment, user_id=number) for number, moment in enumerate(expected)]
    others = [
        event(moment, user_id=number)
        for moment in ("2020-01-01 00:00:00", "2020-05-01 00:00:00")
        for number in range(len(expected))
    ]
    found = clients(*others, *last)
    for number, (moment, days) in enumerate(expected.items()):
        assert found[number]["days_since_last_purchase"] == days
        assert found[number]["last_purchase"] == at(moment)


# Sessions


def sessions(row: oracle.Client) -> tuple[object, ...]:
    return tuple(row[f"number_of_sessions_{months}m"] for months in (2, 5, 7))


def test_a_session_over_a_border_counts_where_it_ends(clients: Clients) -> None:
    expected = {
        ("2020-02-29 23:59:59", "2020-03-01 00:00:00"): (1, 1, 1),
        ("2019-11-30 23:59:59", "2019-12-01 00:00:00"): (0, 1, 1),
        ("2019-09-30 23:59:59", "2019-10-01 00:00:00"): (0, 0, 1),
        ("2019-09-30 23:59:58", "2019-09-30 23:59:59"): (0, 0, 0),
        ("2020-04-30 23:59:59", "2020-05-01 00:00:00"): (1, 1, 1),
        ("2019-10-05 00:00:00", "2020-05-01 00:00:00"): (0, 0, 1),
        ("2020-05-01 00:00:00", "2020-05-01 00:00:01"): (0, 0, 0),
    }
    rows = [event("2019-10-02 00:00:00", user_id=number) for number in range(len(expected))]
    for number, (first, last) in enumerate(expected):
        rows += [event(moment, "view", user_session="s", user_id=number) for moment in (last, first)]
    found = clients(*rows)
    assert {span: sessions(found[number]) for number, span in enumerate(expected)} == expected


def test_events_without_session_count_and_no_session_does(clients: Clients) -> None:
    row = clients(event(BOUGHT), event(BOUGHT, "view"), event(BOUGHT, "view", user_session="s"))[7]
    assert (row["number_of_views_7m"], row["number_of_sessions_7m"]) == (2, 1)


def test_one_session_id_of_two_users_is_a_session_of_each(clients: Clients) -> None:
    found = clients(
        event(BOUGHT, user_session="s", user_id=1),
        event("2019-10-15 10:00:00", user_session="s", user_id=2),
        event("2019-10-15 10:00:00", "view", user_session="t", user_id=2),
    )
    assert sessions(found[1]) == (1, 1, 1)
    assert sessions(found[2]) == (0, 0, 2)


def test_remove_from_cart_counts_in_sessions_and_activity_only(clients: Clients) -> None:
    row = clients(
        event("2020-04-15 12:00:00", user_session="s"),
        event("2020-04-16 20:00:00", "remove_from_cart", user_session="t", brand="acme", category_code="toys"),
        event("2020-04-16 21:00:00", "remove_from_cart", user_session="u", brand="acme", category_code="toys"),
    )[7]
    assert [row[f"{name}_7m"] for name in ("number_of_views", "number_of_carts", "count_products")] == [
        0,
        0,
        1,
    ]
    assert (row["number_of_sessions_7m"], row["cart_abandonments"]) == (3, 0)
    assert (row["most_active_time"], row["most_active_day"]) == ("evening", "thursday")
    assert (row["preferred_brand"], row["preferred_category"]) == (None, None)


# Money


def test_sums_are_exact_where_floats_are_not(clients: Clients) -> None:
    cheap = [event(BOUGHT, price="0.10", user_id=1) for _ in range(10)]
    dear = [event(BOUGHT, price=price, user_id=2) for price in ("99999999999.9999", "0.0001", "0.0001", "0.0001")]
    found = clients(*cheap, *dear)
    assert found[1]["total_purchase_value"] == 1.0
    assert found[1]["avg_price_7m"] == 0.1
    assert found[2]["total_purchase_value"] == float(Decimal("100000000000.0002"))


def test_beyond_four_decimals_a_price_is_rounded_half_up(clients: Clients) -> None:
    found = clients(event(BOUGHT, price="0.00005", user_id=1), event(BOUGHT, price="0.00004999", user_id=2))
    assert (found[1]["total_purchase_value"], found[2]["total_purchase_value"]) == (0.0001, 0.0)


def test_zero_prices_are_prices(clients: Clients) -> None:
    row = clients(event(BOUGHT, price="0"), event(BOUGHT, price="0.00"), event(BOUGHT, price="6"))[7]
    assert (row["count_products_7m"], row["avg_price_7m"], row["total_purchase_value"]) == (3, 2.0, 6.0)


def test_only_purchases_are_money(clients: Clients) -> None:
    row = clients(event(BOUGHT, price="6"), event(BOUGHT, "cart", price="100"), event(BOUGHT, "view", price="1"))[7]
    assert (row["avg_price_7m"], row["total_purchase_value"], row["cart_abandonments"]) == (6.0, 6.0, 0)


def test_carts_left_over_are_abandoned(clients: Clients) -> None:
    carts = [event("2019-10-01 00:00:00", "cart"), *[event(BOUGHT, "cart")] * 3]
    row = clients(event(BOUGHT), *carts)[7]
    assert (row["number_of_carts_2m"], row["number_of_carts_7m"], row["cart_abandonments"]) == (3, 4, 3)


# Preferences and their ties


@pytest.mark.parametrize(
    ("column", "preferred"), [("brand", "preferred_brand"), ("category_code", "preferred_category")]
)
def test_the_preferred_is_the_most_purchased(clients: Clients, column: str, preferred: str) -> None:
    expected = {
        ("b", "a", "b"): "b",
        ("b", "a"): "a",
        ("zeta", "alpha", "zeta", "alpha"): "alpha",
        ("", "", "", "b"): "b",
        ("", ""): None,
        ("B ", " b", "a"): "b",
        ("a-b", "a b", "ab"): "a b",
        ("zoë", "émile"): "zoë",
        ("10", "9"): "10",
    }
    rows = []
    for number, bought in enumerate(expected):
        rows += [event(BOUGHT, user_id=number, **{column: name}) for name in bought]
        rows += [event(BOUGHT, "view", user_id=number, **{column: "zz"})] * 5
        rows += [event("2019-09-30 23:59:59", user_id=number, **{column: "old"})] * 5
    found = clients(*rows)
    assert {bought: found[number][preferred] for number, bought in enumerate(expected)} == expected


def test_the_most_active_time(clients: Clients) -> None:
    expected = {
        ("04:59:59",): "night",
        ("00:00:00",): "night",
        ("05:00:00",): "morning",
        ("11:59:59",): "morning",
        ("12:00:00",): "afternoon",
        ("17:59:59",): "afternoon",
        ("18:00:00",): "evening",
        ("23:59:59",): "evening",
        ("03:00:00", "20:00:00", "13:00:00", "06:00:00"): "morning",
        ("03:00:00", "20:00:00", "13:00:00"): "afternoon",
        ("03:00:00", "20:00:00"): "evening",
        ("03:00:00", "20:00:00", "04:00:00", "06:00:00"): "night",
    }
    found = clients(
        *(event(f"2020-04-15 {hour}", user_id=number) for number, hours in enumerate(expected) for hour in hours)
    )
    assert {hours: found[number]["most_active_time"] for number, hours in enumerate(expected)} == expected


def test_the_most_active_day(clients: Clients) -> None:
    expected = {
        (13,): "monday",
        (14,): "tuesday",
        (15,): "wednesday",
        (16,): "thursday",
        (17,): "friday",
        (18,): "saturday",
        (19,): "sunday",
        (19, 18, 14): "tuesday",
        (19, 13): "monday",
        (19, 13, 26): "sunday",
        (17, 16): "thursday",
    }
    found = clients(
        *(event(f"2020-04-{day} 12:00:00", user_id=number) for number, days in enumerate(expected) for day in days)
    )
    assert {days: found[number]["most_active_day"] for number, days in enumerate(expected)} == expected


def test_activity_counts_all_kinds_within_seven_months(clients: Clients) -> None:
    row = clients(
        event("2020-04-15 12:00:00"),
        *[event("2020-04-16 20:00:00", kind) for kind in ("view", "cart", "remove_from_cart")],
        *[event("2019-09-29 06:00:00", "view")] * 9,
    )[7]
    assert (row["most_active_time"], row["most_active_day"]) == ("evening", "thursday")


# Time zone


def test_a_shop_time_zone_moves_hours_and_weekdays_across_summer_time(clients: Clients) -> None:
    # Paris is UTC+1 until 29 March 2020 01:00 UTC and UTC+2 from then on.
    found = clients(
        event("2020-03-28 22:30:00", user_id=1),  # saturday 23:30
        event("2020-03-29 22:30:00", user_id=2),  # monday 00:30
        event("2020-03-29 00:59:59", user_id=3),  # sunday 01:59:59
        event("2020-03-28 03:59:59", user_id=4),  # saturday 04:59:59
        event("2020-03-30 03:00:00", user_id=5),  # monday 05:00
        event("2019-10-27 00:59:59", user_id=6),  # sunday 02:59:59, the last second of summer time
        event("2019-10-27 16:59:59", user_id=7),  # sunday 17:59:59
        timezone="Europe/Paris",
    )
    assert {user_id: (row["most_active_time"], row["most_active_day"]) for user_id, row in found.items()} == {
        1: ("evening", "saturday"),
        2: ("night", "monday"),
        3: ("night", "sunday"),
        4: ("night", "saturday"),
        5: ("morning", "monday"),
        6: ("night", "sunday"),
        7: ("afternoon", "sunday"),
    }


@pytest.mark.parametrize("timezone", ["America/Los_Angeles", "Asia/Kathmandu"])
def test_a_shop_time_zone_moves_no_window_and_no_date(clients: Clients, timezone: str) -> None:
    row = clients(event("2020-04-30 23:30:00"), event("2019-10-01 00:00:00", price="1"), timezone=timezone)[7]
    assert counts(row) == (1, 1, 2)
    assert row["last_purchase"] == at("2020-04-30 23:30:00")
    assert row["days_since_last_purchase"] == 0


def test_the_process_own_time_zone_does_not_matter(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    row = clients(event("2020-04-30 23:30:00"))[7]
    assert (row["last_purchase"], row["most_active_time"]) == (at("2020-04-30 23:30:00"), "evening")


# Deliveries


def test_a_row_in_two_files_counts_once(tmp_path: Path) -> None:
    rows = [event(BOUGHT, user_session="s"), event(BOUGHT, "view", user_session="s")]
    first = write_csv(tmp_path / "first.csv", rows)
    second = write_csv(tmp_path / "second.csv", [*rows, *rows, event("2020-04-16 12:00:00", price="5")])
    ingest([first, second], tmp_path / "out")
    (row,) = client_table(tmp_path / "out", AS_OF).to_pylist()
    assert (row["count_products_7m"], row["number_of_views_7m"], row["total_purchase_value"]) == (2, 1, 15.0)


# Against the oracle


def compare(files: list[Path], out: Path, *asked: tuple[date, str]) -> None:
    ingest(files, out)
    events, _ = by_the_oracle(*files)
    for as_of, timezone in asked:
        found = client_table(out, as_of, timezone).to_pylist()
        assert oracle.differences(oracle.clients(events, as_of, timezone), found) == []


@pytest.mark.slow
def test_the_bundled_sample_is_as_the_oracle_says(tmp_path: Path) -> None:
    compare(bundled(), tmp_path / "out", (AS_OF, "UTC"), (date(2020, 3, 30), "Europe/Paris"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (MULTICATEGORY, [(date(2019, 10, 1), "Europe/Moscow")]),
        (COSMETICS, [(date(2020, 1, 31), "UTC")]),
        (RETAIL, [(date(2010, 12, 9), "Europe/London"), (date(2010, 9, 29), "UTC")]),
    ],
)
def test_real_files_are_as_the_oracle_says(tmp_path: Path, name: str, asked: list[tuple[date, str]]) -> None:
    compare([shared(name)], tmp_path / "out", *asked)


BORDERS = [oracle.months_before(AS_OF + timedelta(days=1), months) for months in (0, 2, 5, 7)]
near_a_border = st.builds(
    lambda border, seconds: datetime.combine(border, datetime.min.time()) + timedelta(seconds=seconds),
    st.sampled_from(BORDERS),
    st.integers(-2, 1),
)
anywhere = st.datetimes(at("2019-09-01"), at("2020-05-03")).map(lambda t: t.replace(microsecond=0))
names = st.sampled_from(["", "a", "b", "B", " b ", "a b", "é"])
raw_events = st.lists(
    st.builds(
        event,
        st.one_of(near_a_border, anywhere).map(str),
        st.sampled_from(["view", "cart", "purchase", "purchase", "remove_from_cart"]),
        product_id=st.integers(1, 3),
        brand=names,
        category_code=names,
        price=st.decimals(0, 10**10, places=5),
        user_id=st.integers(1, 3),
        user_session=st.sampled_from(["", "s", "t", "u"]),
    ),
    max_size=25,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(events=raw_events, timezone=st.sampled_from(["UTC", "Europe/Paris", "Asia/Kathmandu"]))
def test_any_table_is_as_the_oracle_says(events: list[Raw], timezone: str) -> None:
    sold = event("2019-11-11 11:11:11", user_id=99)  # so that there always is a client
    with TemporaryDirectory() as folder:
        file = write_csv(Path(folder) / "events.csv", [*events, sold])
        ingest([file], Path(folder) / "out")
        found = client_table(Path(folder) / "out", AS_OF, timezone).to_pylist()
        known, _ = oracle.ingest([file])
    assert oracle.differences(oracle.clients(known, AS_OF, timezone), found) == []
    for row in found:
        obey_the_laws(row)


def obey_the_laws(row: oracle.Client) -> None:
    for name in ("number_of_views", "number_of_carts", "number_of_sessions", "count_products"):
        nested = [int(str(row[f"{name}_{months}m"])) for months in (2, 5, 7)]
        assert all(0 <= narrow <= wide for narrow, wide in pairwise(nested)), f"{name} does not nest"
    for months in (2, 5, 7):
        assert (row[f"avg_price_{months}m"] is None) == (row[f"count_products_{months}m"] == 0)
    value = float(str(row["count_products_7m"])) * float(str(row["avg_price_7m"]))
    assert value == pytest.approx(float(str(row["total_purchase_value"])), rel=1e-12)
    bought = row["last_purchase"]
    assert isinstance(bought, datetime)
    assert row["days_since_last_purchase"] == (AS_OF - bought.date()).days


def test_a_time_zone_off_the_quarters_of_an_hour_is_refused(clients: Clients) -> None:
    rows = [event("1960-04-15 12:00:00")]
    with pytest.raises(WrongUsageError, match="Africa/Monrovia was no whole quarters of an hour from UTC"):
        clients(*rows, as_of=date(1960, 4, 30), timezone="Africa/Monrovia")
    assert clients(*rows, as_of=date(1960, 4, 30))


# Rollups


def test_a_new_file_leaves_what_was_there_as_it_is(tmp_path: Path) -> None:
    days = [event(f"2020-04-{day:02} 12:00:00", user_id=day % 3) for day in range(1, 21)]
    files = [
        write_csv(tmp_path / f"{n}.csv", days[5 * n : 5 * n + 6]) for n in range(4)
    ]  # each with the next one's first
    for number, file in enumerate(files):
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
        ingest([file], tmp_path / "out")
        after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
        assert before.items() <= after.items()
        assert len(after) == 3 * (number + 1)
    ingest(files, tmp_path / "at once")
    tables = [client_table(tmp_path / folder, AS_OF) for folder in ("out", "at once")]
    assert tables[0] == tables[1]
    assert sum(tables[0]["count_products_7m"].to_pylist()) == 20


@pytest.mark.slow
def test_ranges_of_users_make_the_table_that_is_made_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(bundled(), tmp_path / "out")
    at_once = client_table(tmp_path / "out", AS_OF)
    monkeypatch.setattr(features, "VISITS_AT_ONCE", 5000)
    write_clients(tmp_path / "out", AS_OF, tmp_path / "clients.parquet")
    assert pq.ParquetFile(tmp_path / "clients.parquet").num_row_groups > 3
    assert read_clients(tmp_path / "clients.parquet") == at_once


def test_rollups_of_other_events_are_made_anew(tmp_path: Path) -> None:
    for folder, user in (("one", 1), ("other", 2)):
        ingest([write_csv(tmp_path / "events.csv", [event(BOUGHT, user_id=user)])], tmp_path / folder)
    table = client_table(tmp_path / "one", AS_OF)
    for mine, theirs in zip(
        *(sorted((tmp_path / f / "rollup").rglob("*.parquet")) for f in ("one", "other")), strict=True
    ):
        mine.write_bytes(theirs.read_bytes())
    assert client_table(tmp_path / "one", AS_OF) == table
    for mine in (tmp_path / "one" / "rollup").rglob("*.parquet"):
        mine.unlink()
    assert client_table(tmp_path / "one", AS_OF) == table


# What is odd about the events as a whole


def doubted(tmp_path: Path, *lines: str) -> Doubts:
    """Ingest lines of `event_time,event_type,user_id`, and look at them as of 30 April 2020."""
    rows = [line.split(",") for line in lines]
    text = "\n".join(f"{time} UTC,{kind},1,1,,,2.50,{user}," for time, kind, user in rows)
    (tmp_path / "shop.csv").write_text(f"{','.join(oracle.FIELDS)}\n{text}\n")
    ingest([tmp_path / "shop.csv"], tmp_path / "events")
    as_of, clients = date(2020, 4, 30), tmp_path / "clients.parquet"
    write_clients(tmp_path / "events", as_of, clients)
    return doubts(clients, tmp_path / "events", as_of)


def test_what_is_odd_about_the_events_is_told(tmp_path: Path) -> None:
    usual = [f"2020-04-{day:02} 10:00:00,purchase,{day}" for day in range(1, 29)]
    one = [f"2020-04-29 10:00:{second:02},view,1" for second in range(27)]
    found = doubted(
        tmp_path,
        *usual,
        *one,
        "2031-01-01 00:00:00,view,2",
        "2020-05-01 00:00:00,purchase,3",
        "1970-01-01 00:00:00,view,2",
    )
    assert (found.events_after, found.clients, found.best_day_share) == (2, 28, 1 / 28)
    assert found.largest_client == 28 / 55
    assert found.sentences == [
        "2 events lie after the as-of date, and do not count.",
        "1 event lies 20 years and more before the as-of date.",
        "one user has 51% of all events; is it a guest account, or a robot?",
    ]


@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [
        (0, ["all purchases lie on one day, 2020-04-28; is it the day of an export?"]),
        (5, ["75% of all purchases lie on one day, 2020-04-28."]),
        (20, []),
    ],
)
def test_a_day_of_most_purchases_is_told(tmp_path: Path, elsewhere: int, said: list[str]) -> None:
    that_day = [f"2020-04-28 10:00:00,purchase,{user}" for user in range(15)]
    before = [f"2020-04-{day + 1:02} 10:00:00,purchase,{100 + day}" for day in range(elsewhere)]
    assert doubted(tmp_path, *that_day, *before).sentences == said


def test_statistics_are_what_pandas_says(tmp_path: Path, sample_events: Path) -> None:
    write_clients(sample_events, date(2020, 4, 30), tmp_path / "clients.parquet")
    frame = read_clients(tmp_path / "clients.parquet").to_pandas()
    found = statistics(tmp_path / "clients.parquet")
    assert list(found) == [name for name in NAMES if name != "user_id"]
    for name, its in found.items():
        column = frame[name]
        assert (its["count"], its["nulls"]) == (column.notna().sum(), column.isna().sum())
        if "mean" not in its:
            assert its["distinct"] == column.nunique()
            continue
        values = column.dropna().astype(float)
        few = len(values)
        moments = {"mean": values.mean(), "sd": values.std(ddof=0)}
        centred = values - values.mean()
        moments |= {
            "skewness": (centred**3).mean() / moments["sd"] ** 3,
            "kurtosis": (centred**4).mean() / moments["sd"] ** 4 - 3,
        }
        assert {key: its[key] for key in moments} == pytest.approx(moments, rel=1e-5, abs=1e-9)
        ordered = values.sort_values().to_numpy()
        assert its["quantiles"] == pytest.approx(
            {f"{share:g}": ordered[max(int(np.ceil(share * few)) - 1, 0)] for share in QUANTILES}, rel=1e-5
        )
