"""What a source of snapshots is: a store as the service sees it."""

from typing import Any, Protocol

from service.snapshots.snapshot import Snapshot


class UnreachableError(Exception):
    """The store does not answer; the message is the reason, without addresses or credentials."""


class Source(Protocol):
    """A store as the service sees it: which snapshot is current, and that snapshot, opened."""

    @property
    def url(self) -> str:
        """Return what the store was opened with."""

    @property
    def check_every_s(self) -> float:
        """Return the seconds between two looks at which snapshot is current."""

    def current(self) -> tuple[str, str] | None:
        """Return the current snapshot's id and a version that changes whenever it is published; None without one."""

    def ids(self) -> list[str]:
        """Return the ids of all snapshots in the store, in alphabetical order."""

    def manifest(self, snapshot_id: str) -> dict[str, Any]:
        """Return what a snapshot says of itself; raise as `read` does."""

    def read(self, snapshot_id: str, beside: str | None = None) -> Snapshot:
        """Verify and open a snapshot; raise `RefusedError` when it is damaged, `UnreachableError` to try again.

        A local copy of the one called `beside` stays too, for it is in use or soon will be.
        """
