"""Connections that cannot take a thread hostage: it gets a request once that is there, and waits for nobody long.

gunicorn's threaded worker waits for requests in its few threads, and for callers to close in its main loop, so that a
handful who send half a request, or do not read the answer, would silence all the others.
"""

import re
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

REQUEST_S = 10.0
"""From a request's first byte to its last."""
STALLED_S = 10.0
"""How long a body may make no progress, sent or received."""
_DRAIN_S = 0.5
"""For the rest of a body that nobody read, before the connection's next request."""
_LINGER_S = 2.0
"""For the caller to read an answer and close, because closing first could take the answer's end away."""
_MOST_HEAD = 65_536
_MOST_HELD = 2**26
"""For all requests that are on their way, in bytes; further bodies are waited for in threads."""
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,12})[ \t]*(?:\r|$)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)


def is_whole(request: bytes, most_body: int) -> bool:
    """Return whether there is as much of a request as is worth waiting for: no body larger than `most_body` is."""
    head, end, body = request.partition(_END)
    if not end or head.startswith(b"GET "):
        return bool(end)
    if length := _LENGTH.search(head):
        return len(body) >= int(length[1]) or int(length[1]) > most_body
    if _CHUNKED.search(head):
        return (body.endswith(_END) and b"0\r\n" in body) or len(body) > most_body
    return True


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has come of the next request."""

    def __init__(self, worker: "PatientWorker", client: socket.socket, address: Any, server: Any) -> None:
        super().__init__(worker.cfg, client, address, server)
        self._worker = worker
        self.came = b""
        self.lingers = False

    def close(self, graceful: bool = False) -> None:
        """Close, at once or when the caller has read what was sent."""
        if graceful and not self.lingers:
            self._worker.linger(self)
        else:
            util.close(self.sock)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker whose main loop does all the waiting for callers that it can."""

    def accept(self, listener: socket.socket) -> None:
        """Take a connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self._wait(Connection(self, client, address, listener.getsockname()), self.cfg.keepalive)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Go on with a kept connection whose caller asks again, or closes."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        if then := self._received(conn):
            then(conn)
        else:
            self._wait(conn, REQUEST_S)

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Go on with a connection that was waited for."""
        if not conn.came and not conn.lingers:
            conn.timeout = time.monotonic() + REQUEST_S
        if then := self._received(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            then(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Hand a request to a thread if it is there; callers may send part of the next one early."""
        if conn.parser:
            conn.came = conn.parser.unreader.take_buffered() + conn.came
        if self._is_there(conn):
            super().enqueue_req(conn)
        else:
            self._wait(conn, REQUEST_S)

    def handle(self, conn: Connection) -> Any:
        """Answer a request, in a thread, from what is there of it."""
        conn.sock.setblocking(True)
        conn.init()
        conn.parser.unreader.unread(conn.came)
        conn.came = b""
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer, but for a caller that stalls."""
        conn.sock.settimeout(STALLED_S)
        try:
            return super().handle_request(req, conn)
        except TimeoutError as stalled:
            self.log.warning("A caller stalled for %d s and was left.", STALLED_S)
            raise StopIteration from stalled

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        return keepalive and bool(conn.parser.finish_body(deadline=time.monotonic() + _DRAIN_S))

    def murder_pending(self) -> None:
        """Close the connections that were waited for too long."""
        now_s = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now_s]:
            self.poller.unregister(conn.sock)
            self.pending_conns.remove(conn)
            self._forget(conn)

    def linger(self, conn: Connection) -> None:
        """Wait for the caller to close; the connection counts until then."""
        conn.lingers = True
        self.nr_conns += 1
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(conn)
        else:
            self._wait(conn, _LINGER_S)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _wait(self, conn: Connection, for_s: float) -> None:
        conn.timeout = time.monotonic() + for_s
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _received(self, conn: Connection) -> Callable[[Connection], None] | None:
        """Read what has come, and return what to do then: None to wait for more."""
        try:
            part = conn.sock.recv(_MOST_HEAD)
        except BlockingIOError:
            return None
        except OSError:
            part = b""
        if not part:
            return self._forget
        if conn.lingers:
            return None
        conn.came += part
        if self._is_there(conn):
            return super().enqueue_req
        return self._refuse if len(conn.came) >= _MOST_HEAD and _END not in conn.came else None

    def _is_there(self, conn: Connection) -> bool:
        most = self.wsgi.config["MAX_CONTENT_LENGTH"] or 0
        if is_whole(conn.came, most):
            return True
        return len(conn.came) > _MOST_HEAD and sum(len(other.came) for other in self.pending_conns) > _MOST_HELD

    def _refuse(self, conn: Connection) -> None:
        self.handle_error(None, conn.sock, conn.client, errors.LimitRequestHeaders("too long"))
        conn.close(graceful=True)
        self.nr_conns -= 1

    def _forget(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()
