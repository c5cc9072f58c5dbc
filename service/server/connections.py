"""Connections that cannot take a thread hostage: it gets a request once that is there, and waits for nobody long.

gunicorn's threaded worker waits in its few threads for the first byte and the rest of a request, and in its main loop
for callers to close, so that a handful who send half a request, or do not read the answer, would silence all others.
Here the main loop does all of that waiting, and a thread gets the bytes of a whole request.
"""

import errno
import selectors
import socket
import sys
import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from service.server.incoming import MOST_HEAD, Incoming, RefusedRequestError

FIRST_BYTE_S = 5.0
"""From a connection to its first byte."""
REQUEST_S = 10.0
"""From a request's first byte to its last, and from there to a thread that is free."""
STALLED_S = 10.0
"""How long a piece of an answer may take to be sent."""
_LINGER_S = 2.0
"""For the caller to read an answer and close, because closing first could take the answer's end away."""
_STOPPING_S = 2.0
"""For a kept connection, once the worker is to stop: the next request may be on its way."""
_MOST_HELD = 2**26
"""For all requests that are here, in bytes."""
_LOOK_EVERY_S = 0.2
"""For those who have waited too long."""
_CROWD = 16
"""So many waiting for each connection that is taken at once; fewer are shared among the workers one by one."""
_AHEAD = 2
"""Requests for each thread, so that one that becomes free need not wait for the main loop."""
_SWITCH_S = 0.0005
"""How long a thread that computes may keep the others waiting; Python's own 5 ms add up at each read of the loop."""
_HEALTH = (b"GET /healthz ", b"GET /readyz ")
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Connection(TConn):  # type: ignore[misc]
    """A connection, and what has come of its next request."""

    def __init__(self, worker: "PatientWorker", client: socket.socket, address: Any, server: Any) -> None:
        super().__init__(worker.cfg, client, address, server)
        self.data_ready = True  # before a thread gets it
        self.lingers = False
        self.is_whole = False
        self.asks_for_health = False
        host = address[0]  # of a network of version 6 that a site is given, one host is as good as another
        self.comes_from = socket.inet_pton(socket.AF_INET6, host.split("%")[0])[:8] if ":" in host else host
        self._most_body = worker.wsgi.config["MAX_CONTENT_LENGTH"] or 0
        self.incoming = Incoming(self._most_body)

    def init(self) -> None:
        """Let the request be parsed that is there."""
        request, rest = self.incoming.split()
        self.incoming = Incoming(self._most_body, rest)
        self.parser = get_parser(self.cfg, iter([request]), self.client)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker whose main loop does all the waiting for callers that it can.

    Whoever waits, for a request to come or for a thread, is in `pending_conns`, in the order of arrival. Where there
    is no room for one more, the first of those goes who come from where most do.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pending_conns: dict[Connection, None] = {}
        self._waiting_from: Counter[Any] = Counter()
        self._whole: deque[Connection] = deque()
        self._with_threads = 0
        self._look_again_s = 0.0

    def init_process(self) -> None:
        """Begin, in the worker's process."""
        sys.setswitchinterval(_SWITCH_S)
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Make the threads, and one more for those who ask whether we are well, which must not wait for the others."""
        self._health = ThreadPoolExecutor(1)
        return ThreadPoolExecutor(self.cfg.threads)

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, more of them where there is a crowd, and wait for the first request."""
        for _ in range(1 + len(self.pending_conns) // _CROWD):
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

    def enqueue_req(self, conn: Connection) -> None:
        """Have a thread answer."""
        done = (self._health if conn.asks_for_health else self.tpool).submit(self.handle, conn)
        done.add_done_callback(lambda _: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """Wait for the next request, which may be there already, or for the caller to close."""
        self._with_threads -= not conn.asks_for_health
        if fs.exception() or not fs.result():
            self._linger(conn)
        elif conn.incoming:
            self._wait(conn, REQUEST_S)
            self._go_on(conn)
        else:
            self._wait(conn, self.cfg.keepalive if self.alive else _STOPPING_S)
        self._hand_out()

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
        if now_s >= self._look_again_s:
            self._look_again_s = now_s + _LOOK_EVERY_S
            for conn in [conn for conn in self.pending_conns if conn.timeout <= now_s]:
                self._leave(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _wait(self, conn: Connection, for_s: float) -> None:
        conn.timeout = time.monotonic() + for_s
        conn.is_whole = False
        conn.sock.setblocking(False)
        self.pending_conns[conn] = None
        self._waiting_from[conn.comes_from] += 1
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _go_on(self, conn: Connection) -> None:
        """Go on with a request if it is there, and see to those that are not."""
        try:
            if conn.incoming.is_whole():
                self.poller.unregister(conn.sock)
                conn.is_whole, conn.asks_for_health = True, conn.incoming.begins(_HEALTH)
                conn.timeout = time.monotonic() + REQUEST_S
                self._whole.append(conn)
                self._hand_out()
            elif conn.incoming.asks_to_go_on():
                conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(conn.incoming) > MOST_HEAD and sum(len(c.incoming) for c in self.pending_conns) > _MOST_HELD:
                self._leave(max(self.pending_conns, key=lambda c: len(c.incoming)))
        except RefusedRequestError as refused:
            self.handle_error(None, conn.sock, conn.client, refused)
            self._wait_no_more(conn)
            self._linger(conn)
        except OSError:
            self._leave(conn)

    def _hand_out(self) -> None:
        """Give the threads what they can do soon."""
        if self._whole and self._whole[-1].asks_for_health:
            self._whole.rotate(1)
        while self._whole and (self._whole[0].asks_for_health or self._with_threads < _AHEAD * self.cfg.threads):
            conn = self._whole.popleft()
            if conn in self.pending_conns:  # or it has left, to make room
                self._wait_no_more(conn)
                self._with_threads += not conn.asks_for_health
                self.enqueue_req(conn)

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
            origin = max(self._waiting_from, key=self._waiting_from.__getitem__)
            self._leave(next(conn for conn in self.pending_conns if conn.comes_from == origin))

    def _wait_no_more(self, conn: Connection) -> None:
        if not conn.is_whole:
            self.poller.unregister(conn.sock)
        del self.pending_conns[conn]
        self._waiting_from[conn.comes_from] -= 1
        if not self._waiting_from[conn.comes_from]:
            del self._waiting_from[conn.comes_from]

    def _leave(self, conn: Connection) -> None:
        self._wait_no_more(conn)
        self.nr_conns -= 1
        conn.close()
