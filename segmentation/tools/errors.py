"""What can go wrong, each with the exit code that the command line ends with."""


class MenagerieError(Exception):
    """A fault told in one sentence; `exit_code` is what the process ends with."""

    exit_code = 1


class WrongUsageError(MenagerieError):
    """The command was called in a way it cannot follow."""

    exit_code = 2


class BadInputError(MenagerieError):
    """What was given to read cannot be read, or cannot be meant."""

    exit_code = 3


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
