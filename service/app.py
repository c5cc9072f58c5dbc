"""The Flask application: routes, one handler for what goes wrong, one log line a request."""

import time
from collections.abc import Callable
from random import getrandbits
from typing import Any

from flask import Flask, Request, Response, request
from flask.globals import request_ctx
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException

from service.keys import Keys
from service.log import JsonLog, described
from service.problems import ProblemError, problem_response
from service.provider import Provider
from service.routes import Routes
from service.settings import Settings
from service.watch import Watch

_ID = "menagerie.request_id"
_STARTED = "menagerie.started_s"


class _NoSessions(SessionInterface):
    """Nothing is remembered between requests, so one empty session does for all."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 (the interface's)
        return self._none


class App(Flask):
    """A Flask application without sessions that logs errors without what the caller sent."""

    session_interface = _NoSessions()

    def __init__(self, log: JsonLog, watch: Watch) -> None:
        super().__init__("service", static_folder=None)
        self.log = log
        self.watch = watch
        self.url_map.merge_slashes = False  # a path with two slashes is another path, not a redirect

    def log_exception(self, exc_info: Any) -> None:
        """Log an unforeseen error under the request's id."""
        self.log.event("error", "failed", request_id=request.environ[_ID], exception=described(exc_info[1]))

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Give the request an id and a beginning, then answer it."""
        environ[_STARTED] = time.perf_counter()
        environ[_ID] = f"{getrandbits(64):016x}"
        return super().wsgi_app(environ, start_response)

    def process_response(self, response: Response) -> Response:
        """Name the request in its answer, and log it; this is the one thing done after every request."""
        asked = request_ctx.request  # looked up once: each look through a proxy costs
        environ, rule = asked.environ, asked.url_rule
        request_id = environ[_ID]
        response.headers.add("X-Request-ID", request_id)
        self.log.request(
            request_id,
            environ["REQUEST_METHOD"],
            rule.rule if rule else "unmatched",
            response.status_code,
            (time.perf_counter() - environ[_STARTED]) * 1000,
        )
        return response


def create_app(provider: Provider, settings: Settings, log: JsonLog, clock: Callable[[], float] = time.time) -> Flask:
    """Build the application; `clock` gives the seconds since 1970."""
    keys = Keys(settings, log)
    app = App(log, Watch(provider, keys, log, clock))
    Routes(provider, keys, settings, clock).add_to(app)
    app.register_error_handler(ProblemError, _explain)
    app.register_error_handler(HTTPException, _explain)
    return app


def _explain(error: Exception) -> Response:
    return problem_response(error, request, request.environ[_ID])
