"""The routes: each reads a request, asks the snapshot, and answers."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, cast

from flask import Flask, Response, request

from service import pages
from service.answers import Snapshot
from service.keys import Keys
from service.parameters import parsed_include, parsed_user_id
from service.problems import (
    NoSnapshotError,
    NoUserIdError,
    UnknownClientError,
    UnknownPersonaError,
)
from service.provider import Provider
from service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DAY_S = 86_400
_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_OFFLINE_PAGE = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


class Answer(Response):
    """A whole answer, sent as it is: its headers are complete and its body is bytes."""

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Skip what a response does for bodies and headers that may still change."""
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else cast(list[bytes], self.response)


class Routes:
    """The views; `clock` gives the seconds since 1970."""

    def __init__(self, provider: Provider, keys: Keys, settings: Settings, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._keys = keys
        self._clock = clock
        self._stale_after_s = (settings.max_age_days + 1) * DAY_S
        self._cache_control = f"private, max-age={settings.cache_s}"

    def add_to(self, app: Flask) -> None:
        """Register every route; those about clients need a key, if there are any."""
        app.add_url_rule("/segment/<user_id>", view_func=self._guarded(self.segment))
        app.add_url_rule("/segment", view_func=self._guarded(self.nobody), strict_slashes=False)
        app.add_url_rule("/personas", view_func=self._guarded(self.personas))
        app.add_url_rule("/personas/<name>", view_func=self._guarded(self.persona))
        app.add_url_rule("/snapshot", view_func=self._guarded(self.snapshot))
        app.add_url_rule("/report", view_func=self._guarded(self.report))
        app.add_url_rule("/", view_func=self.home)
        app.add_url_rule("/healthz", view_func=self.healthz)
        app.add_url_rule("/readyz", view_func=self.readyz)

    def segment(self, user_id: str) -> Response:
        """Answer who one client is."""
        number = parsed_user_id(user_id)
        include = parsed_include(request.args) if request.environ["QUERY_STRING"] else ()
        snapshot = self._snapshot()
        stale = self._is_stale(snapshot)
        body = snapshot.segment(number, include, stale)
        if body is None:
            raise UnknownClientError(f"The snapshot of {snapshot.as_of} has no such client.")
        return self._kept(body, "+".join((snapshot.id, *include, *(["stale"] if stale else []))))

    def nobody(self) -> Response:
        """Answer that a client must be named."""
        raise NoUserIdError

    def personas(self) -> Response:
        """Answer what the seven are."""
        snapshot = self._snapshot()
        return self._dated(snapshot, {"personas": list(snapshot.personas)})

    def persona(self, name: str) -> Response:
        """Answer what one persona is."""
        snapshot = self._snapshot()
        for persona in snapshot.personas:
            if persona["name"] == name:
                return self._dated(snapshot, persona)
        names = ", ".join(persona["name"] for persona in snapshot.personas)
        raise UnknownPersonaError(f"The personas are {names}.")

    def snapshot(self) -> Response:
        """Answer which snapshot is served."""
        snapshot = self._snapshot()
        age_days = snapshot.age_days(self._clock())
        manifest = snapshot.manifest
        answer = {"id": snapshot.id, "created_at": manifest["created_at"], "age_days": age_days}
        answer |= {"counts": manifest["counts"], "metrics": snapshot.metrics}
        return self._dated(snapshot, answer, f"+{age_days}")

    def report(self) -> Response:
        """Answer with the run on one page."""
        snapshot = self._snapshot()
        response = self._kept(snapshot.report, snapshot.id, _HTML)
        response.headers["Content-Security-Policy"] = _OFFLINE_PAGE
        return response

    def home(self) -> Response:
        """Answer with a page that says what this is."""
        snapshot = self._provider.current()
        if snapshot is None:
            return _fresh(pages.home(pages.NOTHING_TO_SERVE), _HTML)
        if self._keys:  # the page is open to everyone, how large the shop is need not be
            return _fresh(pages.home(pages.ASK_WITH_A_KEY), _HTML)
        age_days = snapshot.age_days(self._clock()) if self._is_stale(snapshot) else None
        return _fresh(pages.home(pages.state(snapshot, age_days)), _HTML)

    def healthz(self) -> Response:
        """Answer that the process is alive."""
        return _fresh(b'{"status":"alive"}')

    def readyz(self) -> Response:
        """Answer whether there is a snapshot to answer from."""
        return _fresh(b'{"status":"ready","snapshot":"%b"}' % self._snapshot().id.encode())

    def _guarded(self, view: Callable[..., Response]) -> Callable[..., Response]:
        if not self._keys:
            return view

        @wraps(view)
        def guarded(**values: str) -> Response:
            self._keys.check(request.environ.get("HTTP_AUTHORIZATION", ""), "lookup")
            return view(**values)

        return guarded

    def _snapshot(self) -> Snapshot:
        snapshot = self._provider.current()
        if snapshot is None:
            raise NoSnapshotError
        return snapshot

    def _is_stale(self, snapshot: Snapshot) -> bool:
        return self._clock() - snapshot.as_of_s >= self._stale_after_s

    def _dated(self, snapshot: Snapshot, answer: Mapping[str, object], variant: str = "") -> Response:
        stale = self._is_stale(snapshot)
        return self._kept(snapshot.dated(answer, stale), f"{snapshot.id}{variant}{'+stale' * stale}")

    def _kept(self, body: bytes, tag: str, content_type: str = _JSON) -> Response:
        headers = [
            ("Content-Type", content_type),
            ("ETag", f'"{tag}"'),
            ("Cache-Control", self._cache_control),
        ]
        if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(tag):
            answer = Answer(status=304, headers=headers[1:])
            del answer.headers["Content-Type"]  # a response without one is given a default
            return answer
        headers.append(("Content-Length", str(len(body))))
        return Answer([body], headers=headers)


def _fresh(body: bytes, content_type: str = _JSON) -> Response:
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
