"""The service under load, meanwhile killed, swapped, damaged, stopped, and asked nonsense."""

import json
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType

import pytest
from known_keys import known_key
from serving import WITHIN_S, Running, asked, running, workers_of
from snapshots import CLIENTS, MANY, NOW, client, contents, publish_many, publish_small

from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.snapshots.reader import RefusedError, read_snapshot

LOADERS = 4
SWAPS = 20
POSITIONS = 200
FUZZED = 10_000
UNCHANGED = "This signal changes nothing here: snapshots and keys are followed, for the rest start anew."
KEY, KEY_LINE = known_key("shop", ["lookup"])


Asked = tuple[str, str, str | None]
"""Method, path and body."""


def for_one_of(ids: Sequence[int], chosen: random.Random) -> Asked:
    return "GET", f"/segment/{chosen.choice(ids)}", None


class Load:
    """Asks as fast as it can, over a kept connection for each thread, and keeps what went wrong."""

    def __init__(self, port: int, ask: Callable[[random.Random], Asked], check: Callable[[bytes], bool]) -> None:
        self._port, self._ask_for, self._check = port, ask, check
        self.answered = 0
        self.broken = 0
        self.wrong: list[bytes] = []
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(LOADERS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.wait_for_more(100)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more requests are answered."""
        aim, deadline = self.answered + count, time.monotonic() + WITHIN_S
        while self.answered < aim and time.monotonic() < deadline:
            time.sleep(0.005)
        assert self.answered >= aim

    def _ask(self) -> None:
        chosen = random.Random(threading.get_ident())
        connection = HTTPConnection("127.0.0.1", self._port, timeout=WITHIN_S)
        while not self._ended.is_set():
            try:
                connection.request(*self._ask_for(chosen), headers={"Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, HTTPException):
                with self._counting:
                    self.broken += 1
                connection.close()
                continue
            with self._counting:
                self.answered += 1
            if answer.status != 200 or not self._check(body):
                self.wrong.append(body)
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU])
def test_signals_that_would_change_the_processes_change_nothing(tmp_path: Path, number: signal.Signals) -> None:
    publish_small(tmp_path / "store")
    with running(tmp_path / "store", tmp_path / "log") as service:
        assert wait_until(lambda: len(workers_of(service)) == 2)
        workers = workers_of(service)
        service.process.send_signal(number)
        (line,) = service.wait_for_lines(UNCHANGED, 1)
        assert line["level"] == "warning"
        assert service.get("/segment/7")[0] == 200
        assert workers_of(service) == workers
        assert service.stop() == 0


def is_replaced(service: Running, victim: int, workers: int) -> bool:
    now = workers_of(service)
    return victim not in now and len(now) == workers


def figure(service: Running, name: str) -> float:
    lines = service.get("/metrics")[2].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def shared_folder(service: Running) -> Path:
    """Find the folder of the metrics, which the workers have mapped."""
    maps = Path(f"/proc/{workers_of(service)[0]}/maps").read_text()
    return Path(next(line.split(maxsplit=5)[5] for line in maps.splitlines() if "menagerie-metrics-" in line)).parent


def wait_until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not (reached := true()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return reached


@pytest.mark.slow
def test_a_killed_worker_breaks_its_own_requests_only_and_no_count_falls(tmp_path: Path) -> None:
    publish_small(tmp_path / "store")
    ids = [row["user_id"] for row in CLIENTS]
    with running(tmp_path / "store", tmp_path / "log", "--workers", "3") as service:
        folder = shared_folder(service)
        with Load(service.port, partial(for_one_of, ids), lambda _: True) as load:
            for _ in range(3):
                victim = workers_of(service)[0]
                os.kill(victim, signal.SIGKILL)
                assert wait_until(partial(is_replaced, service, victim, 3))
                load.wait_for_more(200)
        counted = figure(service, 'menagerie_lookups_total{result="found"}')
        assert load.wrong == []
        assert load.broken <= 3 * LOADERS  # each had one request at the moment of each kill
        assert load.answered <= counted <= load.answered + load.broken
        assert figure(service, "menagerie_lookups_total") == counted
        assert {path.stem.rpartition("_")[2] for path in folder.glob("*.db")} <= {"master", "0", "1", "2"}
        assert service.stop() == 0
    assert not folder.exists()


@pytest.mark.alone
def test_a_killed_service_leaves_metrics_that_the_next_one_removes(tmp_path: Path) -> None:
    with running(tmp_path, tmp_path / "log", "--workers", "1") as service:
        folder = shared_folder(service)
        workers = workers_of(service)
    assert wait_until(lambda: not any(Path(f"/proc/{worker}/maps").exists() for worker in workers))
    assert folder.exists()
    with running(tmp_path, tmp_path / "log"):
        assert not folder.exists()


def test_every_worker_counts_and_each_tells_for_all(tmp_path: Path) -> None:
    publish_small(tmp_path)
    with running(tmp_path, tmp_path / "log", "--workers", "4") as service:
        for _ in range(60):
            service.get("/segment/7")
            service.get("/segment/8")
        told = {figure(service, "menagerie_lookups_total{") for _ in range(12)}
        routes = figure(service, 'menagerie_request_duration_seconds_count{method="GET",route="/segment/<user_id>"')
    assert (told, routes) == ({120.0}, 120.0)


def test_workers_count_requests_with_a_key_together(tmp_path: Path) -> None:
    publish_small(tmp_path)
    environment = {"MENAGERIE_API_KEYS": KEY_LINE, "MENAGERIE_REQUESTS_PER_MINUTE": "100"}
    with running(tmp_path, tmp_path / "log", "--workers", "4", environment=environment) as service:
        statuses = Counter(service.get("/segment/7", Authorization=f"Bearer {KEY}")[0] for _ in range(220))
    assert statuses[200] in (100, 200)  # a minute may have ended meanwhile
    assert statuses[429] == 220 - statuses[200]


@pytest.mark.slow
def test_swaps_under_load_fail_no_answer_and_mix_none(tmp_path: Path) -> None:
    expected = {publish_many(tmp_path, *answer): answer for answer in (("owl", 0.25), ("fox", 0.75))}

    def ask(chosen: random.Random) -> Asked:
        page = "GET", f"/personas/{chosen.choice(['owl', 'fox'])}/clients?limit=50", None
        batch = "POST", "/segments", json.dumps({"user_ids": chosen.sample(range(MANY), 50)})
        return chosen.choice((page, batch, for_one_of(range(MANY), chosen), for_one_of(range(MANY), chosen)))

    def agrees(body: bytes) -> bool:
        told = json.loads(body)
        answers = told.get("clients", [told])
        return all((answer["persona"], answer["confidence"]) == expected[told["snapshot"]] for answer in answers)

    store = open_store(str(tmp_path))
    with running(tmp_path, tmp_path / "log") as service, Load(service.port, ask, agrees) as load:
        for swap in range(SWAPS):
            store.set_current(list(expected)[swap % 2], store.current())
            served = 1 + 2 * (swap + 1)  # by the master process, then by each of two workers
            assert len(service.wait_for_lines("snapshot served", served)) == served
        assert (load.broken, load.wrong) == (0, [])
        assert figure(service, "menagerie_snapshot_swaps_total") == 2 * SWAPS
        assert figure(service, "menagerie_snapshots_refused_total") == 0


@pytest.mark.slow
def test_a_worker_that_replaces_a_dead_one_begins_with_what_the_others_serve(tmp_path: Path) -> None:
    first = publish_small(tmp_path / "store")
    with running(tmp_path / "store", tmp_path / "log") as service:
        second = publish(contents(client(7, "fox")), open_store(str(tmp_path / "store")), NOW)
        assert len(service.wait_for_lines("snapshot served", 3)) == 3
        kept = service.wait_for_lines("snapshot kept for workers to come", 1)
        assert [line["snapshot"] for line in kept] == [second] != [first]
        shutil.rmtree(tmp_path / "store")
        assert len(service.wait_for_lines("store unreachable", 2)) == 2
        for victim in workers_of(service):
            os.kill(victim, signal.SIGKILL)
            assert wait_until(partial(is_replaced, service, victim, 2))
        assert {json.loads(service.get("/readyz")[2])["snapshot"] for _ in range(20)} == {second}
        assert figure(service, "menagerie_snapshot_swaps_total") == 2


def test_a_byte_flipped_anywhere_is_refused(tmp_path: Path) -> None:
    snapshot = publish_small(tmp_path)
    folder = tmp_path / "snapshots" / snapshot
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = random.Random(7)
    places = [(file, place) for file in files for place in (0, file.stat().st_size - 1)]
    while len(places) < POSITIONS:
        file = chosen.choice(files)
        places.append((file, chosen.randrange(file.stat().st_size)))
    for file, place in places:
        whole = file.read_bytes()
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chosen.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(RefusedError):
            read_snapshot(folder, snapshot)
        file.write_bytes(whole)
    assert read_snapshot(folder, snapshot).id == snapshot


@pytest.mark.slow
def test_a_store_out_of_reach_is_told_and_its_snapshot_served(tmp_path: Path) -> None:
    snapshot = publish_small(tmp_path / "store")
    with running(tmp_path / "store", tmp_path / "log") as service:
        shutil.rmtree(tmp_path / "store")
        assert len(service.wait_for_lines("store unreachable", 2)) == 2
        assert figure(service, "menagerie_store_unreachable") == 1
        told = json.loads(service.get("/snapshot")[2])
        assert (told["id"], told["store_reachable"]) == (snapshot, False)
        assert [service.get(path)[0] for path in ("/segment/7", "/readyz")] == [200, 200]


def fuzzed(chosen: random.Random) -> bytes:
    """Return a request that is odd in its method, path, headers or body, with a key in it or not."""
    text = "".join(chosen.choices("0123456789-+ %.~/?&=\0\r\n\t'\"<>{}[]éψ٣𝟛\ud800\\", k=chosen.randrange(1, 30)))
    odd = text.encode("utf-8", "surrogatepass").replace(b"\r\n", b"")
    number = str(chosen.randrange(-(2**70), 2**70)).encode()
    body = chosen.choice(
        (b"", odd, b"[" * 2000, b'{"user_ids":[' + number + b"]}", b'{"user_ids":' + odd, os.urandom(40))
    )
    path = chosen.choice((
        b"/segment/" + chosen.choice((odd, number, b"%00", b"%F0%9D%9F%9B", b"1" * 5000, b"%C3%28", KEY.encode())),
        b"/segment/7?include=" + odd,
        b"/segment/7?" + chosen.choice((odd, KEY.encode())),
        b"/segments",
        b"/segment",
        b"/personas/" + odd,
        b"/personas/fox/clients?" + chosen.choice((b"limit=", b"cursor=", b"format=")) + chosen.choice((odd, number)),
        b"/" + odd,
    ))  # fmt: skip
    headers = [
        b"Host: localhost",
        b"Authorization: " + chosen.choice((b"Bearer ", b"", odd)) + chosen.choice((KEY.encode(), odd)),
        b"Content-Type: " + chosen.choice((b"application/json", b"text/csv", odd)),
        b"Content-Length: %d" % len(body),
    ]
    names = (
        b"If-None-Match",
        b"X-Request-ID",
        b"Accept",
        b"X-Forwarded-For",
        b"Content-Encoding",
        b"Range",
        b"Cookie",
        odd,
    )
    headers += [chosen.choice(names) + b": " + chosen.choice((odd, number, KEY.encode())) for _ in range(2)]
    method = chosen.choice((b"GET", b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"BREW"))
    return method + b" " + path + b" HTTP/1.1\r\n" + b"\r\n".join(headers) + b"\r\nConnection: close\r\n\r\n" + body


@pytest.mark.slow
def test_nonsense_gets_no_server_error_no_trace_and_no_key_back(tmp_path: Path) -> None:
    publish_small(tmp_path / "store")
    chosen = random.Random(7)
    statuses: Counter[bytes] = Counter()
    environment = {"MENAGERIE_API_KEYS": KEY_LINE, "MENAGERIE_REQUESTS_PER_MINUTE": "0"}
    with running(tmp_path / "store", tmp_path / "log", environment=environment) as service:
        for _ in range(FUZZED):
            request = fuzzed(chosen)
            answer = asked(service.port, request)
            statuses[answer[9:12]] += 1
            assert answer[9:10] in (b"2", b"3", b"4", b""), (request, answer)
            assert KEY.encode() not in answer, (request, answer)
            assert b"Traceback" not in answer
        assert service.stop() == 0
    log = (tmp_path / "log").read_text()
    assert KEY not in log
    assert not [line for line in service.logged() if line["level"] == "error"]
    assert {b"200", b"400", b"401", b"404", b"405"} <= set(statuses)
    assert statuses[b""] < FUZZED / 100
