"""What can go wrong for a caller, as RFC 9457 problem details; each kind carries its own status."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote

from flask import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

CONTENT_TYPE = "application/problem+json"
_OURS = "Something failed on our side; the request_id leads to it in our log."


class ProblemError(Exception):
    """A request that cannot be answered; the message is the detail told to the caller."""

    status = HTTPStatus.BAD_REQUEST
    kind = ""
    title = ""
    headers: ClassVar[Mapping[str, str]] = {}


class NoKeyError(ProblemError):
    """The request has no API key."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "no-key"
    title = "No API key"
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__("Send an API key in the header Authorization: Bearer <key>.")


class BadKeyError(ProblemError):
    """The API key is none of those configured."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "bad-key"
    title = "Unknown API key"
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__("The API key is not known here.")


class MissingScopeError(ProblemError):
    """The API key does not open this."""

    status = HTTPStatus.FORBIDDEN
    kind = "missing-scope"
    title = "Missing scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The API key lacks the scope {scope}.")


class BadUserIdError(ProblemError):
    """The user id is no integer."""

    kind = "bad-user-id"
    title = "The user id is not an integer"


class TooLargeUserIdError(BadUserIdError):
    """The user id is an integer that no client can have."""

    title = "The user id does not fit in 64 bits"


class NoUserIdError(ProblemError):
    """No client is named."""

    status = HTTPStatus.NOT_FOUND
    title = HTTPStatus.NOT_FOUND.phrase

    def __init__(self) -> None:
        super().__init__("Name a client: /segment/<user_id>.")


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


class NoSnapshotError(ProblemError):
    """Nothing can be answered yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "no-snapshot"
    title = "No snapshot"

    def __init__(self) -> None:
        super().__init__("The service has no snapshot to answer from yet.")


@dataclass(frozen=True)
class Problem:
    """Problem details but those of the one request; a `kind` of ours becomes a URN, none `about:blank`."""

    kind: str
    title: str
    status: int
    detail: str

    def body(self, instance: str, request_id: str) -> bytes:
        """Encode the problem as JSON."""
        problem = {
            "type": f"urn:menagerie:{self.kind}" if self.kind else "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
        }
        return json.dumps(problem, ensure_ascii=False, separators=(",", ":")).encode()


def http_problem(status: int) -> Problem:
    """Return the problem that an HTTP status alone tells."""
    known = HTTPStatus(status)
    detail = _OURS if known >= HTTPStatus.INTERNAL_SERVER_ERROR else f"{known.description or known.phrase}."
    return Problem("", known.phrase, status, detail)


def problem_response(error: Exception, request: Request, request_id: str) -> Response:
    """Return the answer to a request that failed, by one of our own problems or by HTTP."""
    headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    if isinstance(error, ProblemError):
        problem = Problem(error.kind, error.title, int(error.status), str(error))
        headers |= error.headers
    else:
        code = error.code if isinstance(error, HTTPException) else None
        problem = http_problem(code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return Response(problem.body(quote(request.path), request_id), problem.status, headers)
