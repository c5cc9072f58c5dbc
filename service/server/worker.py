"""Gunicorn made ours: no banner, a JSON log, and problem details for requests that are not HTTP."""

import logging
import secrets
import signal
import socket
from http import HTTPStatus
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors

from service.app import App
from service.common.log import JsonLog, described
from service.common.problem_details import raw_answer
from service.metrics.shared_metrics import free_place, take_place
from service.server.connections import PatientWorker
from service.server.incoming import RefusedRequestError

_TOO_LARGE = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}


_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def hold_signals() -> None:
    """Let the signals to stop wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def heed_signals() -> None:
    """Take the signals to stop, those that waited first."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


class _JsonHandler(logging.Handler):
    def __init__(self, log: JsonLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        fields = {"exception": described(error)} if error else {}
        self._log.event(record.levelname.lower(), record.getMessage(), **fields)


class ServerLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own messages, as JSON; requests are logged by the application."""

    def setup(self, cfg: Any) -> None:
        """Send everything to our log."""
        super().setup(cfg)
        # Below info, gunicorn tells the paths that were asked for and its configuration.
        self.error_log.setLevel(max(self.error_log.level, logging.INFO))
        self.error_log.handlers = [_JsonHandler(JsonLog(cfg.loglevel))]


class Worker(PatientWorker):
    """A threaded worker that answers what is not HTTP without repeating it, there or in the log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = free_place()

    def load_wsgi(self) -> None:
        """Get the application, and begin what it does beside the requests."""
        take_place(self.place)
        super().load_wsgi()
        if isinstance(self.wsgi, App):
            self.wsgi.watch.start()

    def init_signals(self) -> None:
        """Listen for signals, also for those that came while the worker was being made."""
        super().init_signals()
        heed_signals()

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:  # noqa: ARG002
        """Answer a request that could not be read, or whose answer could not be made."""
        ours = not isinstance(exc, errors.ParseException | RefusedRequestError)
        fault = HTTPStatus.INTERNAL_SERVER_ERROR if ours else HTTPStatus.BAD_REQUEST
        status = exc.status if isinstance(exc, RefusedRequestError) else _TOO_LARGE.get(type(exc), fault)
        request_id = secrets.token_hex(8)
        log = JsonLog(self.cfg.loglevel)
        error = {"exception": described(exc)} if ours else {"reason": type(exc).__name__}
        log.event("error" if ours else "warning", "failed", request_id=request_id, status=int(status), **error)
        try:
            client.sendall(raw_answer(int(status), request_id))
        except OSError as gone:
            log.event("debug", "the caller has gone", request_id=request_id, exception=described(gone))
