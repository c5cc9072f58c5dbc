"""The service as a process, for tests: started, asked, and its log read."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any

from s3_servers import free_port

WITHIN_S = 10.0
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}


class Running:
    """A started service: its port, its process, and its log."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port, self.process, self._log = port, process, log

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        result = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return result

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_S)

    def logged(self) -> list[dict[str, Any]]:
        whole_lines = self._log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole_lines.splitlines()]

    def wait_for_lines(self, message: str, count: int, within_s: float = WITHIN_S) -> list[dict[str, Any]]:
        """Return the lines with this message once there are so many, or after a while those there are."""
        deadline = time.monotonic() + within_s
        while True:
            found = [line for line in self.logged() if line["message"] == message]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            try:
                self.get("/healthz")
                return
            except OSError:
                time.sleep(0.01)
        raise TimeoutError(self._log.read_text())


def start(
    *arguments: str, stderr: Any = subprocess.PIPE, environment: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.Popen(command, stderr=stderr, env=ENVIRONMENT | dict(environment))


@contextmanager
def running(
    store: Path | str, log: Path, *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Running]:
    """Start the service, wait until it answers, and kill it afterwards."""
    port = free_port()
    with log.open("wb") as stream:
        asked = ("--store", str(store), "--port", str(port), *arguments)
        process = start(*asked, stderr=stream, environment=environment)
    service = Running(port, process, log)
    try:
        service.wait_until_ready()
        yield service
    finally:
        process.kill()
        process.wait()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), WITHIN_S) as connection:
        yield connection


def whole_answer(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def asked(port: int, request: bytes) -> bytes:
    with connected(port) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return whole_answer(connection)
        except ConnectionError:  # it did not read a request to its end that it had refused
            return b""


def workers_of(service: Running) -> list[int]:
    pid = service.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
