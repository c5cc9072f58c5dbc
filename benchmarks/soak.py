"""The service for a long time under all that may happen to it: swaps, killed workers, rotated keys, bad requests.

    python -m benchmarks.soak [--minutes 20]

Two snapshots in which the same clients have different personas take turns, so that an answer that mixes them is a wrong
one. The first three quarters are without kills, so that the same processes' memory and descriptors can be compared at
their beginning and end. It works in a temporary folder.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path

from benchmarks.bars import at_least, at_most
from benchmarks.lookup import publish_synthetic
from service.keys.keys import new_key

CLIENTS = 50_000
FIRST, STEP = 500_000_000, 37
PATTERNS = (["fox", "owl", "owl", "owl", "owl"], ["owl", "fox", "owl", "owl", "owl"])
DATES = date(2020, 3, 31), date(2020, 4, 30)
ASKERS = 2
CALM_SHARE = 0.75
WARM_SHARE = 0.1
SWAPS = 200
ROTATE_EVERY_S = 5.0
KILL_EVERY_S = 2.0
NOTICED_WITHIN_S = 3.0
"""For a key that was taken away; the file is looked at every second."""
AT_WORST = 1.1
JSON = {"Content-Type": "application/json"}


class Asker:
    """Asks for one key's sake, over a connection that is kept, and counts what comes of it."""

    def __init__(self, port: int, key: str, snapshots: dict[str, int], seed: int) -> None:
        self._port, self._snapshots, self._chosen = port, snapshots, random.Random(seed)  # noqa: S311
        self._headers = {"Authorization": f"Bearer {key}"}
        self._connection = self._connected()
        self.counts: Counter[str] = Counter()

    def ask_until(self, ends_s: float) -> Counter[str]:
        """Ask, mostly for single clients, until a moment in seconds since 1970."""
        ways = [self._lookup] * 94 + [
            self._batch,
            self._members,
            self._changes,
            self._missing,
            self._nonsense,
            self._health,
        ]
        while time.time() < ends_s:
            try:
                self._chosen.choice(ways)()
                self.counts["answered"] += 1
            except (HTTPException, OSError):
                self.counts["broken"] += 1
                self._connection.close()
                self._connection = self._connected()
        self._connection.close()
        return self.counts

    def _connected(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=10)

    def _ask(self, path: str, *statuses: int, body: str | None = None) -> tuple[int, bytes]:
        method, more = ("POST", JSON) if body is not None else ("GET", {})
        self._connection.request(method, path, body, {**self._headers, **more})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in statuses:
            self.counts[f"wrong: {answer.status}"] += 1
        return answer.status, content

    def _persona(self, place: int, snapshot: str) -> str:
        return PATTERNS[self._snapshots[snapshot]][place % len(PATTERNS[0])]

    def _judge(self, right: bool) -> None:
        self.counts["wrong: persona"] += not right

    def _lookup(self) -> None:
        place = self._chosen.randrange(CLIENTS)
        status, content = self._ask(f"/segment/{FIRST + STEP * place}", 200)
        if status == HTTPStatus.OK:
            told = json.loads(content)
            self._judge(told["persona"] == self._persona(place, told["snapshot"]))

    def _batch(self) -> None:
        places = self._chosen.sample(range(CLIENTS), 100)
        body = json.dumps({"user_ids": [FIRST + STEP * place for place in places]})
        status, content = self._ask("/segments", 200, body=body)
        if status != HTTPStatus.OK:
            return
        told = json.loads(content)
        personas = [client["persona"] for client in told["clients"]]
        self._judge(personas == [self._persona(place, told["snapshot"]) for place in places])

    def _members(self) -> None:
        status, content = self._ask("/personas/fox/clients?limit=50", 200)
        if status != HTTPStatus.OK:
            return
        told = json.loads(content)
        places = [(client["user_id"] - FIRST) // STEP for client in told["clients"]]
        self._judge({self._persona(place, told["snapshot"]) for place in places} == {"fox"})

    def _changes(self) -> None:
        self._ask("/snapshot/changes", 200, 404, 503)  # of the earlier of the two there is nothing before

    def _missing(self) -> None:
        self._ask("/snapshot/changes?with=2020-01-31-000000000000", 404, 503)

    def _nonsense(self) -> None:
        self._ask("/segments", 400, body='{"user_ids":["\\ud800"')

    def _health(self) -> None:
        self._ask("/readyz", 200)


def ask(port: int, key: str, snapshots: dict[str, int], seed: int, ends_s: float) -> Counter[str]:
    return Asker(port, key, snapshots, seed).ask_until(ends_s)


@contextmanager
def service(store: Path, keys: Path, log: Path) -> Iterator[tuple[int, int]]:
    """Serve the store; give port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "service",
        "--store",
        str(store),
        "--port",
        str(port),
        "--api-keys-file",
        str(keys),
    ]
    with (
        log.open("wb") as stream,
        subprocess.Popen([*command, "--requests-per-minute", "0", "--daily-budget", "0"], stderr=stream) as process,
    ):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        try:
            yield port, process.pid
        finally:
            process.terminate()


def workers(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def held(pids: list[int]) -> dict[int, tuple[int, int]]:
    """Return by process its own memory in kilobytes, and its descriptors; what is shared is divided by the sharers."""
    found = {}
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        memory = next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
        found[pid] = memory, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return found


def replace(file: Path, text: str) -> None:
    beside = file.with_name(f"{file.name}.next")
    beside.write_text(f"{text}\n")
    beside.replace(file)


@dataclass
class Disturber:
    """Swaps snapshots, rotates a key, and kills workers."""

    port: int
    pid: int
    folder: Path
    ids: list[str]
    kept_line: str
    swaps: int = 0
    rotations: int = 0
    kills: int = 0
    let_in: int = 0
    key: str = ""
    revoked: list[tuple[float, str]] = field(default_factory=list)

    def swap(self) -> None:
        self.swaps += 1
        replace(self.folder / "store/snapshots/CURRENT", self.ids[self.swaps % 2])

    def rotate(self) -> None:
        """Take the other key away, and see whether any that was taken away before is let in."""
        noticed = [key for at, key in self.revoked if time.monotonic() - at > NOTICED_WITHIN_S]
        self.let_in += sum(self._status(key) not in (401, None) for key in noticed[-20:])
        self.revoked.append((time.monotonic(), self.key))
        self.key, line = new_key("rotated", ["lookup"])
        replace(self.folder / "keys", f"{self.kept_line}\n{line}")
        self.rotations += 1

    def kill(self) -> None:
        found = workers(self.pid)
        if found:
            os.kill(random.choice(found), signal.SIGKILL)  # noqa: S311
            self.kills += 1

    def _status(self, key: str) -> int | None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/snapshot", headers={"Authorization": f"Bearer {key}"})
            return connection.getresponse().status
        except (HTTPException, OSError):
            return None
        finally:
            connection.close()


def soak(minutes: float, folder: Path) -> bool:
    """Return whether every figure is within its bar, and print them."""
    store, keys = folder / "store", folder / "keys"
    ids = [publish_synthetic(store, CLIENTS, pattern, on) for pattern, on in zip(PATTERNS, DATES, strict=True)]
    key, line = new_key("asker", ["lookup", "export"])
    keys.write_text(f"{line}\n")
    began = time.time()
    ends, calm_ends = began + 60 * minutes, began + 60 * minutes * CALM_SHARE
    warm_at, swap_every_s = began + 60 * minutes * WARM_SHARE, 60 * minutes * CALM_SHARE / SWAPS
    with service(store, keys, folder / "log") as (port, pid), ProcessPoolExecutor(ASKERS, get_context("spawn")) as pool:
        disturber = Disturber(port, pid, folder, ids, line)
        numbers = {snapshot_id: number for number, snapshot_id in enumerate(ids)}
        asked = [pool.submit(ask, port, key, numbers, seed, ends) for seed in range(ASKERS)]
        due = {disturber.swap: swap_every_s, disturber.rotate: ROTATE_EVERY_S}
        next_at = {act: time.time() + every for act, every in due.items()}
        first: dict[int, tuple[int, int]] = {}
        last: dict[int, tuple[int, int]] = {}
        while time.time() < ends:
            now = time.time()
            if not first and now >= warm_at:
                first = held([pid, *workers(pid)])
            if not last and now >= calm_ends:
                last = held([pid, *workers(pid)])
                due[disturber.kill], next_at[disturber.kill] = KILL_EVERY_S, now
            for act in [act for act, at in next_at.items() if at <= now]:
                act()
                next_at[act] = now + due[act]
            time.sleep(0.05)
        counts = sum((one.result() for one in asked), Counter[str]())
    wrong = {name: count for name, count in counts.items() if name.startswith("wrong") and count}
    errors = [line for line in (folder / "log").read_text().splitlines() if '"level": "error"' in line]
    print(
        f"{counts['answered']:,} answers in {minutes:g} minutes, "
        f"{disturber.swaps} swaps, {disturber.rotations} rotations of a key"
    )
    print(f"{disturber.kills} kills, which broke {counts['broken']} connections; wrong: {wrong or 'none'}")
    for error in [line for line in errors if "SIGKILL" not in line][:5]:
        print(f"  {error}")
    good = at_most("wrong answers", sum(wrong.values()), 0) & at_most("revoked keys let in", disturber.let_in, 0)
    good &= at_least("swaps", disturber.swaps, min(SWAPS, 60 * minutes))
    good &= first.keys() == last.keys()
    for process in first:
        who = "master" if process == pid else "worker"
        for place, (what, unit) in enumerate((("memory", " kB"), ("descriptors", ""))):
            bar = first[process][place] * AT_WORST + (1 if what == "descriptors" else 0)
            good &= at_most(f"{who}: {what} of {first[process][place]:,} before", last[process][place], bar, unit)
    return good


def main(arguments: list[str] | None = None) -> int:
    """Soak; end with 1 if a figure fell short of its bar."""
    parser = argparse.ArgumentParser(description="The service for a long time, under all that may happen to it.")
    parser.add_argument("--minutes", type=float, default=20.0, help="for how long [20]")
    minutes = parser.parse_args(arguments).minutes
    with tempfile.TemporaryDirectory() as folder:
        return int(not soak(minutes, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
