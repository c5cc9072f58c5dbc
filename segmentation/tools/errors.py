"""What can go wrong in the batch besides the faults of `contract.errors`."""

from contract.errors import BadInputError, MenagerieError


class BadSnapshotError(BadInputError):
    """A snapshot is not what its manifest says it is."""


class QualityGateError(MenagerieError):
    """The result is not good enough to publish; what was published before goes on being served."""

    exit_code = 4


class OvertakenError(MenagerieError):
    """Another run has published since this one began; its snapshot goes on being served."""

    exit_code = 4

    def __init__(self, url: str, snapshot_id: str, expected: str | None, found: str | None) -> None:
        super().__init__(
            f"Another run has published since this one began: {url} served {expected or 'nothing'} then and"
            f" {found or 'nothing'} now; {snapshot_id} is kept but not served."
        )


class RemovedError(MenagerieError):
    """A snapshot was removed while it was to be served; the one before goes on being served."""

    def __init__(self, url: str, snapshot_id: str) -> None:
        super().__init__(f"{snapshot_id} has been removed from {url} meanwhile; what was served before still is.")
