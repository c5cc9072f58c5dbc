"""What can go wrong for a caller; each kind carries its own status, and `problem_details` tells it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Self

from service.common.masking import masked

MOST_ERRORS = 100
_MOST_CHARACTERS = 64


class ProblemError(Exception):
    """A request that cannot be answered; the message is the detail told to the caller."""

    status = HTTPStatus.BAD_REQUEST
    kind = ""
    title = ""
    headers: Mapping[str, str] = MappingProxyType({})
    errors: Sequence[Mapping[str, str]] = ()

    def __copy__(self) -> Self:
        """Return the same problem without where it came from: frames, and all that these hold on to."""
        other = type(self).__new__(type(self), *self.args)
        other.__dict__.update(self.__dict__)
        return other


class NoKeyError(ProblemError):
    """The request has no API key."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "no-key"
    title = "No API key"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})

    def __init__(self) -> None:
        super().__init__("Send an API key in the header Authorization: Bearer <key>.")


class BadKeyError(ProblemError):
    """The API key is none of those configured."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "bad-key"
    title = "Unknown API key"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})

    def __init__(self) -> None:
        super().__init__("The API key is not known here.")


class MissingScopeError(ProblemError):
    """The API key does not open this."""

    status = HTTPStatus.FORBIDDEN
    kind = "missing-scope"
    title = "Missing scope"

    def __init__(self, scope: str, key_name: str) -> None:
        super().__init__(f"The API key lacks the scope {scope}.")
        self.key_name = key_name


class TooManyRequestsError(ProblemError):
    """The API key asks for more than it may."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    kind = "too-many-requests"
    title = "Too many requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"This API key has asked for all that it may for now; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s
        self.headers = {"Retry-After": str(retry_after_s)}


class UnknownHostError(ProblemError):
    """The request was meant for another host."""

    kind = "unknown-host"
    title = "Unknown host"

    def __init__(self) -> None:
        super().__init__("The service does not answer under the name in the header Host.")


class BadUserIdError(ProblemError):
    """The user id is no integer."""

    kind = "bad-user-id"
    title = "The user id is not an integer"


class TooLargeUserIdError(BadUserIdError):
    """The user id is an integer that no client can have."""

    title = "The user id does not fit in 64 bits"


class UnknownParameterError(ProblemError):
    """The query has a parameter that there is not."""

    kind = "unknown-parameter"
    title = "Unknown parameter"


class BadIncludeError(ProblemError):
    """`include` asks for something there is not."""

    kind = "bad-include"
    title = "Unknown include"


class UnknownClientError(ProblemError):
    """The snapshot has no such client."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-client"
    title = "Unknown client"


class UnknownPersonaError(ProblemError):
    """There is no such persona."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-persona"
    title = "Unknown persona"


class UnknownSnapshotError(ProblemError):
    """The store has no such snapshot."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-snapshot"
    title = "Unknown snapshot"

    def __init__(self) -> None:
        super().__init__("with takes the id of another snapshot in the store.")


class NoPreviousError(ProblemError):
    """There is nothing to compare the snapshot with."""

    status = HTTPStatus.NOT_FOUND
    kind = "no-previous-snapshot"
    title = "No previous snapshot"

    def __init__(self) -> None:
        super().__init__("The store has no snapshot before the one served.")


class DamagedSnapshotError(ProblemError):
    """The snapshot to compare with is not what was published."""

    status = HTTPStatus.CONFLICT
    kind = "damaged-snapshot"
    title = "Damaged snapshot"

    def __init__(self, snapshot_id: str) -> None:
        super().__init__(f"Snapshot {snapshot_id} is damaged, so nothing is compared with it.")
        self.snapshot_id = snapshot_id


class StoreUnreachableError(ProblemError):
    """The store does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "store-unreachable"
    title = "Store unreachable"

    def __init__(self) -> None:
        super().__init__("The store of snapshots does not answer at the moment.")


class ComparingError(ProblemError):
    """The comparison takes a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "comparing"
    title = "Being compared"
    headers = MappingProxyType({"Retry-After": "1"})

    def __init__(self) -> None:
        super().__init__("The two snapshots are being compared; ask again in a second.")


class NotComparedError(ProblemError):
    """Something failed on our side, and is in the log."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = HTTPStatus.INTERNAL_SERVER_ERROR.phrase

    def __init__(self) -> None:
        super().__init__("The two snapshots could not be compared; our log tells why.")


class OtherRulesError(ProblemError):
    """The rules of two snapshots differ, so that who is in a flow is not kept."""

    status = HTTPStatus.CONFLICT
    kind = "other-rules"
    title = "The rules differ"

    def __init__(self) -> None:
        super().__init__("Who is in a flow can be told between snapshots of the same rules only.")


class TooManyExportsError(ProblemError):
    """As many files as may be are being sent."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "too-many-exports"
    title = "Too many exports"
    headers = MappingProxyType({"Retry-After": "5"})

    def __init__(self) -> None:
        super().__init__("As many files as the service sends at the same time are under way; ask again in 5 s.")


class EarlyCursorError(ProblemError):
    """The cursor is of a snapshot that this worker is about to serve."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "early-cursor"
    title = "Early cursor"
    headers = MappingProxyType({"Retry-After": "1"})

    def __init__(self) -> None:
        super().__init__("The cursor's snapshot has just been published and is being taken up; ask again in a second.")


class BadParameterError(ProblemError):
    """A parameter of the query has a value that it cannot have."""

    kind = "bad-parameter"
    title = "Bad parameter"


class BadCursorError(ProblemError):
    """A cursor that no answer of ours has given."""

    kind = "bad-cursor"
    title = "Bad cursor"

    def __init__(self) -> None:
        super().__init__("cursor takes the next_cursor of the page before, for the same persona.")


class ExpiredCursorError(ProblemError):
    """A cursor of a snapshot that is not served."""

    status = HTTPStatus.GONE
    kind = "expired-cursor"
    title = "Expired cursor"

    def __init__(self, snapshot_id: str) -> None:
        self.snapshot_id = snapshot_id
        super().__init__("Another snapshot is served now; begin again without a cursor.")


class NoJsonError(ProblemError):
    """The body is not said to be JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = HTTPStatus.UNSUPPORTED_MEDIA_TYPE.phrase

    def __init__(self) -> None:
        super().__init__("Send JSON, with the header Content-Type: application/json.")


class EncodedBodyError(ProblemError):
    """The body is compressed."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    kind = "encoded-body"
    title = "The body is encoded"
    headers = MappingProxyType({"Accept-Encoding": "identity"})  # RFC 9110, section 15.5.16

    def __init__(self) -> None:
        super().__init__("Send the body as it is, without a Content-Encoding.")


class UnreadableBodyError(ProblemError):
    """The body is no JSON."""

    kind = "unreadable-body"
    title = "The body is not JSON"

    def __init__(self) -> None:
        super().__init__("The body cannot be read as JSON in UTF-8.")


class InvalidBodyError(ProblemError):
    """The body lacks something, or has something that cannot be; `errors` names each, by JSON pointer."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "invalid-body"
    title = "Invalid body"

    def __init__(self, told: Mapping[str, str]) -> None:
        pointers = [masked(pointer)[:_MOST_CHARACTERS] for pointer in islice(told, MOST_ERRORS)]
        named = ", ".join(name or "the body" for name in pointers)
        super().__init__(told[""] if list(told) == [""] else f"Missing or impossible: {named}.")
        self.errors = [{"pointer": p, "detail": d} for p, d in zip(pointers, told.values(), strict=False)]


class NoSnapshotError(ProblemError):
    """Nothing can be answered yet; the store is looked at every second, one in S3 every two."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "no-snapshot"
    title = "No snapshot"
    headers = MappingProxyType({"Retry-After": "2"})

    def __init__(self) -> None:
        super().__init__("The service has no snapshot to answer from yet.")
