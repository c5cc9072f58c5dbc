"""What the service maps into memory: plain NumPy files in the order of `user_id`, one row a client.

user_id.npy   int64, ascending
answers.npy   persona (its place in `PERSONA_NAMES`), cluster, agrees, confidence
features.npy  a field for each client column but `user_id`: numbers as they are, null as NaN, times as
              microseconds since 1970, texts as a code, -1 for null
words.json    the texts that the codes stand for, by column

Counts and codes have the smallest signed type that holds the column: the service hashes every byte when it starts.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contract.columns import FEATURES as CLIENT_FEATURES
from contract.columns import Column, Kind
from contract.errors import BadInputError
from contract.snapshot import ANSWERS, FEATURES, USER_IDS, WORDS
from segmentation.model.assign import persona_codes
from segmentation.tools.parts import StoredTable

MAX_CLUSTERS = 256
"""A cluster's number has one byte; k is at most 12."""

ANSWER_DTYPE = np.dtype([("persona", "u1"), ("cluster", "u1"), ("agrees", "?"), ("confidence", "<f8")])

_FIELD_TYPES: dict[Kind, str] = {"days": "<i4", "money": "<f8", "time": "<M8[us]"}


@contextmanager
def lookup_writer(clients: pa.Table | StoredTable, folder: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Open the four files in `folder`, a snapshot with `lookup/`, for these clients; yield what writes a chunk of them.

    Chunks come in the order of the clients, who are sorted by `user_id`.
    """
    if clients.num_rows == 0:
        raise BadInputError("There are no clients to publish.")
    words = {c.name: _vocabulary(clients[c.name]) for c in CLIENT_FEATURES if c.kind == "text"}
    dtype = np.dtype([(column.name, _field_type(column, clients, words)) for column in CLIENT_FEATURES])
    text = json.dumps({name: own.to_pylist() for name, own in words.items()}, ensure_ascii=False, sort_keys=True)
    (folder / WORDS).write_text(text, encoding="utf-8")
    with (
        _array_file(folder / USER_IDS, np.dtype("<i8"), clients.num_rows) as user_ids,
        _array_file(folder / ANSWERS, ANSWER_DTYPE, clients.num_rows) as answers,
        _array_file(folder / FEATURES, dtype, clients.num_rows) as features,
    ):
        last = np.empty(0, dtype=np.int64)

        def write(chunk: pa.Table) -> None:
            nonlocal last
            own = _user_ids(chunk, last)
            last = own[-1:]
            user_ids.write(own.tobytes())
            answers.write(_answers(chunk).tobytes())
            features.write(_feature_rows(chunk, dtype, words).tobytes())

        yield write


@contextmanager
def _array_file(path: Path, dtype: np.dtype[Any], rows: int) -> Iterator[BinaryIO]:
    """Open a NumPy file of so many rows, whose bytes are to follow."""
    with path.open("wb") as file:
        head = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (rows,)}
        np.lib.format.write_array_header_1_0(file, head)
        yield file


def _vocabulary(texts: pa.ChunkedArray) -> pa.Array:
    return pc.unique(texts).cast(pa.string()).drop_null().sort()


def _user_ids(chunk: pa.Table, last: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    user_ids: npt.NDArray[np.int64] = chunk["user_id"].to_numpy()
    if not bool(np.all(np.diff(user_ids, prepend=last) > 0)):
        raise BadInputError("The clients are not sorted by user_id, each once.")
    return user_ids


def _answers(chunk: pa.Table) -> npt.NDArray[np.void]:
    answers = np.empty(chunk.num_rows, dtype=ANSWER_DTYPE)
    clusters = chunk["cluster"].to_numpy()
    if not bool(np.all((clusters >= 0) & (clusters < MAX_CLUSTERS))):
        raise BadInputError(f"Column cluster: a cluster is not from 0 to {MAX_CLUSTERS - 1}.")
    confidence = chunk["confidence"].to_numpy()
    if not bool(np.all((confidence >= 0) & (confidence <= 1))):
        raise BadInputError("Column confidence: a confidence is not from 0 to 1.")
    answers["persona"] = persona_codes(chunk["persona"])
    answers["cluster"] = clusters
    answers["agrees"] = chunk["agrees"].to_numpy()
    answers["confidence"] = confidence
    return answers


def _feature_rows(chunk: pa.Table, dtype: np.dtype[Any], words: Mapping[str, pa.Array]) -> npt.NDArray[np.void]:
    rows = np.empty(chunk.num_rows, dtype=dtype)
    for column in CLIENT_FEATURES:
        values = chunk[column.name]
        rows[column.name] = _codes(values, words[column.name]) if column.name in words else _numbers(values, column)
    return rows


def _field_type(column: Column, clients: pa.Table | StoredTable, words: Mapping[str, pa.Array]) -> str:
    if column.kind in _FIELD_TYPES:
        return _FIELD_TYPES[column.kind]
    if column.name in words:
        ends = [len(words[column.name])]
    else:
        ends = [end or 0 for end in pc.min_max(clients[column.name]).as_py().values()]
    return np.min_scalar_type(-1 - max(map(abs, ends))).newbyteorder("<").str


def _codes(texts: pa.ChunkedArray, vocabulary: pa.Array) -> npt.NDArray[np.int32]:
    codes = pc.fill_null(pc.index_in(texts, value_set=vocabulary, skip_nulls=True), -1)
    coded: npt.NDArray[np.int32] = codes.to_numpy()
    return coded


def _numbers(values: pa.ChunkedArray, column: Column) -> npt.NDArray[Any]:
    if values.null_count and column.kind != "money":
        raise BadInputError(f"Column {column.name}: {values.null_count} clients have none.")
    numbers: npt.NDArray[Any] = values.to_numpy()
    return numbers
