"""The Flask application: routes, one handler for what goes wrong, one log line a request."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.log import JsonLog, described
from service.problems import ProblemError, problem_response
from service.provider import Provider
from service.routes import Routes
from service.settings import Settings

_ID = "menagerie.request_id"
_STARTED = "menagerie.started_s"


class App(Flask):
    """A Flask application that logs errors without what the caller sent."""

    def __init__(self, log: JsonLog) -> None:
        super().__init__("service", static_folder=None)
        self.log = log
        self.url_map.merge_slashes = False  # a path with two slashes is another path, not a redirect

    def log_exception(self, exc_info: Any) -> None:
        """Log an unforeseen error under the request's id."""
        self.log.event("error", "failed", request_id=request.environ[_ID], exception=described(exc_info[1]))

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Give the request an id and a beginning, then answer it."""
        environ[_STARTED] = time.perf_counter()
        environ[_ID] = secrets.token_hex(8)
        return super().wsgi_app(environ, start_response)


def create_app(
    provider: Provider, settings: Settings, log: JsonLog, clock: Callable[[], float] = time.time
) -> Flask:
    """Build the application; `clock` gives the seconds since 1970."""
    app = App(log)
    Routes(provider, settings, clock).add_to(app)
    app.after_request(lambda response: _end(response, log))
    app.register_error_handler(ProblemError, _explain)
    app.register_error_handler(HTTPException, _explain)
    return app


def _end(response: Response, log: JsonLog) -> Response:
    environ = request.environ
    request_id = environ[_ID]
    response.headers.add("X-Request-ID", request_id)
    rule = request.url_rule
    log.request(
        request_id,
        environ["REQUEST_METHOD"],
        rule.rule if rule else "unmatched",
        response.status_code,
        (time.perf_counter() - environ[_STARTED]) * 1000,
    )
    return response


def _explain(error: Exception) -> Response:
    return problem_response(error, request, request.environ[_ID])
