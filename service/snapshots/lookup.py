"""The clients, mapped into memory: a sorted array of ids, and a row of answers and features for each."""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import isnan
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from contract.snapshot import ANSWERS, FEATURES, USER_IDS, WORDS
from service.snapshots.held import Held

_ROWS_AT_ONCE = 8192
"""Scanned while the interpreter's lock is held: a millisecond or two, so that other requests are not kept waiting."""


@dataclass(frozen=True)
class Lookup:
    """Columns in the order of `user_ids`, ascending; `words` holds the texts behind codes, by feature."""

    user_ids: npt.NDArray[np.int64]
    answers: npt.NDArray[np.void]
    features: npt.NDArray[np.void]
    words: dict[str, list[str]]
    held: Held

    @cached_property
    def _sorted_ids(self) -> memoryview:
        # Not searchsorted: it lets go of the interpreter's lock, which under load costs more than the search.
        return memoryview(self.user_ids.data)

    def row(self, user_id: int) -> int | None:
        """Return the row of a client by binary search, None for an unknown one; the id has 64 bits."""
        ids = self._sorted_ids
        row = bisect_left(ids, user_id)
        if row < len(ids) and ids[row] == user_id:
            return row
        return None

    def rows(self, user_ids: Sequence[int]) -> list[int | None]:
        """Return the row of each of many clients, None for an unknown one."""
        asked = np.array(user_ids, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.user_ids, asked), len(self.user_ids) - 1)
        found = self.user_ids[places] == asked
        return [row if known else None for row, known in zip(places.tolist(), found.tolist(), strict=True)]

    def rows_of(self, persona: int, first: int = 0) -> Iterator[list[int]]:
        """Yield the rows of a persona's clients (its place) from a row on, a handful at a time."""
        for begin in range(first, len(self.user_ids), _ROWS_AT_ONCE):
            self.held.check()
            personas = self.answers["persona"][begin : begin + _ROWS_AT_ONCE]
            yield (np.flatnonzero(personas == persona) + begin).tolist()

    def answer(self, row: int) -> tuple[int, int, bool, float]:
        """Return persona (its place), cluster, whether the two agree, and confidence."""
        return cast(tuple[int, int, bool, float], self.answers.item(row))

    def ids_at(self, rows: Sequence[int]) -> list[int]:
        """Return the user ids of many rows."""
        return cast(list[int], self.user_ids[np.array(rows, dtype=np.int64)].tolist())

    def answers_at(self, rows: Sequence[int]) -> list[tuple[int, int, bool, float]]:
        """Return the answers of many rows."""
        return cast(list[tuple[int, int, bool, float]], self.answers[np.array(rows, dtype=np.int64)].tolist())

    def features_of(self, row: int) -> dict[str, Any]:
        """Return a client's features as JSON can hold them: times as ISO 8601 in UTC, missing as None."""
        names = self.features.dtype.names or ()
        return {name: self._plain(name, value) for name, value in zip(names, self.features.item(row), strict=True)}

    def _plain(self, name: str, value: Any) -> Any:
        if name in self.words:
            return None if value < 0 else self.words[name][value]
        if isinstance(value, float):
            return None if isnan(value) else value
        if isinstance(value, datetime):
            return f"{value.isoformat()}Z"
        return value


def hold_lookup(folder: Path) -> Held:
    """Hold the files of the lookup in `folder`, before they are verified."""
    return Held(folder / name for name in (USER_IDS, ANSWERS, FEATURES))


def open_lookup(folder: Path, held: Held) -> Lookup:
    """Map the lookup of the snapshot in `folder`; nothing in them is ever run."""
    return Lookup(
        user_ids=_mapped(folder / USER_IDS),
        answers=_mapped(folder / ANSWERS),
        features=_mapped(folder / FEATURES),
        words=json.loads((folder / WORDS).read_bytes()),
        held=held,
    )


_READING = Lock()
"""NumPy reads a file's head by `ast.literal_eval`, which fails now and then in two threads at once (CPython 3.11)."""


def _mapped(file: Path) -> npt.NDArray[Any]:
    with _READING:
        mapped = np.load(file, mmap_mode="r", allow_pickle=False)
    return np.asarray(mapped)  # a plain array over the map: the memmap class does work of its own at every access
