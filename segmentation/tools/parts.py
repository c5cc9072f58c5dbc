"""A table on disk: one Parquet file, or a folder of part files as Spark writes them, in the order of their names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import BadInputError
from segmentation.tools.engine import reason

WHOLE = "_SUCCESS"
"""What Spark puts into a folder once all parts are there."""
NOT_WHOLE = "{} is no table, or not all of it is there; have it written again."
CHUNK_ROWS = 65_536


def parts(table: Path) -> list[Path]:
    """Return the files of a table; raise BadInputError for a folder that is none, or not all of it."""
    if not table.is_dir():
        return [table]
    found = sorted(table.glob("part-*.parquet"))
    if not found or not (table / WHOLE).exists():
        raise BadInputError(NOT_WHOLE.format(table.name))
    return found


class StoredTable:
    """A table on disk that is read by the column or by the chunk, and never held whole.

    Its columns are those of `schema`, which the command `writer` writes; BadInputError is raised for another file.
    """

    def __init__(self, path: Path, schema: pa.Schema, writer: str) -> None:
        self._name, self._schema, self._writer = path.name, schema, writer
        self._parts = parts(path)
        with self._readable():
            self.num_rows = sum(pq.read_metadata(part).num_rows for part in self._parts)
            for part in self._parts:
                pq.read_schema(part).empty_table().select(schema.names)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """Return one column; of a text, each value once in a dictionary, because few are told over and over."""
        field = self._schema.field(name)
        if field.type == pa.string():
            field = field.with_type(pa.dictionary(pa.int32(), pa.string()))
        with self._readable():
            tables = [pq.ParquetFile(part, read_dictionary=[name]).read([name]) for part in self._parts]
            return pa.concat_tables(tables).cast(pa.schema([field]))[name]

    def chunks(self, rows: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some of the columns, so many rows at a time; the last chunk may have fewer."""
        schema = self._only(columns)
        rest = schema.empty_table()
        for part in self._parts:
            with self._readable(), pq.ParquetFile(part) as file:
                for batch in file.iter_batches(rows, columns=schema.names):
                    rest = pa.concat_tables([rest, pa.table(batch).select(schema.names).cast(schema)])
                    while len(rest) >= rows:
                        yield rest.slice(0, rows)
                        rest = rest.slice(rows)
        if len(rest):
            yield rest

    def _only(self, columns: Sequence[str]) -> pa.Schema:
        return pa.schema([self._schema.field(name) for name in columns])

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise BadInputError(
                f"{self._name} is not what `segmentation {self._writer}` writes: {reason(error)}."
            ) from error


def chunks(table: pa.Table | StoredTable, columns: Sequence[str], rows: int = CHUNK_ROWS) -> Iterator[pa.Table]:
    """Yield some of a table's columns, so many rows at a time, in contiguous arrays."""
    if isinstance(table, StoredTable):
        found = table.chunks(rows, columns)
    else:
        found = (table.select(columns).slice(start, rows) for start in range(0, table.num_rows, rows))
    for chunk in found:
        yield chunk.combine_chunks()
