"""The Flask application: routes, one handler for what goes wrong, one log line a request."""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from flask import Flask, Request, Response, request
from flask.globals import request_ctx
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Response as AnyResponse

from service.common.headers import with_headers
from service.common.log import METHODS, JsonLog, described
from service.common.problem_details import problem_response
from service.common.problems import ProblemError, UnknownHostError
from service.common.request import KEY_NAME, REQUEST_ID, STARTED_S, request_id
from service.common.settings import Settings
from service.keys.guard import Guard
from service.keys.hosts import Hosts
from service.keys.keys import Keys
from service.keys.limits import Limits
from service.keys.sessions import Sessions
from service.metrics.counting import count_read
from service.metrics.metrics import Metrics
from service.pages.pages import Pages, browsed
from service.routes import Routes
from service.snapshots.provider import Provider
from service.watch import Watch

_HOST = re.compile(r"[a-z0-9.-]{1,63}(?::\d{1,5})?|\[[a-f0-9:.]+\](?::\d{1,5})?", re.ASCII | re.IGNORECASE)
_HEALTH = frozenset({"/healthz", "/readyz"})


class _NoSessions(SessionInterface):
    """Nothing is remembered between requests, so one empty session does for all."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 (the interface's)
        return self._none


class App(Flask):
    """A Flask application without sessions that logs errors without what the caller sent."""

    session_interface = _NoSessions()
    jinja_options: ClassVar[dict[str, Any]] = {"trim_blocks": True, "lstrip_blocks": True}  # type: ignore[misc]

    def __init__(self, settings: Settings, log: JsonLog, watch: Watch, metrics: Metrics, hosts: Hosts) -> None:
        super().__init__("service", static_folder=None)
        self.log = log
        self.watch = watch
        self._metrics = metrics
        self._audits = settings.audit
        self._hosts = hosts
        self.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
        self.url_map.merge_slashes = False  # a path with two slashes is another path, not a redirect

    def log_exception(self, exc_info: Any) -> None:
        """Log an unforeseen error under the request's id."""
        self.log.event("error", "failed", request_id=request.environ[REQUEST_ID], exception=described(exc_info[1]))

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Give the request an id and a beginning, then answer it."""
        environ[STARTED_S] = time.perf_counter()
        environ[REQUEST_ID] = request_id(environ.get("HTTP_X_REQUEST_ID"))
        start = with_headers(start_response, environ[REQUEST_ID], environ["wsgi.url_scheme"] == "https")
        return super().wsgi_app(environ, start)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none of ours is asynchronous, and to find that out takes long."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Find routes for hosts that are ours; health checks ask for addresses.

        Flask's own way reads the host three times over, a tenth of a lookup, though no route depends on it.
        """
        if request is None:
            return super().create_url_adapter(request)
        host = request.environ.get("HTTP_HOST", "")
        if request.path not in _HEALTH and not self._hosts.know(host):
            raise SecurityError
        server = host if _HOST.fullmatch(host) else "localhost"  # for redirects
        return self.url_map.bind(
            server, request.root_path, "", request.scheme, request.method, request.path, request.environ["QUERY_STRING"]
        )

    def process_response(self, response: Response) -> Response:
        """Log and count the request; this is the one thing done after every request."""
        asked = request_ctx.request  # looked up once: each look through a proxy costs
        environ, rule = asked.environ, asked.url_rule
        named = environ[REQUEST_ID]
        duration_s = time.perf_counter() - environ[STARTED_S]
        method, route = environ["REQUEST_METHOD"], rule.rule if rule else "unmatched"
        if method not in METHODS:
            method = "other"
        status, key_name = response.status_code, environ.get(KEY_NAME)
        self.log.request(named, method, route, status, duration_s * 1000, key_name)
        self._metrics.request(method, route, status, duration_s)
        read = count_read(environ, status, self._metrics)
        if read is not None and self._audits:
            self.log.audit(named, key_name, route, read)
        return response


def create_app(provider: Provider, settings: Settings, log: JsonLog, clock: Callable[[], float] = time.time) -> Flask:
    """Build the application; `clock` gives the seconds since 1970."""
    keys = Keys(settings, log)
    metrics = provider.metrics
    app = App(settings, log, Watch(provider, keys, log, clock), metrics, Hosts(settings, bool(keys)))
    guard = Guard(keys, Sessions(keys, settings), Limits(settings, provider.clients, log, metrics))
    routes = Routes(provider, guard, settings, clock)
    routes.add_to(app)
    explain = partial(_explain, routes.pages)
    app.register_error_handler(ProblemError, explain)
    app.register_error_handler(HTTPException, explain)
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=0, x_port=0, x_prefix=0
        )
    return app


def _explain(pages: Pages, error: Exception) -> AnyResponse:
    if isinstance(error, SecurityError):
        error = UnknownHostError()
    nowhere = request.url_rule is None and isinstance(error, HTTPException)
    if (nowhere or request.endpoint == "report") and browsed(request):
        return pages.explained(error)
    return problem_response(error, request, request.environ[REQUEST_ID])
