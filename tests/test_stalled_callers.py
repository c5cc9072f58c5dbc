"""Callers who stall, dribble, hoard or do not read: they take nothing from others, and are left in the end."""

import json
import resource
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from serving import WITHIN_S, Running, asked, connected, running, whole_answer, workers_of
from snapshots import MANY, publish_many, publish_small

from service.server.connections import FIRST_BYTE_S, REQUEST_S, STALLED_S

STALLED = 200
SILENT = 1_200
"""More than a worker takes connections."""
MOST_DESCRIPTORS = 4096
AT_ONCE_S = 0.1
POST = b"POST /segments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /segment/7 HTTP/1.1\r\nHost: localhost\r\n"
EXPORT = b"GET /personas/fox/clients?format=ndjson HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b'{"user_ids":[7]}'
IN_CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
MOST_BODY = 2_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker that is never replaced."""
    folder = tmp_path_factory.mktemp("stalled")
    publish_small(folder / "store")
    arguments = ("--workers", "1", "--max-body-bytes", str(MOST_BODY))
    with running(folder / "store", folder / "log", *arguments) as service:
        workers = workers_of(service)
        yield service
        assert workers_of(service) == workers


@contextmanager
def many(count: int, service: Running, sent: bytes, address: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < MOST_DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_DESCRIPTORS, hard))
    with ExitStack() as open_ones:
        there = ("127.0.0.1", service.port)
        connections = [
            open_ones.enter_context(socket.create_connection(there, WITHIN_S, (address, 0))) for _ in range(count)
        ]
        for connection in connections:
            connection.sendall(sent)
        yield connections


def usual_s(service: Running, path: str) -> float:
    """Return the median time of some answers, over a connection each."""
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        assert service.get(path)[0] == 200
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@pytest.mark.parametrize(
    ("count", "sent"),
    [
        (SILENT, b""),
        (SILENT, GET),
        (STALLED, POST + b"Content-Length: 100\r\n\r\n{"),
        (STALLED, POST + IN_CHUNKS + b"5\r\n{"),
        (STALLED, POST + IN_CHUNKS + b"400\r\n0\r\n\r\n"),
        (STALLED, GET + b"Content-Length: 100\r\n\r\n"),
        (STALLED, POST + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"),
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "an end in a chunk", "no body", "waiting for a word"],
)
def test_callers_who_do_not_finish_their_request_silence_nobody(service: Running, count: int, sent: bytes) -> None:
    with many(count, service, sent):
        for path in ("/healthz", "/readyz", "/segment/7"):
            assert usual_s(service, path) < AT_ONCE_S


def test_room_is_made_among_those_from_where_most_come(service: Running) -> None:
    kept = socket.create_connection(("127.0.0.1", service.port), WITHIN_S)
    with kept, many(SILENT, service, GET, "127.0.0.2"), many(SILENT, service, b"", "127.0.0.3"):
        assert usual_s(service, "/healthz") < AT_ONCE_S
        kept.sendall(GET + b"Connection: close\r\n\r\n")
        assert whole_answer(kept).startswith(b"HTTP/1.1 200 OK\r\n")


def test_whether_it_is_well_is_told_before_what_was_asked_earlier(tmp_path: Path) -> None:
    publish_many(tmp_path / "store")
    body = json.dumps({"user_ids": list(range(10_000))}).encode()
    batch = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with (
        running(tmp_path / "store", tmp_path / "log", "--workers", "1", "--threads", "1") as service,
        many(60, service, batch) as connections,
    ):
        assert service.get("/healthz")[0] == service.get("/readyz")[0] == 200
        connections[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            connections[-1].recv(1)


@pytest.mark.slow
def test_a_caller_who_dribbles_is_given_up_all_the_same(service: Running) -> None:
    with connected(service.port) as connection:
        connection.sendall(GET)
        began = time.monotonic()
        with suppress(OSError):  # a reset or a broken pipe, as it comes
            while time.monotonic() < began + REQUEST_S + WITHIN_S:
                connection.sendall(b"X")
                time.sleep(0.2)
        assert REQUEST_S - 1 <= time.monotonic() - began <= REQUEST_S + 2


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "after_s"), [(b"", FIRST_BYTE_S), (GET, REQUEST_S)])
def test_a_request_that_does_not_end_is_given_up(service: Running, sent: bytes, after_s: float) -> None:
    with connected(service.port) as connection:
        connection.settimeout(after_s + WITHIN_S)
        connection.sendall(sent)
        began = time.monotonic()
        assert whole_answer(connection) == b""
        assert time.monotonic() - began == pytest.approx(after_s, abs=1.5)


def test_connections_beyond_those_that_the_system_allows_end_no_worker(tmp_path: Path) -> None:
    publish_small(tmp_path / "store")
    with running(tmp_path / "store", tmp_path / "log", "--workers", "1") as service:
        (worker,) = workers_of(service)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (64, 64))
        with many(STALLED, service, GET):
            assert usual_s(service, "/segment/7") < AT_ONCE_S
        assert workers_of(service) == [worker]


def test_a_caller_who_waits_for_a_word_before_the_body_gets_it_once(service: Running) -> None:
    with connected(service.port) as connection:
        head = POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert whole_answer(connection).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", GET, POST + b"Content-Length: 100\r\n\r\n{", POST + IN_CHUNKS + b"5\r\n{"])
def test_who_stalls_does_not_hold_up_the_stop(tmp_path: Path, sent: bytes) -> None:
    publish_small(tmp_path / "store")
    with (
        running(tmp_path / "store", tmp_path / "log", "--workers", "1") as service,
        many(20, service, sent) as connections,
    ):
        assert service.get("/healthz")[0] == 200  # asked later: so the others are taken by now
        service.process.send_signal(signal.SIGTERM)
        assert {whole_answer(connection) for connection in connections} == {b""}
        assert service.process.wait(WITHIN_S) == 0


@pytest.mark.slow
def test_a_request_in_flight_is_answered_after_the_stop_has_begun(tmp_path: Path) -> None:
    publish_small(tmp_path)
    with running(tmp_path, tmp_path / "log", "--workers", "1") as service, connected(service.port) as connection:
        connection.sendall(b"GET /segment/7 HTTP/1.1\r\n")
        for _ in range(4):
            assert service.get("/healthz")[0] == 200  # asked later: so the worker reads the first request by now
        service.process.send_signal(signal.SIGTERM)
        assert len(service.wait_for_lines("Handling signal: term", 1)) == 1
        connection.sendall(b"Host: localhost\r\n\r\n")
        assert whole_answer(connection).startswith(b"HTTP/1.1 200 OK\r\n")
        assert service.process.wait(WITHIN_S) == 0


@pytest.mark.slow
def test_callers_who_do_not_read_their_files_leave_threads_to_others_and_are_left(tmp_path: Path) -> None:
    publish_many(tmp_path / "store")
    with running(tmp_path / "store", tmp_path / "log", "--workers", "1") as service, many(20, service, EXPORT):
        assert [service.get("/segment/7")[0] for _ in range(20)] == [200] * 20
        assert len(service.wait_for_lines(f"A caller stalled for {STALLED_S:.0f} s and was left.", 2, 30)) == 2
        assert service.get("/personas/fox/clients?format=csv")[0] == 200


@pytest.mark.slow
def test_a_file_that_is_being_sent_is_sent_to_its_end_after_the_stop_has_begun(tmp_path: Path) -> None:
    publish_many(tmp_path / "store")
    with (
        running(tmp_path / "store", tmp_path / "log", "--workers", "1") as service,
        connected(service.port) as connection,
    ):
        connection.sendall(EXPORT)
        begin = connection.recv(1000)
        service.process.send_signal(signal.SIGTERM)
        assert len(service.wait_for_lines("Handling signal: term", 1)) == 1
        answer = begin + whole_answer(connection)
        assert answer.count(b'"persona":"fox"') == MANY
        assert service.process.wait(WITHIN_S) == 0


@pytest.mark.parametrize("separately", [1, 7, 1000])
def test_a_request_may_come_in_pieces_and_the_next_one_early(service: Running, separately: int) -> None:
    chunked = IN_CHUNKS + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    told = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    requests = POST + chunked + POST + told + GET + b"Connection: close\r\n\r\n"
    with connected(service.port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for first in range(0, len(requests), separately):
            connection.sendall(requests[first : first + separately])
        answers = whole_answer(connection)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answers.count(b'"persona":"lion"') == 3


@pytest.mark.parametrize(
    ("spaces", "status"), [(MOST_BODY - len(BODY), b"200"), (MOST_BODY - len(BODY) + 1, b"413"), (100_000, b"413")]
)
def test_a_body_in_chunks_may_be_no_larger_than_another(service: Running, spaces: int, status: bytes) -> None:
    body = BODY + b" " * spaces
    in_chunks = IN_CHUNKS + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with_length = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    answers = [asked(service.port, POST + b"Connection: close\r\n" + sent) for sent in (in_chunks, with_length)]
    assert [answer[9:12] for answer in answers] == [status] * 2


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n", b"2\r\n[]7\r\n0\r\n\r\n", b"2;\x01\r\n[]\r\n0\r\n\r\n", b"0\r\n bad\r\n\r\n"]
)
def test_chunks_that_make_no_sense_are_refused(service: Running, chunks: bytes) -> None:
    assert asked(service.port, POST + IN_CHUNKS + chunks)[9:12] == b"400"
