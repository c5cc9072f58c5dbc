"""Comparisons with another snapshot of the store: made beside the requests, once for each pair, and kept."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import copy
from functools import partial
from typing import Any

from service.common.log import JsonLog, described
from service.common.problems import (
    ComparingError,
    DamagedSnapshotError,
    NoPreviousError,
    NotComparedError,
    ProblemError,
    StoreUnreachableError,
    UnknownSnapshotError,
)
from service.snapshots.changes import Changes, changes
from service.snapshots.reader import RefusedError
from service.snapshots.snapshot import Snapshot
from service.snapshots.source import Source, UnreachableError

_PATIENCE_S = 0.5
"""How long a request waits for a comparison: enough for a million clients, and its thread is soon free again."""

_MOST_KEPT = 4
"""Each holds the two snapshots that it is of."""
_FAILURE_KEPT_S = 15.0
"""A snapshot that is damaged, or a store that does not answer, is not looked at again at every request."""


class Comparisons:
    """What has changed between a snapshot and others of the store; `clock` gives seconds that never go back."""

    def __init__(self, source: Source, log: JsonLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._log = log
        self._clock = clock
        self._kept: dict[tuple[str, str | None], tuple[float, Future[Changes | ProblemError]]] = {}
        self._keeping = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def of(self, served: Snapshot, other: str | None = None) -> Changes:
        """Compare with the snapshot called `other`, by default with the one before; raise the problem with it.

        While the comparison takes longer than a request should wait the problem is a `ComparingError`.
        """
        with self._keeping:
            comparison = self._comparison(served, other)
        try:
            found = comparison.result(_PATIENCE_S)
        except TimeoutError:
            raise ComparingError from None
        if isinstance(found, Changes):
            return found
        raise copy(found)

    def keep_only_of(self, served: str) -> None:
        """Forget what was compared with a snapshot that is served no more."""
        with self._keeping:
            self._kept = {key: kept for key, kept in self._kept.items() if key[0] == served}

    def _comparison(self, served: Snapshot, other: str | None) -> Future[Changes | ProblemError]:
        began_s, comparison = self._kept.pop((served.id, other), (0.0, None))
        if comparison is None or (self._failed(comparison) and self._is_old(began_s)):
            began_s, comparison = self._clock(), Future()
            work = partial(self._work, comparison, served, other)
            threading.Thread(target=work, daemon=True, name="compare").start()
        self._kept[served.id, other] = began_s, comparison
        for unused in list(self._kept)[:-_MOST_KEPT]:
            del self._kept[unused]
        return comparison

    def _is_old(self, began_s: float) -> bool:
        return self._clock() - began_s >= _FAILURE_KEPT_S

    @staticmethod
    def _failed(comparison: Future[Changes | ProblemError]) -> bool:
        return comparison.done() and isinstance(comparison.result(), ProblemError)

    def _work(self, comparison: Future[Changes | ProblemError], served: Snapshot, other: str | None) -> None:
        try:
            with self._one_at_a_time:
                comparison.set_result(self._compared(served, other))
        except ProblemError as problem:
            comparison.set_result(copy(problem))
        except Exception as error:  # unforeseen: logged here once
            self._log.event("error", "failed", exception=described(error))
            comparison.set_result(NotComparedError())

    def _compared(self, served: Snapshot, other: str | None) -> Changes:
        try:
            others = [snapshot_id for snapshot_id in reversed(self._source.ids()) if snapshot_id != served.id]
            if other is None:
                other = _previous(self._source, others, served)
            elif other not in others:
                raise UnknownSnapshotError
            return changes(self._read(other, served), served, others)
        except UnreachableError as error:
            self._log.event("warning", "store unreachable", store=self._source.url, reason=str(error))
            raise StoreUnreachableError from error

    def _read(self, snapshot_id: str, served: Snapshot) -> Snapshot:
        try:
            return self._source.read(snapshot_id, beside=served.id)
        except RefusedError as error:
            self._log.event("error", "snapshot refused", snapshot=snapshot_id, reason=str(error))
            raise DamagedSnapshotError(snapshot_id) from error


def _previous(source: Source, others: Sequence[str], served: Snapshot) -> str:
    """Return the one of the others that is before the one served, or raise the problem that there is none.

    It is the one with the latest as-of date before; of several, the one created last. Without any it is the one with
    the same as-of date that was created last before it.
    """
    as_of = served.as_of.isoformat()
    dated = [(snapshot_id[: len(as_of)], snapshot_id) for snapshot_id in others]
    latest = max((date for date, _ in dated if date < as_of), default=as_of)
    created = {snapshot_id: _created_at(source, snapshot_id) for date, snapshot_id in dated if date == latest}
    if latest == as_of:
        own = served.manifest["created_at"], served.id
        created = {snapshot_id: at for snapshot_id, at in created.items() if (at, snapshot_id) < own}
    if not created:
        raise NoPreviousError
    return max(created, key=lambda snapshot_id: (created[snapshot_id], snapshot_id))


def _created_at(source: Source, snapshot_id: str) -> Any:
    try:
        return source.manifest(snapshot_id)["created_at"]
    except RefusedError:
        return ""  # before all that can be read
