"""A first mapping of a file of another layout: by its column names, and by what stands in its first rows."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import BadInputError
from segmentation.ingest import clean, events, packed, raw
from segmentation.ingest.csv_rows import Reject
from segmentation.ingest.layout import delimiter_of
from segmentation.ingest.mapping import Mapping, fitting, named
from segmentation.ingest.packed import unpacked
from segmentation.ingest.text_stream import TextStream
from segmentation.tools import engine

_NAMES = {
    "event_time": "event_time timestamp time event_timestamp datetime date created_at occurred_at order_date"
    " invoicedate original_timestamp sent_at received_at collector_tstamp derived_tstamp date_created created ts",
    "event_type": "event_type event event_name type action activity",
    "product_id": "product_id item_id itemid sku product stockcode lineitem_sku article_id variant_id productid",
    "category_id": "category_id categoryid",
    "category_code": "category_code category product_category category_name product_type",
    "brand": "brand vendor product_brand item_brand manufacturer",
    "price": "price unit_price unitprice lineitem_price item_price amount value revenue total product_gross_revenue",
    "user_id": "user_id customer_id userid visitorid visitor_id customer client_id user customerid member_id",
    "user_session": "user_session session_id session visit_id order_id invoice invoiceno transaction_id",
}
_QUANTITIES = "quantity qty lineitem_quantity product_qty units"
_TYPES = {
    "view": "view views pageview page_view product_viewed view_item product_view detail",
    "cart": "cart add_to_cart addtocart product_added basket add_to_basket",
    "remove_from_cart": "remove_from_cart removefromcart product_removed",
    "purchase": "purchase order transaction order_completed buy checkout_completed sale",
}
_FORMATS = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y%m%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%Y%m%d",
)
ROWS = 10
_SAMPLE = 1000


@dataclass(frozen=True)
class Sample:
    """The names of a file's columns and the first of its rows."""

    header: list[str]
    rows: list[list[str]]

    def values(self, column: str) -> list[str]:
        """Return what stands in a column, but for nothing."""
        place = self.header.index(column)
        return [row[place].strip() for row in self.rows if len(row) > place and row[place].strip()]


def guess(path: Path) -> str:
    """Return a first mapping of a file as TOML; what is not to be guessed is marked, for a person to fill in."""
    sample = sampled(path)
    if name := fitting(sample.header):
        return f"# {path.name} looks like what --mapping {name} reads, which is this.\n{named(name).text}"
    found = {column: _column(column, sample.header) for column in events.COLUMNS}
    lines = ["[columns]"]
    for column, theirs in found.items():
        if theirs:
            lines.append(f"{column} = {_toml(_as_number(column, theirs, sample))}")
        elif column == "event_type":
            lines.append('event_type = { value = "purchase" }  # what each row is')
        elif column in {"price", "product_id"}:
            lines.append(f'{column} = {{ value = "0" }}  # no column seems to be it')
        elif column in {"event_time", "user_id"}:
            lines.append(f'{column} = "?"  # which column is it: {", ".join(sample.header)}')
    lines += _event_types(found["event_type"], sample)
    lines += _time(found["event_time"], sample)
    lines += _prices(found["price"], sample)
    return "\n".join(lines) + "\n"


def tried(path: Path, mapping: Mapping, most: int = ROWS) -> tuple[list[dict[str, str]], list[Reject]]:
    """Return the first rows of a file as a mapping reads them, and those among them that would be rejected."""
    rejects: list[Reject] = []
    rows: list[dict[str, str]] = []
    with engine.connect() as connection:
        clean.prepare(connection)
        mapping.prepare(connection)
        for batch in raw.read(path, rejects.append, lambda _: None, mapping):
            left = most - len(rows)
            table = mapping.apply(connection, batch.slice(0, left), path.name).drop(["left_out"])
            for part in table.to_batches():
                rows += _cleaned(clean.clean(connection, part), rejects)
            if len(rows) >= most:
                break
    return rows, rejects


def _cleaned(table: pa.Table, rejects: list[Reject]) -> Iterator[dict[str, str]]:
    for row in table.to_pylist():
        if row["reason"]:
            rejects.append(Reject(row["line"], row["reason"], ""))
        yield {name: "" if row[name] is None else str(row[name]) for name in events.COLUMNS}


def sampled(path: Path) -> Sample:
    """Return the first rows of a file, whatever its columns are."""
    if packed.kind(path) == packed.PARQUET:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_SAMPLE):
                values = [["" if v is None else str(v) for v in column.to_pylist()] for column in batch.columns]
                return Sample(batch.schema.names, [list(row) for row in zip(*values, strict=True)])
            return Sample(file.schema_arrow.names, [])
    with unpacked(path) as stream:
        text = TextStream(stream, path.name)
        if text.is_empty():
            raise BadInputError(f"{path.name} is empty: it has not even a header.")
        head = text.head()
    delimiter = delimiter_of(head.partition("\n")[0])
    rows = list(islice(csv.reader(io.StringIO(head), delimiter=delimiter), _SAMPLE))
    return Sample([name.strip() for name in rows[0]], rows[1:])


def _column(column: str, header: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in reversed(header)}
    return next((plain[name] for name in _NAMES[column].split() if name in plain), None)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _as_number(column: str, theirs: str, sample: Sample) -> str | dict[str, str]:
    values = sample.values(theirs)
    is_text = any(not value.removesuffix(".0").lstrip("+-").isdecimal() for value in values)
    return {"text": theirs} if column == "product_id" and is_text else theirs


def _toml(value: str | dict[str, str]) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(its)}" for key, its in value.items()) + " }"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _event_types(column: str | None, sample: Sample) -> list[str]:
    if not column:
        return []
    known = {name: ours for ours, names in _TYPES.items() for name in names.split()}
    values = dict.fromkeys(sample.values(column))
    lines = [f"{_toml(value)} = {_toml(known[_plain(value)])}" for value in values if _plain(value) in known]
    if all(value.lower() in events.EVENT_TYPES for value in values):
        return []
    unknown = [value for value in values if _plain(value) not in known]
    told = [f"# rejected as it stands: {', '.join(unknown[:ROWS])}"] if unknown else []
    return ["", "[event_types]", *lines, *told]


def _time(column: str | None, sample: Sample) -> list[str]:
    values = sample.values(column)[:_SAMPLE] if column else []
    if not values:
        return []
    with engine.connect() as connection:
        clean.prepare(connection)
        connection.register("given", pa.table({"text": values}))
        if connection.execute("SELECT count(*) FROM given WHERE instant(text) IS NULL").fetchone() == (0,):
            return []
        fits = [
            form
            for form in _FORMATS
            if connection.execute("SELECT count(*) FROM given WHERE try_strptime(text, ?) IS NULL", [form]).fetchone()
            == (0,)
        ]
    if not fits:
        return ["", "[time]", f'format = "?"  # such as %d/%m/%Y %H:%M; a value is {values[0][:40]}']
    also = f"  # or {fits[1]}, which fits these values, too" if len(fits) > 1 else ""
    return ["", "[time]", f"format = {_toml(fits[0])}{also}"]


def _prices(column: str | None, sample: Sample) -> list[str]:
    quantity = next((name for name in sample.header if _plain(name) in _QUANTITIES.split()), None)
    lines = []
    if column and quantity:
        lines.append(f"quantity = {_toml(quantity)}")
    if column and any("," in value and "." not in value for value in sample.values(column)):
        lines.append('decimal = ","')
    return ["", "[prices]", *lines] if lines else []
