"""How fast a lookup is beside a bare Flask route: the same server, load and machine, in alternation.

    python -m benchmarks.lookup [STORE]

The yardstick returns a constant through Flask's own jsonify. Two figures are compared: requests a second, and
the processor time that the servers spent on one, which the load generator beside them cannot blur.
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from flask import Flask

from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.model.personas import PERSONAS
from segmentation.snapshot.publish import Contents, publish
from segmentation.store.opening import open_store
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.metrics.metrics import Metrics
from service.metrics.shared_metrics import share_metrics
from service.server.server import Server, bind
from service.snapshots.provider import Provider

ROUNDS = 300
ROUND_S = 0.1
"""Short rounds, many of them: how a round's connections fall to the workers decides a third of its rate."""
CONNECTIONS = 8
CLIENTS = 1_000_000
PATTERN = ["fox", "owl", "owl", "owl", "owl"]
READY_WITHIN_S = 10.0
BAR = 0.8
SETTINGS = Settings(port=0, workers=2)


def bare_app() -> Flask:
    app = Flask("bare")

    @app.get("/constant")
    def constant() -> dict[str, str]:
        return {"persona": "fox"}

    return app


def lookup_app(store: Path, settings: Settings = SETTINGS) -> Flask:
    log = JsonLog(settings.log_level)
    share_metrics()
    provider = Provider(store, log, Metrics())
    provider.load()
    return create_app(provider, settings, log)


@contextmanager
def served(load_app: Callable[[], Flask], workers: int = SETTINGS.workers) -> Iterator[tuple[int, int]]:
    """Serve an application in a process of its own; give its port and process id. Its log is written to a file."""
    listener = bind(SETTINGS)
    port = listener.getsockname()[1]
    pid = os.fork()
    if pid == 0:
        try:
            with tempfile.TemporaryFile() as log:
                os.dup2(log.fileno(), sys.stderr.fileno())
                Server(replace(SETTINGS, port=port, workers=workers), listener, load_app).run()
        finally:
            os._exit(0)  # what the parent process has opened is not this one's to close
    listener.close()
    try:
        _wait_until_ready(port)
        yield port, pid
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                ask(connection, b"/healthz")
                return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("the server did not start")


def send(connection: socket.socket, path: bytes, more: bytes = b"") -> None:
    connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (path, more))


def receive(connection: socket.socket) -> bytes:
    """Read one answer whole and return its status line."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    got = len(body)
    while got < length:
        got += len(_more(connection))
    return head.partition(b"\r\n")[0]


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65_536)
    if not part:
        raise ConnectionError("the server hung up")
    return part


def ask(connection: socket.socket, path: bytes) -> bytes:
    send(connection, path)
    return receive(connection)


def load(port: int, paths: list[bytes], more: bytes = b"") -> float:
    """Ask over kept connections, one request at a time on each, and return the answers a second."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    answered, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < ROUND_S:
        for place, connection in enumerate(connections):
            send(connection, paths[(answered + place) % len(paths)], more)
        for connection in connections:
            if b" 200 " not in receive(connection):
                raise ValueError("a request was not answered")
            answered += 1
    for connection in connections:
        connection.close()
    return answered / elapsed


def processor_s(pid: int) -> float:
    """Return the processor time of a process's children (the workers), in seconds."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for child in children:
        ticks += sum(int(field) for field in Path(f"/proc/{child}/stat").read_text().rsplit(")")[1].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(port: int, pid: int, paths: list[bytes], more: bytes = b"") -> tuple[float, float]:
    """Return answers a second, and microseconds of processor time for each."""
    before = processor_s(pid)
    rate = load(port, paths, more)
    return rate, (processor_s(pid) - before) / (rate * ROUND_S) * 1e6


def chosen_paths(store: Path) -> list[bytes]:
    """Return the paths of 5,000 clients drawn at random."""
    snapshot = (store / "snapshots" / "CURRENT").read_text().strip()
    user_ids = np.load(store / "snapshots" / snapshot / "lookup" / "user_id.npy", mmap_mode="r")
    chosen = random.Random(7).choices(range(len(user_ids)), k=5000)  # noqa: S311
    return [b"/segment/%d" % user_ids[place] for place in chosen]


def compare(store: Path, settings: Settings = SETTINGS, more: bytes = b"", bar: float = BAR) -> float:
    """Print the means of both, and return the ratio of requests a second; `more` are headers to send."""
    paths = chosen_paths(store)
    ours, bare = [], []
    with served(lambda: lookup_app(store, settings)) as lookup, served(bare_app) as yardstick:
        measure(*lookup, paths, more), measure(*yardstick, [b"/constant"])
        for _ in range(ROUNDS):
            ours.append(measure(*lookup, paths, more))
            bare.append(measure(*yardstick, [b"/constant"]))
    (rate, cost), (bare_rate, bare_cost) = (np.mean(runs, axis=0) for runs in (ours, bare))
    print(f"lookup       {rate:8,.0f} requests/s  {cost:6.0f} µs of processor time each")
    print(f"bare Flask   {bare_rate:8,.0f} requests/s  {bare_cost:6.0f} µs of processor time each")
    ratio = float(rate / bare_rate)
    print(f"ratio {ratio:.2f} (at least {bar})")
    return ratio


def synthetic_clients(count: int, pattern: Sequence[str] = PATTERN) -> pa.Table:
    """Return clients with figures drawn at random, so that their files are about as large as a shop's."""
    rng = np.random.default_rng(7)
    draws: dict[pa.DataType, Callable[[], npt.NDArray[Any]]] = {
        pa.int64(): lambda: rng.geometric(0.02, count),
        pa.int32(): lambda: rng.integers(0, 214, count),
        pa.float64(): lambda: np.round(rng.gamma(1.0, 300.0, count), 2),
        pa.string(): lambda: np.array([f"word {number}" for number in range(500)])[rng.integers(0, 500, count)],
        pa.bool_(): lambda: rng.random(count) < 0.99,
        pa.timestamp("us"): lambda: np.datetime64("2019-10-01", "us") + rng.integers(0, 18_000_000, count) * 1_000_000,
    }
    columns = {field.name: draws[field.type]() for field in SEGMENT_SCHEMA}
    columns["user_id"] = np.arange(count, dtype=np.int64) * 37 + 500_000_000
    columns["persona"] = np.resize(np.array(pattern), count)
    columns["cluster"] = rng.integers(0, 7, count)
    columns["confidence"] = np.round(rng.uniform(0.9, 1.0, count), 2)
    return pa.table(columns).cast(SEGMENT_SCHEMA)


def publish_synthetic(
    store: Path, count: int = CLIENTS, pattern: Sequence[str] = PATTERN, as_of: date = date(2020, 4, 30)
) -> str:
    """Publish so many clients, whose personas follow a pattern, and return the snapshot's id."""
    words = {"en": "{value}", "fr": "{value}"}
    stump = {
        "format": 1,
        "features": [{"name": "days_since_last_purchase", "kind": "days", "words": words}],
        "nodes": {
            "feature": [0, -1, -1],
            "threshold": [21.0, 0.0, 0.0],
            "left": [1, -1, -1],
            "right": [2, -1, -1],
            "persona": [3, 1, 3],
            "confidence": [1.0, 1.0, 1.0],
        },
    }
    sizes = Counter(np.resize(np.array(pattern), count).tolist())
    personas = [{**asdict(p), "clients": sizes[p.name]} for p in PERSONAS]
    contents = Contents(
        as_of=as_of,
        clients=synthetic_clients(count, pattern),
        model_files={"tree.json": json.dumps(stump).encode()},
        personas=personas,
        metrics={},
        report_html="",
        parameters={},
    )
    return publish(contents, open_store(str(store)), datetime.now(UTC))


def main(arguments: list[str] | None = None) -> int:
    """Compare, over a store given or over a million synthetic clients; end with 1 below the bar."""
    parser = argparse.ArgumentParser(description="A lookup beside a bare Flask route.")
    parser.add_argument("store", nargs="?", type=Path, help="the store to look clients up in")
    store = parser.parse_args(arguments).store
    if store is not None:
        return int(compare(store) < BAR)
    with tempfile.TemporaryDirectory() as folder:
        publish_synthetic(Path(folder))
        return int(compare(Path(folder)) < BAR)


if __name__ == "__main__":
    sys.exit(main())
