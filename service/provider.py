"""The snapshot being served, and the watch over which one it should be."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from service.answers import Snapshot
from service.log import JsonLog, described
from service.reader import SNAPSHOT_ID, RefusedError, read_snapshot

CHECK_EVERY_S = 1.0


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True, name="snapshot").start()


class Provider:
    """Holds one snapshot and follows `CURRENT`, looking at most once a second, when somebody asks.

    A snapshot is verified and opened beside the requests; until then, and when it is refused, they go on with
    the one before.
    """

    def __init__(
        self,
        store: Path,
        log: JsonLog,
        monotonic: Callable[[], float] = time.monotonic,
        spawn: Callable[[Callable[[], None]], None] = _in_background,
    ) -> None:
        self._store = store
        self._snapshots = store / "snapshots"
        self._log = log
        self._monotonic = monotonic
        self._spawn = spawn
        self._snapshot: Snapshot | None = None
        self._seen: tuple[str, int] | None = None
        self._next_check_s = 0.0
        self._checking = threading.Lock()

    def current(self) -> Snapshot | None:
        """Return the snapshot to answer from, None when there is none."""
        now_s = self._monotonic()
        if now_s >= self._next_check_s and self._checking.acquire(blocking=False):
            self._next_check_s = now_s + CHECK_EVERY_S
            self._spawn(self._check)
        return self._snapshot

    def load(self) -> None:
        """Look now, wait for what comes of it, and tell if it is nothing."""
        with self._checking:
            self._follow()
        if self._snapshot is None:
            self._log.event("warning", "no snapshot to serve", store=str(self._store))

    def _check(self) -> None:
        try:
            self._follow()
        finally:
            self._checking.release()

    def _follow(self) -> None:
        seen = self._read_current()
        if seen is None or seen == self._seen:
            return
        self._seen = seen  # so that a refused one is read again only when it is published again
        snapshot_id = seen[0]
        try:
            if not SNAPSHOT_ID.fullmatch(snapshot_id):
                raise RefusedError("CURRENT holds no snapshot id")
            self._snapshot = read_snapshot(self._snapshots / snapshot_id, snapshot_id)
        except RefusedError as error:
            self._log.event("error", "snapshot refused", snapshot=snapshot_id[:64], reason=str(error))
        except Exception as error:
            self._seen = None  # it says nothing against the snapshot, such as too many open files: try again
            self._log.event("error", "snapshot not read", snapshot=snapshot_id, exception=described(error))
        else:
            self._log.event("info", "snapshot served", snapshot=snapshot_id)

    def _read_current(self) -> tuple[str, int] | None:
        file = self._snapshots / "CURRENT"
        try:
            return file.read_text(encoding="ascii", errors="replace").strip(), file.stat().st_mtime_ns
        except OSError:
            return None
