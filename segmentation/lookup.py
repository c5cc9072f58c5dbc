"""What the service maps into memory: plain NumPy files in the order of `user_id`, one row a client.

user_id.npy   int64, ascending
answers.npy   persona (its place in `PERSONA_NAMES`), cluster, agrees, confidence
features.npy  a field for each client column but `user_id`: numbers as they are, null as NaN, times as
              microseconds since 1970, texts as a code, -1 for null
words.json    the texts that the codes stand for, by column

Counts and codes have the smallest signed type that holds the column: the service hashes every byte when it starts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from segmentation.columns import COLUMNS, SCHEMA, Column, Kind
from segmentation.errors import BadInputError
from segmentation.personas import PERSONA_NAMES

MAX_CLUSTERS = 256
"""A cluster's number has one byte; k is at most 12."""

SEGMENT_SCHEMA = pa.schema(
    [
        *SCHEMA,
        pa.field("persona", pa.string(), nullable=False),
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("agrees", pa.bool_(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
    ]
)
"""The columns of `clients.parquet`: the client's features and its segment."""

ANSWER_DTYPE = np.dtype([("persona", "u1"), ("cluster", "u1"), ("agrees", "?"), ("confidence", "<f8")])

_FIELD_TYPES: dict[Kind, str] = {"days": "<i4", "money": "<f8", "time": "<M8[us]"}
_FEATURES = tuple(column for column in COLUMNS if column.kind != "id")


def write_lookup(clients: pa.Table, folder: Path) -> None:
    """Write the four files into `folder`, which exists, from clients sorted by `user_id`."""
    user_ids = _user_ids(clients)
    np.save(folder / "user_id.npy", user_ids, allow_pickle=False)
    np.save(folder / "answers.npy", _answers(clients), allow_pickle=False)
    words = {c.name: pc.unique(clients[c.name]).drop_null().sort() for c in _FEATURES if c.kind == "text"}
    dtype = np.dtype([(column.name, _field_type(column, clients, words)) for column in _FEATURES])
    features = np.lib.format.open_memmap(folder / "features.npy", mode="w+", dtype=dtype, shape=user_ids.shape)
    for column in _FEATURES:
        values = _whole(clients, column.name)
        features[column.name] = _codes(values, words[column.name]) if column.name in words else _numbers(values, column)
    features.flush()
    text = json.dumps({name: own.to_pylist() for name, own in words.items()}, ensure_ascii=False, sort_keys=True)
    (folder / "words.json").write_text(text, encoding="utf-8")


def _whole(clients: pa.Table, name: str) -> Any:
    return pa.concat_arrays(clients.column(name).chunks)


def _user_ids(clients: pa.Table) -> npt.NDArray[np.int64]:
    if clients.num_rows == 0:
        raise BadInputError("There are no clients to publish.")
    user_ids: npt.NDArray[np.int64] = _whole(clients, "user_id").to_numpy(zero_copy_only=False)
    if not bool(np.all(user_ids[1:] > user_ids[:-1])):
        raise BadInputError("The clients are not sorted by user_id, each once.")
    return user_ids


def _answers(clients: pa.Table) -> npt.NDArray[np.void]:
    answers = np.empty(clients.num_rows, dtype=ANSWER_DTYPE)
    personas = pc.index_in(_whole(clients, "persona"), value_set=pa.array(PERSONA_NAMES))
    if personas.null_count:
        unknown = clients.column("persona")[pc.index(pc.is_null(personas), True).as_py()]
        raise BadInputError(f"Column persona: {unknown.as_py()!r} is none of {', '.join(PERSONA_NAMES)}.")
    clusters = _whole(clients, "cluster").to_numpy(zero_copy_only=False)
    if not bool(np.all((clusters >= 0) & (clusters < MAX_CLUSTERS))):
        raise BadInputError(f"Column cluster: a cluster is not from 0 to {MAX_CLUSTERS - 1}.")
    confidence = _whole(clients, "confidence").to_numpy(zero_copy_only=False)
    if not bool(np.all((confidence >= 0) & (confidence <= 1))):
        raise BadInputError("Column confidence: a confidence is not from 0 to 1.")
    answers["persona"] = personas.to_numpy(zero_copy_only=False)
    answers["cluster"] = clusters
    answers["agrees"] = _whole(clients, "agrees").to_numpy(zero_copy_only=False)
    answers["confidence"] = confidence
    return answers


def _field_type(column: Column, clients: pa.Table, words: Mapping[str, pa.Array]) -> str:
    if column.kind in _FIELD_TYPES:
        return _FIELD_TYPES[column.kind]
    if column.name in words:
        ends = [len(words[column.name])]
    else:
        ends = [end or 0 for end in pc.min_max(clients[column.name]).as_py().values()]
    return np.min_scalar_type(-1 - max(map(abs, ends))).newbyteorder("<").str


def _codes(texts: Any, vocabulary: pa.Array) -> npt.NDArray[np.int32]:
    codes = pc.fill_null(pc.index_in(texts, value_set=vocabulary, skip_nulls=True), -1)
    coded: npt.NDArray[np.int32] = codes.to_numpy(zero_copy_only=False)
    return coded


def _numbers(values: Any, column: Column) -> npt.NDArray[Any]:
    if values.null_count and column.kind != "money":
        raise BadInputError(f"Column {column.name}: {values.null_count} clients have none.")
    numbers: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers
