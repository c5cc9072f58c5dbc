"""How a page for people is made: a template, the words of one language, and what every page shows."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Request, Response, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from languages import Language
from service.answers.answering import HTML, Answering
from service.common.problem_details import headers_of
from service.common.problems import BadKeyError, NoKeyError, NoSnapshotError, ProblemError
from service.keys.guard import Guard
from service.pages.language import PARAMETER, language_of, said
from service.snapshots.snapshot import Snapshot

SIGN_IN = "/sign-in"
_CACHE_CONTROL = "private, no-store"


class Pages:
    """Makes pages; each says what is served, and whether somebody is signed in."""

    def __init__(self, answering: Answering, guard: Guard) -> None:
        self.answering = answering
        self.guard = guard

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """Return the page that a template makes of these values, in the language asked for.

        Templates also get what `language.said` has, `href(path, **query)` (a link that keeps the language), `snapshot`
        (None without one) and `may(scope)`.
        """
        say = language_of(request)
        html = render_template(template, **self._everywhere(say), **values)
        return Response(html, status, {"Content-Type": HTML, "Cache-Control": _CACHE_CONTROL})

    def explained(self, error: Exception) -> AnyResponse:
        """Return a page that says what is wrong; whoever is not signed in is asked to."""
        if isinstance(error, NoKeyError | BadKeyError):
            return _ask_to_sign_in()
        failed = error.code if isinstance(error, HTTPException) else None
        status = error.status if isinstance(error, ProblemError) else failed or HTTPStatus.INTERNAL_SERVER_ERROR
        answer = self.page("problem.html", status, error=error, code=int(status))
        answer.headers.update(headers_of(error))
        return answer

    def snapshot(self) -> Snapshot | None:
        """Return what is served, None when there is nothing."""
        try:
            return self.answering.snapshot()
        except NoSnapshotError:
            return None

    def _everywhere(self, say: Language) -> dict[str, Any]:
        snapshot = self.snapshot()
        path = request.path if request.url_rule else "/"  # an address that is not ours may look like another site's
        return {
            **said(say),
            "asked_language": request.args.get(PARAMETER),
            "href": link,
            "translated": lambda to: link(path, **{**request.args.to_dict(), PARAMETER: to}),
            "here": request.path,
            "snapshot": snapshot,
            "age_days": snapshot and self.answering.age_days(snapshot),
            "stale": bool(snapshot and self.answering.is_stale(snapshot)),
            "needs_keys": bool(self.guard),
            "may": self.guard.may,
        }


def _ask_to_sign_in() -> AnyResponse:
    """Send a person to the form, and from there back to what they asked for."""
    answer = redirect(link(SIGN_IN, next=request.full_path.rstrip("?")), HTTPStatus.SEE_OTHER)
    answer.headers["Cache-Control"] = _CACHE_CONTROL
    return answer


def browsed(request: Request) -> bool:
    """Return whether this comes from a person's browser: programs do not ask for HTML before JSON."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def link(path: str, **query: Any) -> str:
    """Return a link to a page of ours, in the language that this one was asked for in."""
    asked = request.args.get(PARAMETER)
    query = {PARAMETER: asked, **query} if asked else query
    told = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(told)}" if told else path
