"""Two services behind one balancer, as two tasks are: people stay signed in, limits are each one's own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from urllib.parse import urlencode

import pytest
from known_keys import known_key
from prometheus_client.parser import text_string_to_metric_families
from serving import Running, running
from snapshots import publish_small

KEY, KEY_LINE = known_key("shop", ["lookup", "export"])
MONITOR, MONITOR_LINE = known_key("monitor", ["metrics"])
SHARED = "of both tasks, 32 characters or more"
PER_MINUTE = 20


class Balancer:
    """Gives connections to services in turn, as a load balancer does."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = cycle(ports)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]

    @contextmanager
    def balancing(self) -> Iterator["Balancer"]:
        self._threads[0].start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            for thread in self._threads:
                thread.join()

    def _accept(self) -> None:
        with self._listener, suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._pass, args=(caller,)))
                self._threads[-1].start()

    def _pass(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(("127.0.0.1", next(self._ports))) as service:
            there = threading.Thread(target=pump, args=(caller, service))
            there.start()
            pump(service, caller)
            there.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Balancer, list[Running]]]:
    publish_small(tmp_path / "store")
    settings = {
        "MENAGERIE_API_KEYS": f"{KEY_LINE}\n{MONITOR_LINE}",
        "MENAGERIE_SESSION_SECRET": SHARED,
        "MENAGERIE_REQUESTS_PER_MINUTE": str(PER_MINUTE),
    }
    with (
        running(tmp_path / "store", tmp_path / "log1", environment=settings) as one,
        running(tmp_path / "store", tmp_path / "log2", environment=settings) as two,
        Balancer([one.port, two.port]).balancing() as balancer,
    ):
        yield balancer, [one, two]


def ask(port: int, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST" if body is not None else "GET", path, body, {**sent, "Connection": "close"})
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return result


def test_who_signed_in_at_one_is_known_at_the_other(both: tuple[Balancer, list[Running]]) -> None:
    balancer, _ = both
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    status, headers, _ = ask(balancer.port, "/sign-in", urlencode({"key": KEY}), **form)
    assert status == 303
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert {ask(balancer.port, "/persona/fox", Cookie=cookie)[0] for _ in range(4)} == {200}


def test_what_one_has_begun_the_other_goes_on_with(both: tuple[Balancer, list[Running]]) -> None:
    balancer, services = both
    bearer = {"Authorization": f"Bearer {KEY}"}
    tags = {ask(service.port, "/segment/7", **bearer)[1]["ETag"] for service in services}
    assert len(tags) == 1
    assert {ask(balancer.port, "/segment/7", If_None_Match=tags.copy().pop(), **bearer)[0] for _ in range(2)} == {304}


def test_each_counts_for_itself(both: tuple[Balancer, list[Running]]) -> None:
    balancer, services = both
    bearer = {"Authorization": f"Bearer {KEY}"}
    answered = [ask(balancer.port, "/segment/7", **bearer)[0] for _ in range(2 * PER_MINUTE + 10)]
    assert 2 * PER_MINUTE <= answered.count(200) <= 2 * PER_MINUTE + 10  # a minute may begin in between
    assert set(answered) <= {200, 429}
    counted = [lookups(service) for service in services]
    assert sum(counted) == answered.count(200)
    assert min(counted) >= PER_MINUTE


def lookups(service: Running) -> float:
    text = ask(service.port, "/metrics", Authorization=f"Bearer {MONITOR}")[2]
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "menagerie_lookups_total" and sample.labels["result"] == "found"
    )
