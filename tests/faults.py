"""A proxy in front of an S3 server that does to chosen requests what networks and servers do to some.

Requests pass unchanged, signature included. `log` tells which came, and what was done to them.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from fault_plans import REFUSALS, Fault, Hold, Moment, Plan, Seen, undisturbed

SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>By the tests.</Message></Error>"
PATIENCE_S = 60.0
"""What nothing here should ever have to wait for, so that a test that hangs ends."""


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to `upstream` (host and port), disturbed as `plan` says."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.plan: Plan = undisturbed
        self.checks_clock = False
        self.log: list[Seen] = []

    @property
    def faults(self) -> list[Seen]:
        """Return the requests that were really disturbed."""
        return [seen for seen in self.log if seen.fault]

    def restart(self, plan: Plan = undisturbed) -> None:
        """Forget the log and follow another plan."""
        self.log = []
        self.plan = plan

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what this is about."""


@contextmanager
def faulty_proxy(endpoint: str) -> Iterator[FaultyProxy]:
    """Run a proxy in front of the server at `endpoint`."""
    with FaultyProxy(urlsplit(endpoint).netloc) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def handle_one_request(self) -> None:
        """Read one request; every method is passed on alike."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        if self.server.checks_clock and self._is_skewed():
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(403, [("Content-Type", "application/xml")], SKEWED)
            return
        found = self.server.plan(self.command, self.path)
        if isinstance(found, Fault):
            self._disturbed(found)
        else:
            self._passed(found)
        self.wfile.flush()

    def _is_skewed(self) -> bool:
        """Tell whether a request was signed at a time that S3 takes for none of now: 15 minutes off."""
        signed = datetime.strptime(self.headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
        return abs(datetime.now(UTC) - signed) > timedelta(minutes=15)

    def _passed(self, hold: Hold | None) -> None:
        self._wait(hold, Moment.BEFORE)
        answer = self._forward(hold)
        self._wait(hold, Moment.DONE)
        self._note(None)
        self._answer(*answer)

    def _note(self, fault: Fault | None) -> None:
        self.server.log.append(Seen(self.command, self.path, fault))

    def _disturbed(self, fault: Fault) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if fault is Fault.CUT_BEFORE:
            self.close_connection = True
        elif fault is Fault.CUT_UPLOAD:
            self._begin(length // 2).close()
            self.close_connection = True
        elif fault in REFUSALS:
            self.rfile.read(length)
            self._note(fault)
            body = f"<Error><Code>{fault.split()[1].rstrip(',')}</Code><Message>By the tests.</Message></Error>"
            self._answer(REFUSALS[fault], [("Content-Type", "application/xml")], body.encode())
            return
        else:
            self._spoiled(fault, *self._forward())
            return
        self._note(fault)

    def _spoiled(self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if fault is Fault.FLIPPED:
            self._note(fault if body else None)
            middle = len(body) // 2
            flipped = body[:middle] + bytes(byte ^ 1 for byte in body[middle : middle + 1]) + body[middle + 1 :]
            self._answer(status, headers, flipped)
            return
        self._note(fault)
        if fault is Fault.CUT_DOWNLOAD:
            self._answer(status, headers, body, sent=len(body) // 2)
        elif fault is Fault.LATE:
            self.connection.settimeout(PATIENCE_S)
            self.connection.recv(1, socket.MSG_PEEK)  # until the client hangs up
        self.close_connection = True

    def _begin(self, first: int) -> HTTPConnection:
        """Send the request's head, and the first bytes of its body."""
        upstream = HTTPConnection(self.server.upstream, timeout=PATIENCE_S)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"expect", "connection"}:
                upstream.putheader(name, value)
        upstream.endheaders(self.rfile.read(first) or None)
        return upstream

    def _forward(self, hold: Hold | None = None) -> tuple[int, list[tuple[str, str]], bytes]:
        length = int(self.headers.get("Content-Length", 0))
        upstream = self._begin(length // 2)
        try:
            self._wait(hold, Moment.HALF)
            rest = self.rfile.read(length - length // 2)
            if len(rest) < length - length // 2:
                raise HTTPException("the client hung up in the middle of the body")
            upstream.send(rest)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        told_length = False
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
                told_length |= name.lower() == "content-length"
        if not told_length and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])

    @staticmethod
    def _wait(hold: Hold | None, moment: Moment) -> None:
        if hold and hold.moment is moment:
            hold.reached.set()
            if not hold.go_on.wait(PATIENCE_S):
                raise TimeoutError("nobody let the request go on")
