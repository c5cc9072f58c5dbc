"""The snapshot being served, and how it follows the store."""

from mmap import mmap
from pathlib import Path

from contract.snapshot import NO_ID
from service.common.log import JsonLog, described
from service.metrics.metrics import Metrics
from service.snapshots.comparisons import Comparisons
from service.snapshots.folder_source import FolderSource
from service.snapshots.reader import RefusedError
from service.snapshots.snapshot import Snapshot
from service.snapshots.source import Source, UnreachableError

_MOST_TOLD = 256


class Provider:
    """Holds one snapshot; another takes its place once it is verified and opened.

    Until then, and when it is refused or the store is out of reach, requests go on with the one before.
    """

    def __init__(self, store: Path | Source, log: JsonLog, metrics: Metrics | None = None) -> None:
        self.source = FolderSource(store) if isinstance(store, Path) else store
        self._log = log
        self.metrics = metrics or Metrics()
        self.comparisons = Comparisons(self.source, log)
        self._snapshot: Snapshot | None = None
        self._seen: tuple[str, str] | None = None
        self._told = mmap(-1, _MOST_TOLD)  # shared by the processes that are made later: what one of them serves
        self._adopted = self._told[:]
        self.unreachable = False
        self.check_every_s = self.source.check_every_s

    def current(self) -> Snapshot | None:
        """Return the snapshot to answer from, None when there is none, or no longer the one that was verified."""
        snapshot = self._snapshot
        if snapshot is not None and not snapshot.lookup.held.is_unchanged():
            self._drop(snapshot)
            return None
        return snapshot

    def clients(self) -> int:
        """Return how many clients the snapshot served has, 0 without one."""
        snapshot = self._snapshot
        return len(snapshot.lookup.user_ids) if snapshot else 0

    def _drop(self, snapshot: Snapshot) -> None:
        """Answer no more from what somebody has written to; it is verified anew at the next look at the store."""
        if self._snapshot is snapshot:
            self._snapshot = self._seen = None
            self.metrics.refused.inc()
            self._log.event("error", "snapshot changed while it was served", snapshot=snapshot.id)

    def published(self) -> str | None:
        """Return the id of the snapshot that the store says is current, None when it does not answer."""
        try:
            current = self.source.current()
        except UnreachableError:
            return None
        return current[0] if current else None

    def load(self) -> None:
        """Look at the store, and tell if there is nothing to serve."""
        self.follow()
        if self._snapshot is None:
            self._log.event("warning", "no snapshot to serve", store=self.source.url)

    def follow(self) -> bool:
        """Look at the store and serve what is current; return whether all went well that can go well."""
        try:
            seen = self.source.current()
            followed = seen is None or seen == self._seen or self._serve(seen[0])
        except UnreachableError as error:
            if not self.unreachable:
                self._log.event("warning", "store unreachable", store=self.source.url, reason=str(error))
            self.unreachable = True
            return False
        if self.unreachable:
            self._log.event("warning", "store reachable again", store=self.source.url)
        self.unreachable = False
        if followed:
            self._seen = seen
            if seen and self._is_served(seen[0]):
                self._told[:] = "\n".join(seen).encode()[:_MOST_TOLD].ljust(_MOST_TOLD)
        return followed

    def adopt(self) -> None:
        """Hold, in the master process, what some worker serves, so that one that replaces a dead one begins with it.

        The store is not asked, because the master must not wait: what a worker has read lies on this machine.
        """
        told = self._told[:]
        if told == self._adopted:
            return
        self._adopted = told
        snapshot_id, _, version = told.decode("ascii", "replace").strip().partition("\n")
        seen = snapshot_id, version
        if seen != self._seen:
            self._serve(snapshot_id, "snapshot kept for workers to come")
            if self._is_served(snapshot_id):
                self._seen = seen

    def _is_served(self, snapshot_id: str) -> bool:
        return self._snapshot is not None and self._snapshot.id == snapshot_id

    def _serve(self, snapshot_id: str, told: str = "snapshot served") -> bool:
        try:
            if snapshot_id == NO_ID:
                raise RefusedError("CURRENT holds no snapshot id")
            before = self._snapshot
            self._snapshot = self.source.read(snapshot_id, before.id if before else None)
            self.comparisons.keep_only_of(snapshot_id)
        except RefusedError as error:  # read again only when it is published again
            self.metrics.refused.inc()
            self._log.event("error", "snapshot refused", snapshot=snapshot_id, reason=str(error))
        except UnreachableError:
            raise
        except Exception as error:  # it says nothing against the snapshot, such as too many open files: try again
            self._log.event("error", "snapshot not read", snapshot=snapshot_id, exception=described(error))
            return False
        else:
            self._log.event("info", told, snapshot=snapshot_id)
        return True
