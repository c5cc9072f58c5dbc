"""The service as a whole, with five million clients: throughput, latency, start, memory, batches and exports.

    python -m benchmarks.service

It works in a temporary folder and needs 3 GB there. The load generator runs on the same cores as the servers; what it
costs is printed beside what it measures.
"""

import argparse
import json
import select
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask

from benchmarks import lookup
from benchmarks.bars import at_least, at_most
from benchmarks.run import start_s
from service.keys.keys import new_key

CLIENTS = 5_000_000
RATE = 500
LATENCY_S = 20.0
KEPT = 8
STARTS = 3
BATCH = 10_000
BATCHES = 30
EXPORTS = 3
KEY, KEY_LINE = new_key("shop", ["lookup", "export"])
WITH_KEY = b"Authorization: Bearer %b\r\n" % KEY.encode()
SETTINGS = replace(lookup.SETTINGS, api_keys=KEY_LINE, requests_per_minute=1_000_000_000, daily_budget=1_000_000)


def throughput(store: Path) -> bool:
    print("Lookups beside a bare Flask route")
    plain = lookup.compare(store)
    print("Lookups with keys, limits, metrics and log")
    guarded = lookup.compare(store, SETTINGS, WITH_KEY, 0.75)
    return at_least("  ratio", plain, lookup.BAR) & at_least("  ratio with keys and metrics", guarded, 0.75)


@contextmanager
def guarded_service(store: Path, workers: int = 2) -> Iterator[tuple[int, int]]:
    with lookup.served(lambda: lookup.lookup_app(store, SETTINGS), workers) as service:
        yield service


def latency(store: Path) -> bool:
    """Ask at a steady rate, whether the last was answered or not; each is timed from when it was due."""
    with guarded_service(store) as (port, _):
        ours, cost = paced(port, lookup.chosen_paths(store), WITH_KEY)
    with lookup.served(lookup.bare_app) as (port, _):
        bare, _ = paced(port, [b"/constant"], b"")
    print(f"Latency at {RATE} requests/s for {LATENCY_S:.0f} s, {CLIENTS:,} clients (bare Flask route in brackets)")
    for percent in (50, 90):
        print(f"  p{percent} {percentile(ours, percent):.2f} ms ({percentile(bare, percent):.2f})")
    print(f"  of which the load generator took {cost:.2f} ms of processor time for each request")
    print(f"  p99 of the bare Flask route {percentile(bare, 99):.2f} ms")
    return at_most("  p99", percentile(ours, 99), 5, " ms")


def percentile(taken_ms: list[float], percent: int) -> float:
    return statistics.quantiles(taken_ms, n=100)[percent - 1]


def paced(port: int, paths: list[bytes], more: bytes) -> tuple[list[float], float]:
    """Return each answer's milliseconds, and the generator's processor milliseconds for a request."""
    free = [socket.create_connection(("127.0.0.1", port)) for _ in range(KEPT)]
    asked: dict[socket.socket, float] = {}
    taken_ms: list[float] = []
    began, cpu_began, count = time.perf_counter(), time.process_time(), int(RATE * LATENCY_S)
    for number in range(count):
        due = began + number / RATE
        while (left := due - time.perf_counter()) > 0 or not free:
            for connection in select.select(list(asked), [], [], max(0.0, left) if free else None)[0]:
                collect(connection, asked, taken_ms)
                free.append(connection)
        connection = free.pop(0)
        asked[connection] = due
        lookup.send(connection, paths[number % len(paths)], more)
    for connection in list(asked):
        collect(connection, asked, taken_ms)
    return taken_ms, (time.process_time() - cpu_began) * 1000 / count


def collect(connection: socket.socket, asked: dict[socket.socket, float], taken_ms: list[float]) -> None:
    if b" 200 " not in lookup.receive(connection):
        raise ValueError("a request was not answered")
    taken_ms.append((time.perf_counter() - asked.pop(connection)) * 1000)


def cold_start(store: Path) -> bool:
    seconds = statistics.median(start_s(store) for _ in range(STARTS))
    return at_most(f"Ready after a start with {CLIENTS:,} clients, verified, median of {STARTS}", seconds, 1, " s")


def private_mb(pid: int) -> float:
    """Return the memory that a process shares with nobody."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def worker_mb(load_app: Callable[[], Flask], paths: list[bytes], more: bytes) -> float:
    with lookup.served(load_app) as (port, pid):
        for _ in range(5):
            lookup.load(port, paths, more)
        return statistics.mean(map(private_mb, workers_of(pid)))


def memory(store: Path) -> bool:
    bare = worker_mb(lookup.bare_app, [b"/constant"], b"")
    ours = worker_mb(lambda: lookup.lookup_app(store, SETTINGS), lookup.chosen_paths(store), WITH_KEY)
    print(f"Private memory of a worker after load: {ours:.1f} MB, of a bare Flask worker {bare:.1f} MB")
    return at_most("  beyond a bare Flask worker's", ours - bare, 30, " MB")


def whole(connection: socket.socket, request: bytes) -> tuple[bytes, int]:
    """Send a request and read to the connection's end; return the head and the length of the body."""
    connection.sendall(request)
    answer, length = b"", 0
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = len(body)
    while part := connection.recv(1_048_576):
        length += len(part)
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ValueError(head.decode())
    return head, length


def timed(port: int, request: bytes) -> tuple[float, int]:
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        _, length = whole(connection, request)
    return time.perf_counter() - began, length


def batches(store: Path) -> bool:
    ids = [int(path.rpartition(b"/")[2]) for path in lookup.chosen_paths(store)] * (BATCH // 5000)
    body = json.dumps({"user_ids": ids}).encode()
    head = b"POST /segments HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + WITH_KEY
    request = head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with guarded_service(store) as (port, _):
        taken = [timed(port, request)[0] for _ in range(BATCHES)]
    return at_most(f"Batch of {BATCH:,} ids, median of {BATCHES}", statistics.median(taken) * 1000, 30, " ms")


def exports(store: Path) -> bool:
    request = b"GET /personas/fox/clients?format=csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + WITH_KEY
    with guarded_service(store, workers=1) as (port, pid):
        (worker,) = workers_of(pid)
        timed(
            port,
            b"GET /personas/fox/clients?limit=10 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + WITH_KEY
            + b"\r\n",
        )
        before = anonymous_mb(worker)
        taken = [timed(port, request + b"\r\n") for _ in range(EXPORTS)]
        grown = anonymous_mb(worker) - before
    fast = at_most(
        f"Export of {CLIENTS // 5:,} members, {taken[0][1] / 1e6:.0f} MB",
        statistics.median(t for t, _ in taken),
        3,
        " s",
    )
    return at_most("  growth of memory", grown, 20, " MB") & fast


def anonymous_mb(pid: int) -> float:
    """Return the memory of a process that is not a file's."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1024


PARTS: tuple[Callable[[Path], bool], ...] = (throughput, latency, cold_start, memory, batches, exports)


def main(arguments: list[str] | None = None) -> int:
    """Measure everything, or the parts named; return 1 when any figure fell short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description="The service with many clients.")
    known = [part.__name__ for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}; without, all")
    names = parser.parse_args(arguments).parts
    if unknown := set(names).difference(known):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        lookup.publish_synthetic(store, CLIENTS)
        verdicts = [part(store) for part in PARTS if not names or part.__name__ in names]
    return int(not all(verdicts))


if __name__ == "__main__":
    sys.exit(main())
