"""Files of other layouts, read by a mapping: what their columns mean, in the shop's own words."""

import csv
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shared_data import RETAIL, by_the_oracle, shared

from contract.errors import BadInputError
from segmentation.commands.cli import main
from segmentation.features.table import client_table
from segmentation.ingest.guess import guess, tried
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import FileAccount
from segmentation.ingest.mapping import named, parsed, ready_made

LEAST = """
[columns]
event_time = "when"
event_type = "what"
product_id = "item"
price = "cost"
user_id = "who"
"""
HEADER = ("when", "what", "item", "cost", "who")
ROW = ("2020-04-15 12:00:00", "purchase", "11", "9.99", "33")


def written(path: Path, header: Sequence[str], *rows: Sequence[Any], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def read(file: Path, mapping: str) -> tuple[FileAccount, list[dict[str, Any]]]:
    """Ingest a file by a mapping (TOML, or the name of one); return its account, and its events by user."""
    out = file.with_suffix(".out")
    its = named(mapping) if mapping in ready_made() else parsed(mapping, "shop")
    (account,) = ingest([file], out, mapping=its).files
    assert account.rows_read == account.rows_kept + sum(account.rejected.values()) + account.duplicates
    tables = [pq.ParquetFile(path).read() for path in sorted(out.glob("events/*/*.parquet"))]
    return account, pa.concat_tables(tables).sort_by(
        [("user_id", "ascending"), ("event_time", "ascending")]
    ).to_pylist()


def test_columns_are_read_by_their_names(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", ("note", *HEADER), ("x, y", *ROW), ("", *ROW[:4], "34"))
    account, events = read(file, LEAST)
    assert account.understood == ["it is read by the mapping shop"]
    assert [event["user_id"] for event in events] == [33, 34]
    assert {name: events[0][name] for name in ("event_type", "product_id", "brand", "user_session")} == {
        "event_type": "purchase",
        "product_id": 11,
        "brand": None,
        "user_session": None,
    }
    assert str(events[0]["event_time"]) == "2020-04-15 12:00:00"
    assert str(events[0]["price"]) == "9.9900"


@pytest.mark.parametrize(
    ("more", "changed", "meant"),
    [
        pytest.param('[event_types]\nsold = "purchase"', {"what": "Sold"}, {}, id="names of types"),
        pytest.param('[time]\nformat = "%d/%m/%Y %H:%M"', {"when": "15/04/2020 12:00"}, {}, id="form of times"),
        pytest.param('[time]\nzone = "Europe/Paris"', {"when": "2020-04-15 14:00:00"}, {}, id="zone of times"),
        pytest.param(
            '[time]\nzone = "Europe/Paris"', {"when": "2020-04-15 14:00:00+02:00"}, {}, id="zone where one is said"
        ),
        pytest.param(
            '[time]\nformat = "%d.%m.%Y %H:%M"\nzone = "America/New_York"', {"when": "15.04.2020 08:00"}, {}, id="both"
        ),
        pytest.param('[prices]\nquantity = "many"', {"cost": "3.33", "many": "3"}, {}, id="price times quantity"),
        pytest.param('[prices]\ndecimal = ","', {"cost": "9,99"}, {}, id="decimal comma"),
        pytest.param('[prices]\ndecimal = ","', {"cost": "1.009,99"}, {"price": "1009.9900"}, id="thousands"),
        pytest.param(
            '[prices]\ndecimal = ","\nquantity = "many"', {"cost": "3,33", "many": "3"}, {}, id="both of prices"
        ),
        pytest.param('[file]\ndelimiter = "^"', {}, {}, id="delimiter"),
    ],
)
def test_what_a_mapping_says_of_values(
    tmp_path: Path, more: str, changed: dict[str, str], meant: dict[str, str]
) -> None:
    row = dict(zip(HEADER, ROW, strict=True)) | changed
    file = written(tmp_path / "a.csv", list(row), list(row.values()), delimiter="^" if "^" in more else ",")
    _, (event,) = read(file, LEAST + more)
    told = {name: str(event[name]) for name in ("event_time", "event_type", "price", "user_id")}
    usual = {"event_time": "2020-04-15 12:00:00", "event_type": "purchase", "price": "9.9900", "user_id": "33"}
    assert told == usual | meant


def test_a_currency_is_told(tmp_path: Path) -> None:
    account, _ = read(written(tmp_path / "a.csv", HEADER, ROW), LEAST + '[prices]\ncurrency = "EUR"')
    assert account.understood == ["it is read by the mapping shop", "prices are in EUR"]


def test_constants_expressions_and_texts_that_become_numbers(tmp_path: Path) -> None:
    mapping = """
    [columns]
    event_time = "when"
    event_type = { value = "purchase" }
    product_id = { text = "sku" }
    price = { sql = "number(total) / 2" }
    user_id = { sql = "regexp_extract(client, '[0-9]+')" }
    brand = { sql = "upper(maker)" }
    """
    header = ("when", "sku", "total", "client", "maker")
    rows = [(ROW[0], "SKU-1", "19.98", "cust_0042", "acme"), (ROW[0], "SKU-2", "2", "cust_7", "o'neill")]
    _, events = read(written(tmp_path / "a.csv", header, *rows), mapping)
    assert [(event["user_id"], str(event["price"]), event["brand"]) for event in events] == [
        (7, "1.0000", "o'neill"),
        (42, "9.9900", "acme"),
    ]
    assert len({event["product_id"] for event in events}) == 2


def test_rows_that_are_left_out_are_accounted_for_and_no_fault(tmp_path: Path) -> None:
    mapping = LEAST + '[leave_out]\n"it\'s a test" = "what = \'test\'"'
    rows = [(*ROW[:4], str(user)) for user in range(1, 4)] + [("", "test", "", "", "")] * 2
    account, events = read(written(tmp_path / "a.csv", HEADER, *rows), mapping)
    assert len(events) == 3
    assert account.rejected == {"left out by the mapping: it's a test": 2}
    with next((tmp_path / "a.out/rejects").iterdir()).open(newline="") as file:
        assert [int(reject["line"]) for reject in csv.DictReader(file)] == [5, 6]


def test_a_file_of_nothing_but_rows_that_are_left_out_is_no_fault(tmp_path: Path) -> None:
    mapping = LEAST + '[leave_out]\n"a test" = "what = \'test\'"'
    good, tests = (
        written(tmp_path / "a.csv", HEADER, ROW),
        written(tmp_path / "b.csv", HEADER, ("", "test", "", "", "")),
    )
    _, account = ingest([good, tests], tmp_path / "out", mapping=parsed(mapping, "shop")).files
    assert (account.rows_read, account.rows_kept, account.rejected) == (1, 0, {"left out by the mapping: a test": 1})


def test_parquet_is_mapped_as_csv_is(tmp_path: Path) -> None:
    columns = {name: [value, value] for name, value in zip(HEADER, ROW, strict=True)}
    columns["who"], columns["cost"] = [1.0, 2.0], [9.99, 9.99]  # type: ignore[list-item]
    pq.write_table(pa.table(columns | {"tags": [["a"], []]}), tmp_path / "a.parquet")
    _, events = read(tmp_path / "a.parquet", LEAST)
    assert [(event["user_id"], str(event["price"])) for event in events] == [(1, "9.9900"), (2, "9.9900")]


def test_the_same_file_read_by_another_mapping_is_read_anew(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", (*HEADER, "member"), (*ROW, "77"))
    for mapping, user in ((LEAST, 33), (LEAST.replace('"who"', '"member"'), 77)):
        ingest([file], tmp_path / "out", mapping=parsed(mapping, "shop"))
        paths = sorted((tmp_path / "out").glob("events/*/*.parquet"))
        assert user in [each for path in paths for each in pq.ParquetFile(path).read()["user_id"].to_pylist()]


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("[columns", "is no TOML"),
        ("", "does not say what [columns] is"),
        (LEAST.replace('user_id = "who"', ""), "does not say what user_id is"),
        (LEAST + "[colours]\na = 'b'", "has 'colours', which is none of"),
        (LEAST + "[time]\nzones = 'UTC'", "has 'zones' in [time], only format, zone can be"),
        (LEAST + "[event_types]\na = 'seen'", "makes events seen; they are view, cart, remove_from_cart, purchase"),
        (LEAST.replace('"who"', "{ value = 7 }"), "should say of user_id which column"),
        (LEAST.replace('"who"', '"nobody"'), "a.csv lacks what the mapping shop names: nobody."),
        (LEAST.replace('"who"', '{ sql = "nobody + 1" }'), "cannot be read by the mapping shop"),
        (LEAST.replace('"who"', "{ sql = \"(SELECT max(x) FROM read_text('/etc/passwd') t(x))\" }"), "cannot be read"),
        (LEAST + "[time]\nzone = 'Mars/Base'", "cannot be read by the mapping shop"),
        (LEAST + "[file]\nencoding = 'klingon'", "encoding"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_told(tmp_path: Path, mapping: str, told: str) -> None:
    file = written(tmp_path / "a.csv", HEADER, ROW)
    with pytest.raises(BadInputError) as error:
        ingest([file], tmp_path / "out", mapping=parsed(mapping, "shop"))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_an_encoding_is_declared(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(
        ",".join((*HEADER, "make")).encode() + b"\n" + ",".join(ROW).encode() + b",m\xfcller\n"
    )
    _, (event,) = read(tmp_path / "a.csv", LEAST + 'brand = "make"\n[file]\nencoding = "cp1252"')
    assert event["brand"] == "müller"


# Ready-made


INVOICES = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")


@pytest.mark.data
@pytest.mark.slow
def test_online_retail_from_its_original_columns_is_the_converted_file_client_by_client(tmp_path: Path) -> None:
    converted = shared(RETAIL)
    known, _ = by_the_oracle(converted)
    rows = [
        (e.user_session, f"{e.product_id}A", "a thing, or two", 1, e.event_time, e.price, f"{e.user_id}.0", "France")
        for e in known
    ]
    cancelled = [(f"C{e[0]}", *e[1:3], -1, *e[4:]) for e in rows[::50]]
    nobody = [(*e[:6], "", e[7]) for e in rows[::4]]
    account, _ = read(written(tmp_path / "a.csv", INVOICES, *rows, *cancelled, *nobody), "online-retail-ii")
    assert account.rejected == {
        "left out by the mapping: a cancelled invoice": len(cancelled),
        "left out by the mapping: no customer is named": len(nobody),
    }
    ingest([converted], tmp_path / "converted")
    as_of = date(2010, 12, 9)
    assert client_table(tmp_path / "a.out", as_of) == client_table(tmp_path / "converted", as_of)


LAYOUTS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "online-retail-ii": (INVOICES, ("489434", "79323P", "LIGHTS", "2", "2020-04-15 12:00:00", "4.995", "33.0", "UK")),
    "online-retail": (
        ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"),
        ("536365", "85123A", "HOLDER", "1", "4/15/2020 12:00", "9.99", "33", "United Kingdom"),
    ),
    "retailrocket": (
        ("timestamp", "visitorid", "event", "itemid", "transactionid"),
        ("1586952000000", "33", "transaction", "11", "4000"),
    ),
    "woocommerce": (
        ("order_id", "product_id", "customer_id", "date_created", "product_qty", "product_gross_revenue"),
        ("2", "11", "33", "2020-04-15 12:00:00", "1", "9.99"),
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_ready_made_mapping_reads_its_layout(tmp_path: Path, name: str) -> None:
    header, row = LAYOUTS[name]
    file = written(tmp_path / "a.csv", header, row)
    _, (event,) = read(file, name)
    assert (event["user_id"], event["event_type"], str(event["event_time"])) == (33, "purchase", "2020-04-15 12:00:00")
    assert str(event["price"]) == ("0.0000" if name == "retailrocket" else "9.9900")
    assert f"--mapping {name} reads" in guess(file)
    with pytest.raises(BadInputError, match=f"a.csv lacks the columns .* It looks like what `--mapping {name}` reads"):
        ingest([file], tmp_path / "unmapped")


def test_cdnow_is_read_as_it_is_published(tmp_path: Path) -> None:
    """Four fields in columns of blanks, without a header."""
    (tmp_path / "CDNOW_master.txt").write_text(" 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n")
    _, events = read(tmp_path / "CDNOW_master.txt", "cdnow")
    assert [(event["user_id"], str(event["event_time"]), str(event["price"])) for event in events] == [
        (1, "1997-01-01 00:00:00", "11.7700"),
        (2, "1997-01-12 00:00:00", "12.0000"),
    ]


@pytest.mark.parametrize("name", ready_made())
def test_every_ready_made_mapping_says_what_it_is_of(name: str) -> None:
    assert "https://" in named(name).text
    assert name in LAYOUTS or name == "cdnow"


# Guessing, and from the command line


def test_a_mapping_is_guessed_and_reads_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = ("created_at", "event", "sku", "unit_price", "quantity", "customer_id", "vendor", "channel")
    rows = [
        ("15/04/2020 12:00", "order_completed", "S-1", "3,33", "3", "33", "acme", "web"),
        ("16/04/2020 09:30", "product_viewed", "S-2", "1,00", "1", "34", "", "web"),
    ]
    file = written(tmp_path / "a.csv", header, *rows, delimiter=";")
    assert main(["mapping", "guess", str(file)]) == 0
    printed = capsys.readouterr()
    (tmp_path / "shop.toml").write_text(printed.out)
    assert "2020-04-15 12:00:00" in printed.err
    command = [
        "ingest",
        "--events",
        str(file),
        "--mapping",
        str(tmp_path / "shop.toml"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(command) == 0
    paths = sorted((tmp_path / "out").glob("events/*/*.parquet"))
    events = pa.concat_tables(pq.ParquetFile(path).read() for path in paths).sort_by("user_id").to_pylist()
    assert [(event["event_type"], str(event["price"]), event["brand"]) for event in events] == [
        ("purchase", "9.9900", "acme"),
        ("view", "1.0000", None),
    ]
    assert json.loads((tmp_path / "out/ingest.json").read_text())["sources"][0]["understood"] == [
        "it is read by the mapping shop"
    ]


def test_what_cannot_be_guessed_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "a.csv", ("a", "b"), ("1", "2"))
    assert main(["mapping", "guess", str(file)]) == 0
    printed = capsys.readouterr()
    assert 'user_id = "?"  # which column is it: a, b' in printed.out
    assert "Fill in what is marked" in printed.err


def test_what_a_mapping_would_reject_is_shown(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", HEADER, ROW, (*ROW[:4], "somebody"))
    rows, rejects = tried(file, parsed(LEAST, "shop"))
    assert [row["user_id"] for row in rows] == ["33", ""]
    assert [(reject.line, reject.reason) for reject in rejects] == [(3, "user_id is missing or no integer")]


def test_mappings_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mapping", "list"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == list(ready_made())
    assert main(["mapping", "show", "cdnow"]) == 0
    assert capsys.readouterr().out == named("cdnow").text
    assert main(["mapping", "show", "nowhere"]) == 3
    assert main(["ingest", "--events", "a", "--out", "b", "--mapping", "nowhere"]) == 3
    assert "There is no mapping 'nowhere'" in capsys.readouterr().err
