"""How a caller is told what went wrong: as RFC 9457 problem details."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote

from flask import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.common.headers import CONSTANT
from service.common.masking import masked
from service.common.problems import ProblemError

CONTENT_TYPE = "application/problem+json"
_OURS = "Something failed on our side; the request_id leads to it in our log."


@dataclass(frozen=True)
class Problem:
    """Problem details but those of the one request; a `kind` of ours becomes a URN, none `about:blank`."""

    kind: str
    title: str
    status: int
    detail: str
    errors: Sequence[Mapping[str, str]] = ()

    def body(self, instance: str, request_id: str) -> bytes:
        """Encode the problem as JSON."""
        problem = {
            "type": f"urn:menagerie:{self.kind}" if self.kind else "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": masked(self.detail),
            "instance": masked(instance),
            "request_id": request_id,
            **({"errors": list(self.errors)} if self.errors else {}),
        }
        return json.dumps(problem, ensure_ascii=False, separators=(",", ":")).encode()


def http_problem(status: int) -> Problem:
    """Return the problem that an HTTP status alone tells."""
    known = HTTPStatus(status)
    detail = _OURS if known >= HTTPStatus.INTERNAL_SERVER_ERROR else f"{known.description or known.phrase}."
    return Problem("", known.phrase, status, detail)


def headers_of(error: Exception) -> dict[str, str]:
    """Return the headers that tell more of an error, whatever its answer looks like."""
    if isinstance(error, ProblemError):
        return dict(error.headers)
    return {"Allow": ", ".join(sorted(error.valid_methods or ()))} if isinstance(error, MethodNotAllowed) else {}


def problem_response(error: Exception, request: Request, request_id: str) -> Response:
    """Return the answer to a request that failed, by one of our own problems or by HTTP."""
    headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", **headers_of(error)}
    if isinstance(error, ProblemError):
        problem = Problem(error.kind, error.title, int(error.status), str(error), error.errors)
    else:
        code = error.code if isinstance(error, HTTPException) else None
        problem = http_problem(code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, MethodNotAllowed):
        problem = replace(problem, detail=f"Allowed here: {headers['Allow']}.")
    return Response(problem.body(quote(request.path), request_id), problem.status, headers)


def raw_answer(status: int, request_id: str) -> bytes:
    """Return the whole answer to what is not HTTP, so that nothing of it can be repeated."""
    problem = http_problem(status)
    body = problem.body("/", request_id)
    head = {
        "Connection": "close",
        "Cache-Control": "no-store",
        "Content-Type": CONTENT_TYPE,
        "Content-Length": len(body),
        "X-Request-ID": request_id,
        **dict(CONSTANT),
    }
    lines = [f"HTTP/1.1 {status} {problem.title}", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body
