"""Raw files in, typed events out, and every row accounted for."""

import bz2
import csv
import gzip
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forked import FORKS, KILLED, ingest_mortally
from shared_data import COSMETICS, MULTICATEGORY, RETAIL, bundled, by_the_oracle, shared

from contract.errors import BadInputError, MenagerieError, WrongUsageError
from segmentation.commands.cli import main
from segmentation.features.table import client_table
from segmentation.ingest import clean, csv_rows, merge, month_files, plain
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import Ingested, account
from segmentation.ingest.month_files import holds_each_once
from segmentation.tools import engine
from segmentation.tools.progress import Silent

HEADER = ",".join(oracle.FIELDS)
GOOD = "2020-04-15 12:00:00 UTC,purchase,11,22,toys.car,acme,9.99,33,s1"
TYPES = {
    "event_time": pa.timestamp("us"),
    "event_type": pa.string(),
    "product_id": pa.int64(),
    "category_id": pa.int64(),
    "category_code": pa.string(),
    "brand": pa.string(),
    "price": pa.decimal128(18, 4),
    "user_id": pa.int64(),
    "user_session": pa.string(),
}

NOTHING = (
    "NULL",
    "null",
    "(null)",
    "NaN",
    "nan",
    "None",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaT",
    "\\N",
    "undefined",
)

at = datetime.fromisoformat


def row(**other: str) -> str:
    """Write GOOD with some fields changed."""
    return ",".join((dict(zip(oracle.FIELDS, GOOD.split(","), strict=True)) | other).values())


def write(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_bytes("\n".join([header, *lines, ""]).encode())
    return path


def rejects(out: Path) -> list[dict[str, str]]:
    files = sorted((out / "rejects").glob("*.csv")) if (out / "rejects").exists() else []
    found = []
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            found += list(csv.DictReader(file))
    return found


def kept(out: Path) -> list[oracle.Event]:
    """Return what was kept; each month's folder must hold that month's events only."""
    found = []
    for path in sorted(out.glob("events/month=*/*.parquet")):
        table = pq.ParquetFile(path).read().select(list(oracle.FIELDS))
        assert {field.name: field.type for field in table.schema} == TYPES
        month = [oracle.Event(*values) for values in zip(*(c.to_pylist() for c in table.columns), strict=True)]
        assert {f"month={event.event_time:%Y-%m}" for event in month} <= {path.parent.name}
        found += month
    return found


def events(out: Path) -> list[oracle.Event]:
    """Return what was kept, in an order of its own."""
    return sorted(kept(out), key=repr)


def snapshot(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.glob("events/**/*.parquet"))}


def obeys_the_law(done: Ingested) -> bool:
    return all(f.rows_read == f.rows_kept + sum(f.rejected.values()) + f.duplicates for f in done.files)


# What is rejected, and why


@pytest.mark.parametrize(
    ("line", "word"),
    [
        pytest.param("2020-04-15 12:00:00 UTC,purchase,11,22,toys.car,acm", "fields", id="line cut off"),
        pytest.param(GOOD + ",more", "fields", id="a field too many"),
        pytest.param(row(event_time=""), "event_time", id="no time"),
        pytest.param(row(event_time="yesterday"), "event_time", id="time in words"),
        pytest.param(row(event_time="2020-02-30 12:00:00 UTC"), "event_time", id="30 February"),
        pytest.param(row(event_time="2021-02-29 12:00:00 UTC"), "event_time", id="29 February 2021"),
        pytest.param(row(event_time="2020-04-15 25:00:00 UTC"), "event_time", id="25 o'clock"),
        pytest.param(row(event_time="2020-04-15 12:61:00 UTC"), "event_time", id="minute 61"),
        pytest.param(row(event_time="15/04/2020 12:00:00"), "event_time", id="day first"),
        pytest.param(row(event_type=""), "event_type", id="no type"),
        pytest.param(row(event_type="refund"), "event_type", id="unknown type"),
        pytest.param(row(user_id=""), "user_id", id="no user"),
        pytest.param(row(user_id="null"), "user_id", id="user in words"),
        pytest.param(row(user_id="1.5"), "user_id", id="half a user"),
        pytest.param(row(user_id="9223372036854775808"), "user_id", id="user beyond 64 bits"),
        pytest.param(row(product_id=""), "product_id", id="no product"),
        pytest.param(row(product_id="x1"), "product_id", id="product in words"),
        pytest.param(row(price=""), "price", id="no price"),
        pytest.param(row(price="-0.01"), "price", id="negative price"),
        pytest.param(row(price="nan"), "price", id="price not a number"),
        pytest.param(row(price="inf"), "price", id="infinite price"),
        pytest.param(row(price="-inf"), "price", id="infinitely negative price"),
        pytest.param(row(price="cheap"), "price", id="price in words"),
    ],
)
def test_a_row_that_cannot_be_an_event_is_rejected(tmp_path: Path, line: str, word: str) -> None:
    file = write(tmp_path / "shop.csv", GOOD, line, row(user_id="34"))
    done = ingest([file], tmp_path / "out")
    (account,) = done.files
    assert (account.name, account.rows_read, account.rows_kept, account.duplicates) == ("shop.csv", 3, 2, 0)
    ((reason, count),) = account.rejected.items()
    assert count == 1
    assert word in reason
    assert [event.user_id for event in events(tmp_path / "out")] == [33, 34]
    (reject,) = rejects(tmp_path / "out")
    assert list(reject) == ["file", "line", "reason", "row"]
    assert (reject["file"], reject["line"], reject["reason"]) == ("shop.csv", "3", reason)
    assert reject["row"] == line


def test_unreadable_bytes_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    broken = row(brand="ac?me").encode().replace(b"?", b"\xff")
    file.write_bytes(b"\n".join([HEADER.encode(), broken, GOOD.encode(), b""]))
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept, sum(account.rejected.values())) == (2, 1, 1)
    (reject,) = rejects(tmp_path / "out")
    assert reject["line"] == "2"
    assert "bytes" in reject["reason"]
    assert reject["row"].startswith("2020-04-15 12:00:00 UTC,purchase,11,22,toys.car,ac")


def test_the_last_line_cut_off_without_an_end_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_bytes("\r\n".join([HEADER, GOOD, GOOD[:40]]).encode())
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept, sum(account.rejected.values())) == (2, 1, 1)
    assert [(r["line"], r["row"]) for r in rejects(tmp_path / "out")] == [("3", GOOD[:40])]


def test_a_row_with_two_faults_is_rejected_once(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_bytes(b"\n".join([HEADER.encode(), GOOD.encode(), b"caf\xe9,purchase", GOOD[:-1].encode(), b""]))
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept, sum(account.rejected.values())) == (3, 2, 1)
    assert [reject["line"] for reject in rejects(tmp_path / "out")] == ["3"]


def test_a_stray_quote_costs_no_other_row_and_no_line_number(tmp_path: Path) -> None:
    stray = row(brand='"acme')
    lines = [GOOD, stray, row(user_id="2"), "torn,off", row(user_id="3"), row(event_time="soon")]
    (account,) = ingest([write(tmp_path / "shop.csv", *lines)], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept) == (6, 4)
    assert [(r["line"], r["row"]) for r in rejects(tmp_path / "out")] == [("5", "torn,off"), ("7", lines[5])]


def test_bytes_that_are_no_text_cost_their_own_row_only(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    bad = row(brand="caf%").encode().replace(b"%", b"\xe9")
    file.write_bytes(b"\n".join([HEADER.encode(), GOOD.encode(), bad, row(user_id="2").encode(), b""]))
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept, account.rejected) == (3, 2, {"unreadable bytes": 1})
    (reject,) = rejects(tmp_path / "out")
    assert (reject["line"], reject["row"]) == ("3", row(brand="caf\\xe9"))


def test_lines_are_counted_right_through_a_long_file(tmp_path: Path) -> None:
    lines = [row(user_id=str(n)) for n in range(40_000)]
    faults = {2: "broken", 3: row(price="-1", brand="x"), 20_000: row(event_time="soon"), 40_001: "end"}
    for line, fault in faults.items():
        lines[line - 2] = fault
    (account,) = ingest([write(tmp_path / "shop.csv", *lines)], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept) == (40_000, 39_996)
    assert {int(r["line"]): r["row"] for r in rejects(tmp_path / "out")} == faults


def test_nothing_rejected_leaves_no_rejects(tmp_path: Path) -> None:
    ingest([write(tmp_path / "shop.csv", GOOD)], tmp_path / "out")
    assert rejects(tmp_path / "out") == []


# What is kept, cleaned


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        (row(brand="  ACME "), "brand", "acme"),
        (row(brand=""), "brand", None),
        (row(brand="   "), "brand", None),
        (row(category_code=" Toys.Car "), "category_code", "toys.car"),
        (row(category_code=""), "category_code", None),
        (row(price="0"), "price", Decimal("0.0000")),
        (row(price="0.00"), "price", Decimal("0.0000")),
        (row(price="9.99995"), "price", Decimal("10.0000")),
        (row(price="9.999949999"), "price", Decimal("9.9999")),
        (row(price="0.00005"), "price", Decimal("0.0001")),
        (row(price="99999999999999.9999"), "price", Decimal("99999999999999.9999")),
        (row(user_session=""), "user_session", None),
        (row(user_session="S1"), "user_session", "S1"),
        *((row(user_session=word), "user_session", None) for word in NOTHING),
        *((row(brand=word), "brand", None) for word in NOTHING),
        *((row(category_code=f" {word} "), "category_code", None) for word in NOTHING),
        *((row(brand=f"{word}s"), "brand", f"{word}s".lower()) for word in NOTHING),
        (row(category_id=""), "category_id", None),
        (row(category_id="none"), "category_id", None),
        (row(category_id="1.5"), "category_id", None),
        (row(category_id="2053013552326770905"), "category_id", 2053013552326770905),
        (row(user_id="9223372036854775807"), "user_id", 2**63 - 1),
        (row(user_id="-7"), "user_id", -7),
        (row(event_type="remove_from_cart"), "event_type", "remove_from_cart"),
        (row(event_time="1999-12-31 23:59:59 UTC"), "event_time", at("1999-12-31 23:59:59")),
        (row(brand='"smith, sons & co"'), "brand", "smith, sons & co"),
        (row(brand='"the ""best"""'), "brand", 'the "best"'),
        (row(brand='O"Neil'), "brand", 'o"neil'),
        (row(brand="Électro"), "brand", "électro"),
    ],
)
def test_a_row_with_small_faults_is_kept_and_cleaned(tmp_path: Path, line: str, column: str, value: object) -> None:
    file = write(tmp_path / "shop.csv", line)
    assert obeys_the_law(ingest([file], tmp_path / "out"))
    (event,) = events(tmp_path / "out")
    assert event._asdict()[column] == value
    assert {event} == oracle.ingest([file])[0]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2020-03-29 01:30:00 UTC", "2020-03-29 01:30:00"),
        ("2020-03-29 01:30:00", "2020-03-29 01:30:00"),
        ("2020-03-29T01:30:00", "2020-03-29 01:30:00"),
        ("2020-03-29T01:30:00Z", "2020-03-29 01:30:00"),
        ("2020-03-29T01:30:00+02:00", "2020-03-28 23:30:00"),
        ("2020-03-29 01:30:00-05:30", "2020-03-29 07:00:00"),
        ("2020-02-29T23:30:00-01:00", "2020-03-01 00:30:00"),
        ("2020-03-29T01:30:00.25Z", "2020-03-29 01:30:00.250000"),
        ("2020-03-29 01:30:00.123456", "2020-03-29 01:30:00.123456"),
        ("2020-03-29T01:30:00.5+02:00", "2020-03-28 23:30:00.500000"),
    ],
)
def test_forms_of_event_time(tmp_path: Path, written: str, instant: str) -> None:
    ingest([write(tmp_path / "shop.csv", row(event_time=written))], tmp_path / "out")
    assert [event.event_time for event in events(tmp_path / "out")] == [at(instant)]


def test_forms_of_event_time_mixed_in_one_file(tmp_path: Path) -> None:
    forms = ["2020-04-15 12:00:00 UTC", "2020-04-15T13:00:00Z", "2020-04-15T16:00:00+02:00", "soon"]
    file = write(tmp_path / "shop.csv", *(row(event_time=form) for form in forms))
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.rows_kept, sum(account.rejected.values())) == (3, 1)
    assert [event.event_time.hour for event in events(tmp_path / "out")] == [12, 13, 14]


# Duplicates


@pytest.mark.parametrize(
    "again",
    [
        GOOD,
        row(price="9.990"),
        row(brand=" Acme"),
        row(category_code="TOYS.CAR"),
        row(event_time="2020-04-15T14:00:00+02:00"),
        row(price="9.99004"),
    ],
)
def test_a_row_equal_once_cleaned_is_a_duplicate(tmp_path: Path, again: str) -> None:
    file = write(tmp_path / "shop.csv", GOOD, again)
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept, account.duplicates) == (2, 1, 1)


def test_empty_fields_are_equal_too(tmp_path: Path) -> None:
    bare = row(category_id="", category_code="", brand="", user_session="")
    (account,) = ingest([write(tmp_path / "shop.csv", bare, bare)], tmp_path / "out").files
    assert (account.rows_kept, account.duplicates) == (1, 1)


@pytest.mark.parametrize("column", oracle.FIELDS)
def test_a_row_different_in_one_column_is_no_duplicate(tmp_path: Path, column: str) -> None:
    other = {"event_time": "2020-04-15 12:00:01 UTC", "event_type": "view"}.get(column, "8")
    (account,) = ingest([write(tmp_path / "shop.csv", GOOD, row(**{column: other}))], tmp_path / "out").files
    assert (account.rows_kept, account.duplicates) == (2, 0)


def test_duplicates_are_dropped_across_files(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", GOOD, row(user_id="1"))
    second = write(tmp_path / "b.csv", row(user_id="2"), GOOD)
    done = ingest([first, second], tmp_path / "out")
    assert obeys_the_law(done)
    assert [file.rows_read for file in done.files] == [2, 2]
    assert sum(file.duplicates for file in done.files) == 1
    assert [event.user_id for event in events(tmp_path / "out")] == [1, 2, 33]


# Idempotency

MONTHS = [row(event_time=f"2020-0{1 + n % 4}-10 12:00:00 UTC", user_id=str(n)) for n in range(40)]


@pytest.fixture
def once(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """Return a file, and the events folder it makes."""
    file = write(tmp_path / "shop.csv", *MONTHS, *MONTHS[:3], "broken")
    ingest([file], tmp_path / "once")
    return file, snapshot(tmp_path / "once")


def test_the_same_file_into_the_same_folder_changes_nothing(
    tmp_path: Path, once: tuple[Path, dict[str, bytes]]
) -> None:
    done = ingest([once[0]], tmp_path / "once")
    assert snapshot(tmp_path / "once") == once[1]
    assert obeys_the_law(done)
    assert len(rejects(tmp_path / "once")) == 1


def test_the_same_file_under_another_name_changes_no_event(tmp_path: Path, once: tuple[Path, dict[str, bytes]]) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(once[0].read_bytes())
    done = ingest([once[0], copy], tmp_path / "out")
    assert obeys_the_law(done)
    assert events(tmp_path / "out") == events(tmp_path / "once")
    done = ingest([copy], tmp_path / "once")
    assert obeys_the_law(done)
    assert events(tmp_path / "out") == events(tmp_path / "once")


def test_the_same_rows_split_over_files_are_the_same_events(
    tmp_path: Path, once: tuple[Path, dict[str, bytes]]
) -> None:
    halves = [write(tmp_path / "a.csv", *MONTHS[:25]), write(tmp_path / "b.csv", *MONTHS[20:])]
    done = ingest(halves, tmp_path / "out")
    assert obeys_the_law(done)
    assert events(tmp_path / "out") == events(tmp_path / "once")
    ingest(halves, tmp_path / "once")
    assert events(tmp_path / "out") == events(tmp_path / "once")
    assert once[1].items() <= snapshot(tmp_path / "once").items()  # what a month holds is never written again


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.csv", *MONTHS[n * 7 : n * 7 + 14], "broken") for n in range(4)]
    assert obeys_the_law(ingest(files, tmp_path / "forth"))
    assert obeys_the_law(ingest(files[::-1], tmp_path / "back"))
    assert events(tmp_path / "forth") == events(tmp_path / "back")


def test_one_file_after_another_is_all_at_once(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.csv", *MONTHS[n * 7 : n * 7 + 14]) for n in range(3)]
    ingest(files, tmp_path / "together")
    for file in files:
        ingest([file], tmp_path / "one by one")
    assert events(tmp_path / "one by one") == events(tmp_path / "together")


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for n in range(3):
        write(tmp_path / "raw" / f"{n}.csv", *MONTHS[n * 10 : n * 10 + 20], "broken")
    ingest([tmp_path / "raw"], tmp_path / "clean")
    endings = []
    for life in range(12):  # each life sees one more report than the last before it is killed
        process = FORKS.Process(target=ingest_mortally, args=(tmp_path / "raw", tmp_path / "out", life))
        process.start()
        process.join()
        endings.append(process.exitcode)
        if endings[-1] == 0:
            break
    assert endings[0] == KILLED
    assert endings[-1] in (0, KILLED)
    done = ingest([tmp_path / "raw"], tmp_path / "out")
    assert obeys_the_law(done)
    assert events(tmp_path / "out") == events(tmp_path / "clean")
    assert rejects(tmp_path / "out") == rejects(tmp_path / "clean")
    assert sum(file.rows_kept for file in done.files) == len(events(tmp_path / "out"))


# Formats


def as_csv(path: Path) -> Path:
    return write(path / "shop.csv", *MONTHS)


def as_gzip(path: Path) -> Path:
    file = path / "shop.csv.gz"
    file.write_bytes(gzip.compress(as_csv(path).read_bytes()))
    return file


def as_gzip_in_two_members(path: Path) -> Path:
    content = as_csv(path).read_bytes()
    file = path / "shop.csv.gz"
    file.write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    return file


def with_crlf(path: Path) -> Path:
    file = as_csv(path)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    return file


def with_byte_order_mark(path: Path) -> Path:
    file = as_csv(path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    return file


def with_everything_quoted(path: Path) -> Path:
    quoted = [",".join(f'"{value}"' for value in line.split(",")) for line in (HEADER, *MONTHS)]
    return write(path / "shop.csv", *quoted[1:], header=quoted[0])


def with_columns_reversed(path: Path) -> Path:
    turned = [",".join(line.split(",")[::-1]) for line in (HEADER, *MONTHS)]
    return write(path / "shop.csv", *turned[1:], header=turned[0])


def as_parquet(path: Path, unit: str, timezone: str | None, price: pa.DataType) -> Path:
    known = sorted(oracle.ingest([as_csv(path)])[0], key=repr)
    columns = {name: [event._asdict()[name] for event in known] for name in oracle.FIELDS}
    times = pa.array(columns.pop("event_time"), pa.timestamp("us")).cast(pa.timestamp(unit))
    arrays = {name: pa.array(values, TYPES[name]) for name, values in columns.items()}
    arrays["price"] = arrays["price"].cast(price)
    # Labelled with another zone, the instants stay what they are.
    table = pa.table({"event_time": times.cast(pa.timestamp(unit, timezone)), **arrays})
    file = path / "shop.parquet"
    pq.write_table(table, file)
    return file


FORMATS: dict[str, Callable[[Path], Path]] = {
    "csv": as_csv,
    "csv.gz": as_gzip,
    "csv.gz in two members": as_gzip_in_two_members,
    "CRLF": with_crlf,
    "byte order mark": with_byte_order_mark,
    "quotes": with_everything_quoted,
    "other order of columns": with_columns_reversed,
    "parquet": lambda path: as_parquet(path, "us", None, pa.decimal128(18, 4)),
    "parquet, ms": lambda path: as_parquet(path, "ms", "UTC", pa.float64()),
    "parquet, ns": lambda path: as_parquet(path, "ns", None, pa.float64()),
    "parquet, zone": lambda path: as_parquet(path, "us", "Europe/Paris", pa.decimal128(18, 4)),
}


@pytest.mark.parametrize("made", FORMATS)
def test_every_format_gives_the_same_events(tmp_path: Path, made: str) -> None:
    (tmp_path / "raw").mkdir()
    file = FORMATS[made](tmp_path / "raw")
    (account,) = ingest([file], tmp_path / "out").files
    assert (account.name, account.rows_read, account.rows_kept) == (file.name, 40, 40)
    (tmp_path / "plain").mkdir()
    ingest([as_csv(tmp_path / "plain")], tmp_path / "expected")
    assert events(tmp_path / "out") == events(tmp_path / "expected")


def test_parquet_rows_are_cleaned_and_rejected_alike(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "event_time": [datetime(2020, 4, 15, 12, tzinfo=UTC)] * 4 + [None],
        "event_type": ["purchase", "refund", "purchase", "purchase", "purchase"],
        "product_id": [1, 1, 1, 1, 1],
        "category_id": [None] * 5,
        "category_code": [" Toys ", None, None, None, None],
        "brand": ["", None, None, None, None],
        "price": [1.5, 1.5, -1.0, float("nan"), 1.5],
        "user_id": [5, 5, 5, 5, 5],
        "user_session": [None] * 5,
    }
    pq.write_table(pa.table(columns), tmp_path / "shop.parquet")
    (account,) = ingest([tmp_path / "shop.parquet"], tmp_path / "out").files
    assert (account.rows_read, account.rows_kept, sum(account.rejected.values())) == (5, 1, 4)
    (event,) = events(tmp_path / "out")
    assert (event.category_code, event.brand, event.price) == ("toys", None, Decimal("1.5"))
    assert len(rejects(tmp_path / "out")) == 4


def test_a_folder_is_its_raw_files(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "deeper").mkdir(parents=True)
    write(raw / "a.csv", MONTHS[0])
    as_gzip(raw / "deeper").rename(raw / "b.csv.gz")
    (raw / "README.md").write_text("not events")
    done = ingest([raw], tmp_path / "out")
    assert [file.name for file in done.files] == ["a.csv", "b.csv.gz"]
    assert len(events(tmp_path / "out")) == 40


class Said(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_what_is_passed_over_in_a_folder_is_said(tmp_path: Path) -> None:
    raw, said = tmp_path / "raw", Said()
    for folder in ("2019-11", "month=2019-12"):
        (raw / folder).mkdir(parents=True)
        write(raw / folder / "c.csv", row(user_id="7"))
    write(raw / "A.CSV", GOOD)
    (raw / "b.Csv.Gz").write_bytes(gzip.compress(write(tmp_path / "b", row(user_id="8")).read_bytes()))
    for name in (
        "d.txt",
        "e.gz",
        "._a.csv",
        ".f.csv",
        "~$g.csv",
        ".~lock.a.csv#",
        ".DS_Store",
        "Thumbs.db",
        "_SUCCESS",
    ):
        (raw / name).write_text("no events")
    (raw / "month=2019-12" / "h.txt").write_text("no events")
    done = ingest([raw], tmp_path / "out", said)
    assert [file.name for file in done.files] == ["A.CSV", "b.Csv.Gz", "c.csv"]
    assert len(events(tmp_path / "out")) == 3
    (line,) = said.lines
    assert line == (
        "Passed over in raw: ._a.csv, .f.csv, .~lock.a.csv#, 2019-11/, d.txt, e.gz, month=2019-12/h.txt, ~$g.csv."
    )


def zipped(content: bytes, file: Path, names: Sequence[str] = ("a.csv",), folder: str = "__MACOSX/") -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{folder}._a.csv", b"of a system")
        for name in names:
            archive.writestr(name, content)


PACKINGS: dict[str, Callable[[bytes, Path], object]] = {
    "a.csv.gz": lambda content, file: file.write_bytes(gzip.compress(content)),
    "a.csv.bz2": lambda content, file: file.write_bytes(bz2.compress(content)),
    "a.csv.xz": lambda content, file: file.write_bytes(lzma.compress(content)),
    "a.csv.zst": lambda content, file: file.write_bytes(pa.compress(content, "zstd", asbytes=True)),
    "a.csv.zip": zipped,
    "a.zip": zipped,
    "a.csv": lambda content, file: file.write_bytes(gzip.compress(content)),
}


@pytest.mark.parametrize("name", PACKINGS)
def test_however_a_file_is_packed_its_events_are_read(tmp_path: Path, name: str) -> None:
    content = write(tmp_path / "plain", GOOD, "x,y", row(brand='"a\nb"')).read_bytes()
    PACKINGS[name](content, tmp_path / name)
    (file,) = ingest([tmp_path / name], tmp_path / "out").files
    assert (file.rows_read, file.rows_kept) == (3, 2)
    packed = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(BadInputError, match=f"^{name} cannot be read: "):
        ingest([tmp_path / name], tmp_path / "other")


def test_an_archive_of_several_files_or_of_secrets_is_told_of(tmp_path: Path) -> None:
    zipped(GOOD.encode(), tmp_path / "two.zip", ("a.csv", "b.csv"))
    with pytest.raises(BadInputError, match=r"two\.zip holds 2 files, and should hold one; unpack it"):
        ingest([tmp_path / "two.zip"], tmp_path / "out")
    zipped(GOOD.encode(), tmp_path / "none.zip", ())
    with pytest.raises(BadInputError, match=r"none\.zip holds 0 files"):
        ingest([tmp_path / "none.zip"], tmp_path / "out")
    zipped(GOOD.encode(), tmp_path / "secret.zip")
    content = bytearray((tmp_path / "secret.zip").read_bytes())
    for place in (content.rindex(b"PK\x01\x02") + 8, content.rindex(b"PK\x03\x04") + 6):
        content[place] |= 1
    (tmp_path / "secret.zip").write_bytes(content)
    with pytest.raises(BadInputError, match=r"secret\.zip is encrypted"):
        ingest([tmp_path / "secret.zip"], tmp_path / "out")


# The account


def test_the_account_is_written_beside_the_events(tmp_path: Path) -> None:
    done = ingest([write(tmp_path / "shop.csv", GOOD, GOOD, "broken")], tmp_path / "out")
    (account,) = done.files
    assert (account.rows_read, account.rows_kept, account.duplicates) == (3, 1, 1)
    written = (tmp_path / "out" / "ingest.json").read_text(encoding="utf-8")
    assert isinstance(json.loads(written), dict)
    assert "shop.csv" in written


@pytest.mark.data
@pytest.mark.parametrize("name", [MULTICATEGORY, COSMETICS, RETAIL])
def test_real_files_are_accounted_for_as_by_the_oracle(tmp_path: Path, name: str) -> None:
    account_for([shared(name)], tmp_path / "out")


@pytest.mark.slow
def test_the_bundled_sample_is_accounted_for_as_by_the_oracle(tmp_path: Path) -> None:
    account_for(bundled(), tmp_path / "out")


def account_for(files: list[Path], out: Path) -> None:
    done = ingest(files, out)
    known, accounts = by_the_oracle(*files)
    assert obeys_the_law(done)
    for found in done.files:
        expected = accounts[found.name]
        assert (found.rows_read, found.rows_kept, found.duplicates, sum(found.rejected.values())) == (
            expected.rows_read,
            expected.rows_kept,
            expected.duplicates,
            len(expected.rejected),
        )
    found_events = kept(out)
    assert set(found_events) == known
    assert len(found_events) == len(known)
    lines = sorted((reject["file"], int(reject["line"])) for reject in rejects(out))
    assert lines == sorted((name, line) for name, kept in accounts.items() for line, _ in kept.rejected)


# Logging gaps


def days(counts: dict[date, int]) -> list[str]:
    return [
        row(event_time=f"{day} 12:00:{n:02d} UTC", user_id=str(n))
        for day, count in counts.items()
        for n in range(count)
    ]


def test_a_day_with_less_than_a_fifth_of_the_median_is_a_suspected_gap(tmp_path: Path) -> None:
    first = date(2020, 4, 1)
    counts = {first + timedelta(days=n): 10 for n in range(9)}
    counts[date(2020, 4, 3)] = 1
    counts[date(2020, 4, 4)] = 2  # a fifth is not less than a fifth
    del counts[date(2020, 4, 7)]  # nothing at all is less, too
    done = ingest([write(tmp_path / "shop.csv", *days(counts))], tmp_path / "out")
    assert list(done.gaps) == [date(2020, 4, 3), date(2020, 4, 7)]


def test_even_days_have_no_gap(tmp_path: Path) -> None:
    counts = {date(2020, 4, 1) + timedelta(days=n): 10 for n in range(5)}
    assert list(ingest([write(tmp_path / "shop.csv", *days(counts))], tmp_path / "out").gaps) == []


# Files that cannot be read


def empty(path: Path) -> Path:
    (path / "shop.csv").write_bytes(b"")
    return path / "shop.csv"


def header_only(path: Path) -> Path:
    return write(path / "shop.csv")


def header_without_line_end(path: Path) -> Path:
    (path / "shop.csv").write_text(HEADER)
    return path / "shop.csv"


def wrong_header(path: Path) -> Path:
    return write(path / "shop.csv", "1,2", header="when,what")


def a_column_missing(path: Path) -> Path:
    return write(path / "shop.csv", GOOD.rpartition(",")[0], header=HEADER.rpartition(",")[0])


def no_header(path: Path) -> Path:
    return write(path / "shop.csv", GOOD, header=GOOD)


def rubbish(path: Path) -> Path:
    (path / "shop.csv").write_bytes(bytes(range(256)) * 64)
    return path / "shop.csv"


def rubbish_as_gzip(path: Path) -> Path:
    (path / "shop.csv.gz").write_bytes(bytes(range(256)) * 64)
    return path / "shop.csv.gz"


def rubbish_as_parquet(path: Path) -> Path:
    (path / "shop.parquet").write_bytes(bytes(range(256)) * 64)
    return path / "shop.parquet"


def other_parquet(path: Path) -> Path:
    pq.write_table(pa.table({"when": [1], "what": [2]}), path / "shop.parquet")
    return path / "shop.parquet"


def gzip_cut_short(path: Path) -> Path:
    file = as_gzip(path)
    file.write_bytes(file.read_bytes()[:-20])
    return file


def gzip_with_a_wrong_sum(path: Path) -> Path:
    file = as_gzip(path)
    content = bytearray(file.read_bytes())
    content[-6] ^= 0xFF
    file.write_bytes(bytes(content))
    return file


def empty_gzip(path: Path) -> Path:
    (path / "shop.csv.gz").write_bytes(b"")
    return path / "shop.csv.gz"


UNREADABLE = [
    empty,
    wrong_header,
    a_column_missing,
    no_header,
    rubbish,
    rubbish_as_gzip,
    rubbish_as_parquet,
    other_parquet,
    gzip_cut_short,
    gzip_with_a_wrong_sum,
    empty_gzip,
]


@pytest.mark.parametrize("broken", UNREADABLE, ids=lambda make: make.__name__)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, broken: Callable[[Path], Path]) -> None:
    (tmp_path / "raw").mkdir()
    file = broken(tmp_path / "raw")
    with pytest.raises(BadInputError) as told:
        ingest([file], tmp_path / "out")
    assert file.name in str(told.value)
    assert len(str(told.value).splitlines()) == 1


def test_a_broken_file_fails_the_run_though_others_are_good(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    good = write(tmp_path / "raw" / "a.csv", GOOD)
    broken = gzip_cut_short(tmp_path / "raw")
    with pytest.raises(BadInputError, match=r"shop\.csv\.gz"):
        ingest([good, broken], tmp_path / "out")


@pytest.mark.parametrize("made", [header_only, header_without_line_end], ids=lambda make: make.__name__)
def test_a_header_only_file_among_others_is_a_quiet_day(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    done = ingest([made(tmp_path), write(tmp_path / "other.csv", GOOD)], tmp_path / "out")
    assert {file.name: file.rows_read for file in done.files} == {"shop.csv": 0, "other.csv": 1}


@pytest.mark.parametrize("made", [header_only, header_without_line_end], ids=lambda make: make.__name__)
def test_a_header_only_file_alone_is_bad_input(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    with pytest.raises(BadInputError) as told:
        ingest([made(tmp_path)], tmp_path / "out")
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("inside", [[], ["README.md"], ["deeper/shop.csv"]], ids=["empty", "other files", "deeper"])
def test_a_folder_without_raw_files_is_bad_input(tmp_path: Path, inside: list[str]) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in inside:
        (raw / name).parent.mkdir(exist_ok=True)
        write(raw / name, GOOD)
    with pytest.raises(BadInputError, match="raw"):
        ingest([raw], tmp_path / "out")


def test_a_folder_of_header_only_files_is_bad_input(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write(raw / "a.csv")
    write(raw / "b.csv")
    with pytest.raises(BadInputError) as told:
        ingest([raw], tmp_path / "out")
    assert len(str(told.value).splitlines()) == 1


def test_a_file_of_rejects_only_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        ingest([write(tmp_path / "shop.csv", "broken", "broken too")], tmp_path / "out")


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nowhere\.csv"):
        ingest([tmp_path / "nowhere.csv"], tmp_path / "out")


class KilledError(Exception):
    """Stands for the end of the process."""


def test_an_unfinished_ingest_is_not_read_and_the_next_one_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def day(month: str, user_id: str) -> str:
        return row(event_time=f"2020-{month}-10 12:00:00 UTC", user_id=user_id, event_type="purchase")

    out = tmp_path / "out"
    ingest([write(tmp_path / "x.csv", day("02", "1"))], out)
    merged: list[bool] = []

    def merge_one(*arguments: Any) -> Any:
        if merged:
            raise KilledError
        merged.append(True)
        return whole_merge(*arguments)

    whole_merge = merge.merge
    monkeypatch.setattr(merge, "merge", merge_one)
    with pytest.raises(KilledError):
        ingest([write(tmp_path / "a.csv", day("02", "2"), day("03", "2"))], out)
    monkeypatch.setattr(merge, "merge", whole_merge)
    with pytest.raises(BadInputError, match="not finished"):
        client_table(out, date(2020, 4, 30))
    done = ingest([write(tmp_path / "b.csv", day("03", "3"))], out)
    assert done.events == 4
    assert [(file.name, file.rows_kept) for file in account(out).files] == [("a.csv", 2), ("b.csv", 1), ("x.csv", 1)]
    assert client_table(out, date(2020, 4, 30))["count_products_7m"].to_pylist() == [1, 2, 1]


def test_times_beyond_the_calendar_are_no_times(tmp_path: Path) -> None:
    lines = [GOOD, row(event_time="0000-01-01 00:00:00"), row(event_time="9999-12-31 23:00:00-05:00")]
    (file,) = ingest([write(tmp_path / "shop.csv", *lines)], tmp_path / "out").files
    assert (file.rows_kept, file.rejected) == (1, {"event_time is not a time": 2})


def test_one_event_long_ago_makes_no_gap_of_the_years_between(tmp_path: Path) -> None:
    busy = [row(event_time=f"2020-01-{day:02} 10:00:{second:02} UTC") for day in (1, 2, 4) for second in range(30)]
    done = ingest([write(tmp_path / "shop.csv", row(event_time="1970-01-01 00:00:00 UTC"), *busy)], tmp_path / "out")
    assert done.gaps == [date(2020, 1, 3)]


def test_a_damaged_ledger_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = write(tmp_path / "shop.csv", GOOD)
    ingest([file], tmp_path / "out")
    (tmp_path / "out" / "ingest.json").write_text("")
    with pytest.raises(BadInputError, match=r"ingest\.json of out is damaged"):
        ingest([file], tmp_path / "out")


def test_a_month_that_does_not_add_up_is_not_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "_DROPPED", "SELECT 1, 1")  # as if a duplicate had been dropped
    with pytest.raises(MenagerieError, match="do not add up"):
        ingest([write(tmp_path / "a.csv", GOOD), write(tmp_path / "b.csv", row(user_id="7"))], tmp_path / "out")
    assert not (tmp_path / "out" / "ingest.json").exists()


@pytest.mark.parametrize("late", [0, 40, 2000], ids=["in order of time", "a little late", "in no order"])
def test_duplicates_are_dropped_wherever_the_file_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", 1024)  # a dozen rows, so that equal ones come in different blocks
    monkeypatch.setattr(month_files, "LATE_ROWS", 100)
    draw = random.Random(3)
    lines = [
        row(event_time=f"2020-{draw.choice(['02', '03'])}-10 12:00:{draw.randrange(40):02} UTC", user_session=session)
        for session in draw.choices(["s1", "s2", ""], k=2000)
    ]
    places = {number: number + draw.uniform(0, late) for number in range(len(lines))}
    file = write(tmp_path / "shop.csv", *(sorted(lines)[number] for number in sorted(places, key=places.__getitem__)))
    out = tmp_path / "out"
    (told,) = ingest([file], out).files
    assert [holds_each_once(path) for path in out.glob("events/*/*.parquet")] == [late < 100] * 2
    assert sorted(map(repr, events(out))) == sorted(map(repr, oracle.ingest([file])[0]))
    assert (told.rows_read, told.rows_kept, told.duplicates) == (2000, len(set(lines)), 2000 - len(set(lines)))


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("event_time", "2020-04-15T12:00:00 UTC"), ("event_time", "2020-04-15 12:00:00.5 UTC"),
        ("event_time", "2020-04-15 12:00 UTC"), ("event_time", "0000-04-15 12:00:00 UTC"),
        ("event_time", "2020-04-15 24:00:00 UTC"), ("event_time", "2020-04-15 12:00:00"), ("event_type", "View"),
        ("product_id", "0x1F"), ("product_id", "-0x1F"), ("product_id", "007"), ("product_id", " 5"),
        ("product_id", "+5"), ("product_id", "5.0"), ("product_id", "1_0"), ("product_id", "-5"), ("product_id", ""),
        ("product_id", "9223372036854775808"), ("category_id", ""), ("category_id", "x"), ("category_code", " Toys "),
        ("category_code", ""), ("brand", "\u00c9CLAIR"), ("brand", "A\u00a0"), ("price", "1e3"), ("price", "-0"),
        ("price", "-0.00001"), ("price", "1.23456"), ("price", "+5"), ("price", "nan"), ("price", "0x10"),
        ("price", ""), ("user_id", "\u0661"), ("user_session", " s "), ("user_session", "  "), ("user_session", "\ts"),
    ],
)  # fmt: skip
def test_the_short_way_types_as_the_long_way_does_or_not_at_all(column: str, written: str) -> None:
    rows = [dict(zip(oracle.FIELDS, line.split(","), strict=True)) for line in (GOOD, row(**{column: written}), GOOD)]
    batch = pa.RecordBatch.from_pylist([{"line": n, **fields} for n, fields in enumerate(rows, 2)], csv_rows.TEXT)
    short = plain.typed(batch)
    with engine.connect() as connection:
        clean.prepare(connection)
        long = clean.clean(connection, batch)
    if short is not None:
        assert long["reason"].null_count == 3
        assert short.to_pylist() == long.select(short.column_names).cast(short.schema).to_pylist()


def test_the_short_way_is_taken_for_the_usual_row() -> None:
    fields = dict(zip(oracle.FIELDS, GOOD.split(","), strict=True))
    assert plain.typed(pa.RecordBatch.from_pylist([{"line": 2, **fields}], csv_rows.TEXT)) is not None


def test_a_file_that_cannot_be_read_stops_the_others_and_is_the_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENAGERIE_THREADS", "2")
    long = write(tmp_path / "long.csv", *(row(user_id=str(n)) for n in range(1, 400_000)))
    broken = write(tmp_path / "broken.csv", GOOD, header="something,else")
    with pytest.raises(BadInputError, match=r"broken\.csv"):
        ingest([long, broken], tmp_path / "out")
    assert not list(tmp_path.glob("out/staged/*/source.json"))


def test_a_number_of_threads_that_is_none_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENAGERIE_THREADS", "many")
    with pytest.raises(WrongUsageError, match="MENAGERIE_THREADS is 'many'"):
        ingest([write(tmp_path / "shop.csv", GOOD)], tmp_path / "out")


def test_what_stands_beside_raw_files_is_said_and_kept_in_the_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "raw"
    (folder / "old").mkdir(parents=True)
    for name in ("a.csv", "notes.txt", "._a.csv", "~$a.csv", ".b.csv"):
        write(folder / name, GOOD)
    assert main(["ingest", "--events", str(folder), "--out", str(tmp_path / "out")]) == 0
    account = json.loads((tmp_path / "out/ingest.json").read_text())
    others = [".b.csv", "._a.csv", "notes.txt", "old/", "~$a.csv"]
    assert account["passed_over"] == sorted(f"raw/{name}" for name in others)
    said = capsys.readouterr().err
    assert all(name in said for name in others)
    assert [source["name"] for source in account["sources"]] == ["a.csv"]
