"""Connections that cannot take a thread hostage: it gets a request once that is there, and waits for nobody long.

gunicorn's threaded worker waits in its few threads for the first byte and the rest of a request, and in its main loop
for callers to close, so that a handful who send half a request, or do not read the answer, would silence all others.
Here the main loop does all of that waiting, and a thread gets the bytes of a whole request.
"""

import errno
import selectors
import socket
import time
from concurrent.futures import Future
from functools import partial
from io import BytesIO
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from service.server.incoming import MOST_HEAD, Incoming, RefusedRequestError

FIRST_BYTE_S = 5.0
"""From a connection to its first byte."""
REQUEST_S = 10.0
"""From a request's first byte to its last."""
STALLED_S = 10.0
"""How long a piece of an answer may take to be sent."""
_LINGER_S = 2.0
"""For the caller to read an answer and close, because closing first could take the answer's end away."""
_STOPPING_S = 2.0
"""For a kept connection, once the worker is to stop: the next request may be on its way."""
_MOST_HELD = 2**26
"""For all requests that are on their way, in bytes."""
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has come of its next request."""

    def __init__(self, worker: "PatientWorker", client: socket.socket, address: Any, server: Any) -> None:
        super().__init__(worker.cfg, client, address, server)
        self.data_ready = True  # before a thread gets it
        self.lingers = False
        self._most_body = worker.wsgi.config["MAX_CONTENT_LENGTH"] or 0
        self.incoming = Incoming(self._most_body)

    def init(self) -> None:
        """Let the request be parsed that is there."""
        request, rest = self.incoming.split()
        self.incoming = Incoming(self._most_body, rest)
        self.parser = get_parser(self.cfg, iter([request]), self.client)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker whose main loop does all the waiting for callers that it can.

    Whoever waits is in `pending_conns`, in the order of arrival. Where there is no room for one more, the first goes.
    """

    def accept(self, listener: socket.socket) -> None:
        """Take a connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._make_room()
            return
        self.nr_conns += 1
        self._wait(Connection(self, client, address, listener.getsockname()), FIRST_BYTE_S)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Read what has come, and go on if that is enough."""
        if client.fileno() < 0:  # left a moment ago, to make room
            return
        try:
            part = client.recv(MOST_HEAD)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._leave(conn)
        elif not conn.lingers:
            if not conn.incoming:
                conn.timeout = time.monotonic() + REQUEST_S
            conn.incoming.add(part)
            self._go_on(conn)

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """Wait for the next request, which may be there already, or for the caller to close."""
        if fs.exception() or not fs.result():
            self._linger(conn)
        elif conn.incoming:
            self._wait(conn, REQUEST_S)
            self._go_on(conn)
        else:
            self._wait(conn, self.cfg.keepalive if self.alive else _STOPPING_S)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer, but for a caller that stalls."""
        req.body = BytesIO(req.body.read())  # here already; that it makes no sense is told before the application works
        conn.sock.settimeout(STALLED_S)
        try:
            return super().handle_request(req, conn)
        except TimeoutError as stalled:
            self.log.warning("A caller stalled for %d s and was left.", STALLED_S)
            raise StopIteration from stalled

    def murder_pending(self) -> None:
        """Close the connections that were waited for too long."""
        now_s = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now_s]:
            self._leave(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _wait(self, conn: Connection, for_s: float) -> None:
        conn.timeout = time.monotonic() + for_s
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _go_on(self, conn: Connection) -> None:
        """Hand a request to a thread if it is there, and see to those that are not."""
        try:
            if conn.incoming.is_whole():
                self._wait_no_more(conn)
                self.enqueue_req(conn)
            elif conn.incoming.asks_to_go_on():
                conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif len(conn.incoming) > MOST_HEAD and sum(len(c.incoming) for c in self.pending_conns) > _MOST_HELD:
                self._make_room()
        except RefusedRequestError as refused:
            self.handle_error(None, conn.sock, conn.client, refused)
            self._wait_no_more(conn)
            self._linger(conn)
        except OSError:
            self._leave(conn)

    def _linger(self, conn: Connection) -> None:
        conn.lingers = True
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
        else:
            self._wait(conn, _LINGER_S)

    def _make_room(self) -> None:
        if self.pending_conns:
            self._leave(self.pending_conns[0])

    def _wait_no_more(self, conn: Connection) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def _leave(self, conn: Connection) -> None:
        self._wait_no_more(conn)
        self.nr_conns -= 1
        conn.close()
