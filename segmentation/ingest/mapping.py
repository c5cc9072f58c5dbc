"""Mappings: what the columns of a shop's own files mean, so that they are read as events (docs/mappings.md)."""

import codecs
import tomllib
from collections.abc import Mapping as Named
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from contract.errors import BadInputError
from segmentation.ingest import events
from segmentation.tools.engine import reason

READY_MADE = Path(__file__).with_name("mappings")
_LEFT_OUT = "left out by the mapping: "
_OPTIONAL = ("category_id", "category_code", "brand", "user_session")
_TABLES = {
    "file": ("encoding", "delimiter", "header"),
    "columns": events.COLUMNS,
    "time": ("format", "zone"),
    "prices": ("decimal", "quantity", "currency"),
}
_FREE_TABLES = ("event_types", "leave_out")
_MACROS = r"""
CREATE TEMP MACRO number(text) AS TRY_CAST({text} AS DECIMAL(18, 4));
CREATE TEMP MACRO local_time(text) AS
    CASE WHEN regexp_full_match(text, '\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d([.,]\d+)?)?')
    THEN TRY_CAST(replace(text, ',', '.') AS TIMESTAMP) END;
CREATE TEMP MACRO number_of(text) AS CAST(md5_number_lower(trim(text)) >> 1 AS BIGINT);
"""
_POINT = "trim(CAST(text AS VARCHAR))"
_COMMA = f"replace(replace({_POINT}, '.', ''), ',', '.')"


@dataclass(frozen=True)
class Mapping:
    """How the columns of a kind of file become those of an event: each by an SQL expression over them.

    `leave_out` has conditions, by what they say of a row; `currency` is the ISO code of the prices.
    """

    name: str
    columns: Named[str, str]
    event_types: Named[str, str]
    leave_out: Named[str, str]
    text: str
    encoding: str | None = None
    delimiter: str | None = None
    header: Sequence[str] | None = None
    time_format: str | None = None
    zone: str | None = None
    decimal: str = "."
    currency: str | None = None

    @property
    def understood(self) -> list[str]:
        """Return what reading a file by this mapping assumes, in sentences without their full stop."""
        told = [f"it is read by the mapping {self.name}"]
        return [*told, f"prices are in {self.currency}"] if self.currency else told

    def identity(self, of_file: str) -> str:
        """Return what tells a file (by its SHA-256) read by this mapping from one that is read otherwise."""
        return sha256(f"{of_file}:{self.text}".encode()).hexdigest()

    def uses(self, column: str) -> bool:
        """Tell whether a column of a file may be one that the mapping speaks of."""
        return bool(column) and column.lower() in self.text.lower()

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make what expressions may call, and shut them off from files and network."""
        connection.execute(_MACROS.replace("{text}", _COMMA if self.decimal == "," else _POINT))
        connection.execute("SET enable_external_access = false")

    def apply(self, connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, file: str) -> pa.Table:
        """Return rows of a file as text rows of events, with `left_out`, which says why a row is, if it is."""
        known = {name.lower() for name in batch.schema.names}
        missing = [name for sql in self.columns.values() if (name := _named(sql)) and name.lower() not in known]
        if missing:
            raise BadInputError(f"{file} lacks what the mapping {self.name} names: {_of(missing)}.")
        connection.register("source", pa.Table.from_batches([batch]))
        try:
            return connection.sql(self._query).to_arrow_table()
        except duckdb.Error as error:
            raise BadInputError(f"{file} cannot be read by the mapping {self.name}: {reason(error)}.") from error
        finally:
            connection.unregister("source")

    @property
    def _query(self) -> str:
        said = {name: f"trim(CAST({sql} AS VARCHAR))" for name, sql in self.columns.items()}
        said["event_type"] = self._event_type(said["event_type"])
        said["event_time"] = self._event_time(said["event_time"])
        if self.decimal == "," and _named(self.columns["price"]):  # expressions call number() themselves
            said["price"] = f"CAST(number({said['price']}) AS VARCHAR)"
        left_out = " ".join(
            f"WHEN {condition} THEN {_literal(_LEFT_OUT + said)}" for said, condition in self.leave_out.items()
        )
        columns = ", ".join(f"coalesce({said.get(name, 'NULL')}, '') AS {name}" for name in events.COLUMNS)
        why = f"CASE {left_out} END" if left_out else "CAST(NULL AS VARCHAR)"
        return f"SELECT line, {columns}, {why} AS left_out FROM source ORDER BY line"  # noqa: S608 (the shop's own)

    def _event_type(self, sql: str) -> str:
        if not self.event_types:
            return sql
        cases = " ".join(
            f"WHEN {_literal(theirs.strip().lower())} THEN {_literal(ours)}"
            for theirs, ours in self.event_types.items()
        )
        return f"CASE lower({sql}) {cases} ELSE {sql} END"

    def _event_time(self, sql: str) -> str:
        local = f"try_strptime({sql}, {_literal(self.time_format)})" if self.time_format else f"local_time({sql})"
        if not self.zone:
            return f"coalesce(CAST({local} AS VARCHAR), '')" if self.time_format else sql
        utc = f"CAST(({local} AT TIME ZONE {_literal(self.zone)}) AT TIME ZONE 'UTC' AS VARCHAR)"
        otherwise = "''" if self.time_format else sql
        return f"coalesce({utc}, {otherwise})"


def is_left_out(why: str) -> bool:
    """Tell whether a row is rejected because a mapping leaves it out, which is no fault."""
    return why.startswith(_LEFT_OUT)


def named(given: str) -> Mapping:
    """Return a ready-made mapping by its name, or the one in a file; raise BadInputError for any other."""
    path = READY_MADE / f"{given}.toml" if given in ready_made() else Path(given)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError, ValueError) as error:
        known = ", ".join(ready_made())
        told = f"There is no mapping {given!r}: it is a file that can be read, or one of {known}."
        raise BadInputError(told) from error
    return parsed(text, path.stem)


@cache
def ready_made() -> tuple[str, ...]:
    """Return the names of the mappings that come with the package."""
    return tuple(sorted(path.stem for path in READY_MADE.glob("*.toml")))


def fitting(header: Sequence[str]) -> str | None:
    """Return the ready-made mapping all of whose columns a file has, if there is one."""
    known = {name.strip().lower() for name in header}
    for name in ready_made():
        its = named(name)
        needed = {column.lower() for sql in its.columns.values() if (column := _named(sql))}
        if needed and needed <= known and not its.header:
            return name
    return None


def may_read_it(header: Sequence[str] = ()) -> str:
    """Say what may read a file that is no event file as it stands."""
    if name := fitting(header):
        return f"It looks like what `--mapping {name}` reads."
    return "`--mapping` may read it, and `segmentation mapping guess` writes a first one."


def parsed(text: str, name: str) -> Mapping:
    """Return the mapping that a TOML text describes; raise BadInputError where it is none."""
    try:
        told = tomllib.loads(text)
        _check(told, name)
        columns = {
            column: _expression(column, told["columns"][column], name)
            for column in events.COLUMNS
            if column in told["columns"] or column not in _OPTIONAL
        }
        prices = told.get("prices", {})
        if quantity := prices.get("quantity"):
            columns["price"] = f"(number({columns['price']}) * number({_identifier(quantity)}))"
        file, time = told.get("file", {}), told.get("time", {})
        codecs.lookup(file.get("encoding", "utf-8"))
        return Mapping(
            name,
            columns,
            told.get("event_types", {}),
            told.get("leave_out", {}),
            text,
            file.get("encoding"),
            file.get("delimiter"),
            file.get("header"),
            time.get("format"),
            time.get("zone"),
            prices.get("decimal", "."),
            prices.get("currency"),
        )
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"The mapping {name} is no TOML: {error}.") from error
    except LookupError as error:
        if not isinstance(error, KeyError):
            raise BadInputError(f"The mapping {name} names an {error}.") from error
        raise BadInputError(f"The mapping {name} does not say what {error.args[0]} is.") from error


def _check(told: Named[str, Any], name: str) -> None:
    for table, its in told.items():
        if table == "about" and isinstance(its, str):
            continue
        if not isinstance(its, dict) or table not in {*_TABLES, *_FREE_TABLES}:
            known = ", ".join(f"[{each}]" for each in (*_TABLES, *_FREE_TABLES))
            raise BadInputError(f"The mapping {name} has {table!r}, which is none of {known}.")
        for key, value in its.items():
            if table in _TABLES and key not in _TABLES[table]:
                raise BadInputError(f"The mapping {name} has {key!r} in [{table}], only {_of(_TABLES[table])} can be.")
            if table != "columns" and not isinstance(value, list if key == "header" else str):
                raise BadInputError(f"The mapping {name} has {key!r} in [{table}], which should be text.")
    unknown = sorted(set(told.get("event_types", {}).values()) - set(events.EVENT_TYPES))
    if unknown:
        raise BadInputError(f"The mapping {name} makes events {_of(unknown)}; they are {_of(events.EVENT_TYPES)}.")
    if "columns" not in told:
        raise KeyError("[columns]")


def _expression(column: str, given: Any, name: str) -> str:
    """Return the SQL of what is said of a column: its name in the file, `value`, `sql`, or `text`, to be a number."""
    match given:
        case str():
            return _identifier(given)
        case {"value": str(value), **rest} if not rest:
            return _literal(value)
        case {"sql": str(sql), **rest} if not rest:
            return f"({sql})"
        case {"text": str(of), **rest} if not rest:
            return f"number_of({_identifier(of)})"
    raise BadInputError(
        f"The mapping {name} should say of {column} which column of the file it is, or {{ value = … }}, {{ sql = … }}"
        " or { text = … }."
    )


def _named(sql: str) -> str | None:
    """Return the column that an expression is, if it is just one."""
    return sql[1:-1].replace('""', '"') if sql.startswith('"') else None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str | None) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _of(names: Sequence[str]) -> str:
    return ", ".join(names)
