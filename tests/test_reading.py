"""Files as other tools write them: whatever delimiter, encoding, quotes and numbers, read for what they mean."""

import csv
import io
import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import BadInputError
from segmentation.ingest import csv_rows, text_stream
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import FileAccount

GOOD = ("2020-04-15 12:00:00 UTC", "purchase", "11", "22", "toys.car", "acme", "9.99", "33", "s1")
PLACE = {name: place for place, name in enumerate(oracle.FIELDS)}


def fields(**other: str) -> list[str]:
    """Return the fields of a good row, some of them changed."""
    return [other.get(name, value) for name, value in zip(oracle.FIELDS, GOOD, strict=True)]


def table(*rows: list[str], header: tuple[str, ...] = oracle.FIELDS, delimiter: str = ",", end: str = "\n") -> str:
    return end.join(delimiter.join(row) for row in (list(header), *rows)) + end


def read(path: Path, content: str | bytes, name: str = "shop.csv") -> tuple[FileAccount, pa.Table]:
    """Ingest one file; return what became of it, and its events in order of their users."""
    file = path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    (account,) = ingest([file], path / "out").files
    assert account.rows_read == account.rows_kept + sum(account.rejected.values()) + account.duplicates
    events = pa.concat_tables(pq.ParquetFile(each).read() for each in sorted((path / "out").glob("events/*/*.parquet")))
    return account, events.sort_by("user_id")


USERS = [str(number) for number in range(1, 6)]
ROWS = [fields(user_id=user) for user in USERS]


def understood(path: Path, content: str | bytes) -> list[str]:
    """Check that all rows are read as they are meant; return what was assumed."""
    account, events = read(path, content)
    assert (account.rows_read, account.rows_kept) == (5, 5)
    usual = events.drop(["user_id"]).to_pylist()
    assert events["user_id"].to_pylist() == [1, 2, 3, 4, 5]
    assert all(
        row
        == {
            "event_time": datetime.fromisoformat("2020-04-15T12:00:00"),
            "event_type": "purchase",
            "product_id": 11,
            "category_id": 22,
            "category_code": "toys.car",
            "brand": "acme",
            "price": Decimal("9.9900"),
            "user_session": "s1",
        }
        for row in usual
    )
    return account.understood


def changed(name: str, write: Callable[[str], str]) -> str:
    """Write the rows with one column in another form."""
    place = PLACE[name]
    return table(*([*row[:place], write(row[place]), *row[place + 1 :]] for row in ROWS))


NOW_S = 1_586_952_000
"""2020-04-15 12:00:00 UTC."""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(table(*ROWS), [], id="the usual form"),
        pytest.param(table(*ROWS, delimiter=";"), ["semicolon"], id="semicolons"),
        pytest.param(table(*ROWS, delimiter="\t"), ["tab"], id="tabs"),
        pytest.param(table(*ROWS, delimiter="|"), ["bar"], id="bars"),
        pytest.param(
            table(*(fields(user_id=user, price="9,99") for user in USERS), delimiter=";"),
            ["semicolon", "comma"],
            id="decimal commas",
        ),
        pytest.param(f"sep=;\n{table(*ROWS, delimiter=';')}", ["sep=;"], id="a sep line"),
        pytest.param(f'"sep=,"\r\n{table(*ROWS)}', ["sep=,"], id="a sep line in quotes"),
        pytest.param(table(*ROWS, header=tuple(map(str.title, oracle.FIELDS))), ["case"], id="names in capitals"),
        pytest.param(table(*ROWS, header=tuple(f" {name} " for name in oracle.FIELDS)), ["spaces"], id="spaced names"),
        pytest.param(
            table(*ROWS, header=tuple(name.replace("_", " ").title() for name in oracle.FIELDS)),
            ["underscores", "case"],
            id="names in words",
        ),
        pytest.param(f"sep=\t\n{table(*ROWS, delimiter=chr(9))}", ["sep="], id="a sep line with a tab"),
        pytest.param(
            table(*(["x", *row, "y"] for row in ROWS), header=("channel", *oracle.FIELDS, "device")),
            ["channel, device are not used"],
            id="columns beside",
        ),
        pytest.param(
            table(*([str(n), *row] for n, row in enumerate(ROWS)), header=("", *oracle.FIELDS)),
            ["without a name"],
            id="an index",
        ),
        pytest.param(table(*ROWS, end="\r"), [], id="CR"),
        pytest.param(table(*ROWS, end="\r\r\n"), [], id="CR CR LF"),
        pytest.param(table(*ROWS, end="\r\n\n\r\n"), [], id="blank lines"),
        pytest.param(f"\n\n{table(*ROWS)}", [], id="blank lines before the header"),
        pytest.param(table(*ROWS).encode("utf-8-sig"), [], id="UTF-8 with a mark"),
        pytest.param(table(*ROWS).encode("utf-16"), ["UTF-16"], id="UTF-16 with a mark"),
        pytest.param(table(*ROWS).encode("utf-16-le"), ["UTF-16"], id="UTF-16 LE without a mark"),
        pytest.param(table(*ROWS).encode("utf-16-be"), ["UTF-16"], id="UTF-16 BE without a mark"),
        pytest.param(table(*ROWS).encode("utf-32"), ["UTF-32"], id="UTF-32"),
        pytest.param(changed("user_id", lambda text: f"{text}.0"), [".0"], id="user ids with .0"),
        pytest.param(changed("product_id", lambda text: f"{text}.00"), [".0"], id="product ids with .00"),
        pytest.param(changed("event_type", str.upper), ["case of event_type"], id="types in capitals"),
        pytest.param(changed("event_time", lambda _: f"{NOW_S}"), ["seconds since 1970"], id="epoch seconds"),
        pytest.param(changed("event_time", lambda _: f"{NOW_S}.000"), ["seconds since 1970"], id="with fractions"),
        pytest.param(changed("event_time", lambda _: f"{NOW_S}000"), ["milliseconds since 1970"], id="milliseconds"),
        pytest.param(changed("event_time", lambda _: f"{NOW_S}000000"), ["microseconds"], id="microseconds"),
        pytest.param(changed("event_time", lambda _: f"{NOW_S}000000000"), ["nanoseconds"], id="nanoseconds"),
        pytest.param(changed("event_time", lambda _: "2020/04/15 12:00:00"), ["slashes"], id="slashes"),
        pytest.param(changed("event_time", lambda _: "2020-04-15 12:00:00 GMT"), ["GMT"], id="GMT"),
        pytest.param(changed("event_time", lambda _: "2020-04-15t12:00:00z"), [], id="small letters"),
        pytest.param(changed("event_time", lambda _: '"2020-04-15T12:00:00,000Z"'), [], id="a comma in the seconds"),
    ],
)
def test_what_is_unambiguous_is_read_and_what_was_assumed_is_told(
    tmp_path: Path, content: str | bytes, said: list[str]
) -> None:
    told = understood(tmp_path, content)
    assert len(told) == len(said)
    assert all(any(word in sentence for sentence in told) for word in said)


@pytest.mark.parametrize(
    ("price", "others", "meant"),
    [("1,234.50", "2.00", "1234.50"), ("1,234,567", "2.00", "1234567"), ("1.234,50", "2,00", "1234.50")],
)
def test_thousands_are_read_where_nothing_else_can_be_meant(
    tmp_path: Path, price: str, others: str, meant: str
) -> None:
    rows = [fields(price=price), fields(user_id="34", price=others)]
    account, events = read(tmp_path, table(*rows, delimiter=";"))
    assert account.rows_kept == 2
    assert events["price"].to_pylist() == [Decimal(meant), Decimal(2)]


def test_a_price_that_may_mean_two_amounts_is_rejected(tmp_path: Path) -> None:
    account, _ = read(tmp_path, table(fields(price="1,234"), fields(price="2.00"), delimiter=";"))
    assert account.rejected == {"price is missing or no finite number": 1}
    assert account.examples["price is missing or no finite number"] == {"line": 2, "value": "1,234"}


@pytest.mark.parametrize("bits", [64, 32])
def test_ids_in_floating_point_are_read_while_they_are_exact(tmp_path: Path, bits: int) -> None:
    columns = dict(zip(oracle.FIELDS, map(list, zip(*ROWS, strict=True)), strict=True))
    ids = pa.array([1.0, 2.0, None, 4.0, 5.0], pa.float64() if bits == 64 else pa.float32())
    pq.write_table(pa.table({**columns, "user_id": ids}), tmp_path / "a.parquet")
    (account,) = ingest([tmp_path / "a.parquet"], tmp_path / "out").files
    assert (account.rows_kept, account.rejected) == (4, {"user_id is missing or no integer": 1})
    assert account.examples["user_id is missing or no integer"] == {"line": 4, "value": None}


@pytest.mark.parametrize(("kind", "power"), [(pa.float64(), 53), (pa.float32(), 24), (pa.float16(), 11)])
@pytest.mark.parametrize("column", ["user_id", "product_id"])
def test_ids_beyond_what_floating_point_holds_are_refused(
    tmp_path: Path, column: str, kind: pa.DataType, power: int
) -> None:
    columns = dict(zip(oracle.FIELDS, map(list, zip(*ROWS, strict=True)), strict=True))
    ids = pa.array(np.array([1.0, 2.0, 3.0, 4.0, 2.0**power], kind.to_pandas_dtype()))
    pq.write_table(pa.table({**columns, column: ids}), tmp_path / "a.parquet")
    with pytest.raises(BadInputError, match=rf"a\.parquet has {column} as floating point.*2\^{power} "):
        ingest([tmp_path / "a.parquet"], tmp_path / "out")


def test_text_with_point_zero_beyond_what_floating_point_holds_is_rejected(tmp_path: Path) -> None:
    account, _ = read(tmp_path, table(fields(user_id=f"{2**53}.0"), fields(user_id=f"{2**53 - 1}.0")))
    assert (account.rows_kept, account.rejected) == (1, {"user_id is missing or no integer": 1})


def test_decimals_of_nineteen_digits_are_exact(tmp_path: Path) -> None:
    columns = dict(zip(oracle.FIELDS, map(list, zip(*ROWS, strict=True)), strict=True))
    ids = [9_000_000_000_000_000_001, 9_000_000_000_000_000_002, 3, 4, 5]
    users = pa.array([Decimal(number) for number in ids], pa.decimal128(38, 9))
    pq.write_table(pa.table({**columns, "user_id": users}), tmp_path / "a.parquet")
    ingest([tmp_path / "a.parquet"], tmp_path / "out")
    (kept,) = (tmp_path / "out").glob("events/*/*.parquet")
    assert sorted(pq.ParquetFile(kept).read()["user_id"].to_pylist()) == sorted(ids)


def test_a_zero_byte_or_two_make_no_other_encoding(tmp_path: Path) -> None:
    account, _ = read(tmp_path, table(fields(brand="ac\0me"), *ROWS))
    assert (account.rows_read, account.rows_kept, account.understood) == (6, 6, [])


# Headers that are not that of events


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (oracle.FIELDS[:-1], "shop.csv lacks the column user_session."),
        ((*oracle.FIELDS[:-1], "visit"), "shop.csv lacks the column user_session; it has visit beside."),
        (("a", "b"), f"shop.csv lacks the columns {', '.join(oracle.FIELDS)}; it has a, b beside."),
        ((*oracle.FIELDS, "Brand"), "shop.csv has the column brand more than once."),
        (GOOD, "shop.csv has no header: its first line is a row, and should name the columns."),
    ],
)
def test_a_header_that_differs_is_told_of(tmp_path: Path, header: tuple[str, ...], told: str) -> None:
    (tmp_path / "shop.csv").write_text(table(header=header))
    with pytest.raises(BadInputError) as error:
        ingest([tmp_path / "shop.csv"], tmp_path / "out")
    assert str(error.value).startswith(told)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\r\n" * 9])
def test_an_empty_file_is_told_of(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shop.csv").write_bytes(content)
    with pytest.raises(BadInputError, match=r"shop\.csv is empty"):
        ingest([tmp_path / "shop.csv"], tmp_path / "out")


# Quotes


def in_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", size)
    monkeypatch.setattr(text_stream, "HEAD_BYTES", size)


WORDS = st.text(st.sampled_from('ab "\n\r,;é'), max_size=6)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(brands=st.lists(WORDS, min_size=1, max_size=12), block=st.sampled_from([256, 8 << 20]), always=st.booleans())
def test_quoted_fields_are_read_as_the_csv_module_reads_them(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    brands: list[str],
    block: int,
    always: bool,
) -> None:
    in_blocks(monkeypatch, block)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL)
    writer.writerow(oracle.FIELDS)
    writer.writerows(fields(brand=brand, user_id=str(n)) for n, brand in enumerate(brands))
    path = tmp_path_factory.mktemp("quoted")
    account, events = read(path, text.getvalue())
    assert account.rows_kept == len(brands)
    rows = list(csv.DictReader(io.StringIO(text.getvalue(), newline=""), strict=True))
    meant = [
        (row["brand"].replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").strip(" \n").lower() or None)
        for row in rows
    ]
    assert events["brand"].to_pylist() == meant


def test_stray_quotes_swallow_no_line_wherever_a_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that would be a pair, one alone, one within a word, one before a quoted line end."""
    odd = {3: '"acme', 8: 'acme"', 12: '15" acme', 17: '"acme', 18: '"two\nlines"', 25: 'a""b', 30: '"acme'}
    rows = [fields(user_id=str(n), brand=odd.get(n, "acme")) for n in range(40)]
    for block in [*range(180, 900, 37), 8 << 20]:
        in_blocks(monkeypatch, block)
        path = tmp_path / str(block)
        path.mkdir()
        account, events = read(path, table(*rows))
        assert (account.rows_read, account.rows_kept) == (40, 40), block
        assert events["brand"].to_pylist() == [
            odd.get(n, "acme").strip('"') if n == 18 else odd.get(n, "acme") for n in range(40)
        ]
        assert account.understood == ["quotes that stand in no pair around a field are taken as they are, in 6 lines"]


def test_lines_are_counted_right_around_quoted_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    for block in (200, 8 << 20):
        in_blocks(monkeypatch, block)
        text, line, wrong = table(), 2, []
        for n in range(200):
            more = rng.choice([0, 0, 0, 1, 3])
            brand = f'"a{chr(10) * more}b"'
            is_wrong = rng.random() < 0.2
            text += ",".join(fields(user_id=str(n), brand=brand, price="free" if is_wrong else "1")) + "\n"
            wrong += [line] if is_wrong else []
            line += 1 + more
            blank = rng.choice([0, 0, 2])
            text, line = text + "\n" * blank, line + blank
        path = tmp_path / str(block)
        path.mkdir()
        account, _ = read(path, text)
        assert account.rows_read == 200
        with next((path / "out/rejects").iterdir()).open(newline="") as file:
            assert [int(reject["line"]) for reject in csv.DictReader(file)] == wrong


def test_a_quote_that_never_closes_costs_no_other_line_of_a_long_file(tmp_path: Path) -> None:
    rows = [fields(user_id=str(n), brand='"acme' if n == 1 else "acme") for n in range(40_000)]
    account, events = read(tmp_path, table(*rows))
    assert (account.rows_read, account.rows_kept) == (40_000, 40_000)
    assert events["brand"].to_pylist()[:3] == ["acme", '"acme', "acme"]


@pytest.mark.slow
def test_a_hundred_thousand_quoted_line_ends_are_a_hundred_thousand_rows(tmp_path: Path) -> None:
    rows = [fields(user_id=str(n), brand='"two\nlines"') for n in range(110_000)]
    account, events = read(tmp_path, table(*rows))
    assert (account.rows_read, account.rows_kept) == (110_000, 110_000)
    assert set(events["brand"].to_pylist()) == {"two\nlines"}


# What was rejected


def test_the_first_row_of_each_reason_is_told_with_its_value_and_no_user(tmp_path: Path) -> None:
    rows = [
        fields(),
        fields(user_id="someone@example.org"),
        fields(event_type="refund"),
        fields(event_type="gift"),
        ["torn", "off"],
        fields(price="33"[:1] + "x"),
        fields(product_id="33"),
        fields(product_id="abc", user_id="abc"),
    ]
    account, _ = read(tmp_path, table(*rows))
    assert account.examples == {
        "event_type is unknown": {"line": 4, "value": "refund"},
        "price is missing or no finite number": {"line": 7, "value": "3x"},
        "user_id is missing or no integer": {"line": 3, "value": None},
        "wrong number of fields": {"line": 6, "value": "2, not 9"},
    }


def test_a_file_of_nothing_but_rejected_rows_is_refused_though_others_are_good(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(table(*ROWS))
    (tmp_path / "other.csv").write_text(table(fields(event_type="pageview"), fields(event_type="pageview")))
    with pytest.raises(BadInputError) as told:
        ingest([tmp_path], tmp_path / "out")
    sentence = str(told.value)
    assert sentence.startswith(
        "other.csv holds no event: all its 2 rows were rejected, 2 because event_type is unknown"
    )
    assert "first in line 2: pageview" in sentence


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("odd", ["", "torn,off", '15" acme', '"two\nlines"', "blank"])
def test_lines_may_end_in_any_way_whatever_stands_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, odd: str
) -> None:
    for block in (150, 333, 8 << 20):
        in_blocks(monkeypatch, block)
        rows = [fields(user_id=str(n)) for n in range(30)]
        wrong = fields(user_id="31", price="free")
        marked = {"": [], "torn,off": [["torn", "off"]], "blank": [[""], [""]]}.get(odd, [fields(brand=odd)])
        content = table(*rows[:10], *marked, *rows[10:], wrong, end=end)
        path = tmp_path / str(block)
        path.mkdir()
        account, events = read(path, content)
        assert account.rows_kept == 30 + (odd[:1] in {"1", '"'})
        assert account.examples["price is missing or no finite number"] == {
            "line": 32 + len(marked) + odd.count("\n"),
            "value": "free",
        }
        assert account.rejected.get("wrong number of fields", 0) == (odd == "torn,off")
        assert set(events["user_session"].to_pylist()) == {"s1"}
