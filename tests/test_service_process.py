"""The service as a process: it starts, says why when it cannot, keeps its log clean, and ends when told to."""

import json
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from s3_servers import free_port
from serving import ENVIRONMENT, WITHIN_S, running, start
from snapshots import AS_OF, CLIENTS, publish_small

from service.common.headers import ALWAYS, CONTENT_SECURITY_POLICY, OWN_FILES


def refused(*arguments: str) -> tuple[int, str]:
    process = start(*arguments)
    _, stderr = process.communicate(timeout=WITHIN_S)
    return process.returncode, stderr.decode()


def test_it_answers_logs_no_user_id_and_ends_when_told_to(tmp_path: Path) -> None:
    publish_small(tmp_path)
    marks = ("512363741", "512363742", "512363741x")
    with running(tmp_path, tmp_path / "log") as service:
        answers = [service.get(f"/segment/{mark}?include=features") for mark in marks]
        service.get("/segment/512363741", method="POST")
        service.get("/512363741")
        with socket.create_connection(("127.0.0.1", service.port), WITHIN_S) as connection:
            connection.sendall(b"GARBAGE /segment/512363741\r\n\r\n")
            raw = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert service.stop() == 0
    assert [status for status, _, _ in answers] == [200, 404, 400]
    everywhere = {"Server", "Date", "Connection", "Content-Length", CONTENT_SECURITY_POLICY, *dict(ALWAYS)}
    assert [set(headers) - everywhere for _, headers, _ in answers] == [
        {"Content-Type", "ETag", "Cache-Control", "X-Request-ID"},
        {"Content-Type", "Cache-Control", "X-Request-ID"},
        {"Content-Type", "Cache-Control", "X-Request-ID"},
    ]
    assert raw.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(raw.partition(b"\r\n\r\n")[2])["status"] == 400
    routes = [(line["route"], line["status"]) for line in service.logged() if line["message"] == "request"]
    for expected in (("/segment/<user_id>", 200), ("/segment/<user_id>", 404), ("/segment/<user_id>", 400)):
        assert expected in routes
    assert "51236374" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /segment/7 HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n", 400),
        (b"GET /segment/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"7" * 5000), 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"7" * 9000), 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (b"X: 7\r\n" * 200), 431),
    ],
    ids=["no request", "no header", "long path", "long header", "many headers"],
)
def test_what_gunicorn_refuses_has_the_headers_of_every_answer(tmp_path: Path, sent: bytes, status: int) -> None:
    with running(tmp_path, tmp_path / "log", "--workers", "1") as service:
        with socket.create_connection(("127.0.0.1", service.port), WITHIN_S) as connection:
            connection.sendall(sent)
            head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
        (line,) = service.wait_for_lines("failed", 1)
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(text.split(": ", 1) for text in lines)
    problem = json.loads(body)
    assert first == f"HTTP/1.1 {status} {problem['title']}"
    assert {CONTENT_SECURITY_POLICY: OWN_FILES, **dict(ALWAYS), "Cache-Control": "no-store"}.items() <= headers.items()
    assert (headers["Content-Type"], headers["Content-Length"]) == ("application/problem+json", str(len(body)))
    assert len(headers) == len(lines)
    assert "Server" not in headers
    assert headers["X-Request-ID"] == problem["request_id"] == line["request_id"]
    assert problem["status"] == line["status"] == status


def test_nothing_that_was_asked_is_in_a_log_of_everything(tmp_path: Path) -> None:
    publish_small(tmp_path)
    with running(tmp_path, tmp_path / "log", "--log-level", "debug") as service:
        answers = [service.get(f"/segment/{mark}")[0] for mark in ("512363741", "512363742", "512363741x")]
        assert service.stop() == 0
    assert answers == [200, 404, 400]
    assert len([line for line in service.logged() if line["message"] == "request"]) >= 3
    log = (tmp_path / "log").read_text()
    assert "51236374" not in log
    assert "configuration" not in log


@pytest.mark.parametrize("store", ["", "nowhere"])
def test_it_warns_at_a_start_with_nothing_to_serve(tmp_path: Path, store: str) -> None:
    with running(tmp_path / store, tmp_path / "log") as service:
        assert service.get("/readyz")[0] == 503
        warnings = [line for line in service.logged() if line["level"] == "warning"]
    assert [(line["message"], line["store"]) for line in warnings] == [("no snapshot to serve", str(tmp_path / store))]


def test_it_starts_without_a_snapshot_and_picks_one_up(tmp_path: Path) -> None:
    with running(tmp_path, tmp_path / "log", "--workers", "2") as service:
        assert service.get("/readyz")[0] == 503
        snapshot = publish_small(tmp_path)
        served = service.wait_for_lines("snapshot served", 2)  # nobody asks meanwhile
        assert json.loads(service.get("/readyz")[2]) == {"status": "ready", "snapshot": snapshot}
    assert [line["snapshot"] for line in served] == [snapshot] * 2


def test_each_worker_tells_the_age_of_its_snapshot_though_nobody_asks(tmp_path: Path) -> None:
    snapshot = publish_small(tmp_path)
    age_days = (datetime.now(UTC).date() - AS_OF).days
    with running(tmp_path, tmp_path / "log", "--workers", "2") as service:
        told = service.wait_for_lines("snapshot age", 2)
    assert [(line["snapshot"], line["age_days"]) for line in told] == [(snapshot, age_days)] * 2


def test_a_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        told = refused("--store", str(tmp_path), "--port", str(port))
    assert told == (1, f"menagerie: Cannot listen at 127.0.0.1 port {port}: Address already in use.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--workers", "many"), "--workers must be a whole number from 1 to 256, not 'many'."),
        (("--host", "a..b"), "--host 'a..b' is no address of this machine."),
    ],
)
def test_a_bad_setting_is_told_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    assert refused(*arguments) == (2, f"menagerie: {sentence}\n")


LOOKUP_IN_A_PROCESS = """
import sys
from pathlib import Path
from service.app import create_app
from service.common.log import JsonLog
from service.snapshots.provider import Provider
from service.server.server import serve
from service.common.settings import Settings

log = JsonLog("error")
provider = Provider(Path(sys.argv[1]), log)
provider.load()
client = create_app(provider, Settings(), log).test_client()
for user_id in sys.argv[2:]:
    assert client.get(f"/segment/{user_id}?include=features,reasons").status_code == 200
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_service_needs_numpy_and_flask_only(tmp_path: Path) -> None:
    publish_small(tmp_path)
    ids = [str(row["user_id"]) for row in CLIENTS]
    command = [sys.executable, "-c", LOOKUP_IN_A_PROCESS, str(tmp_path), *ids]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"service", "numpy", "flask", "gunicorn"} <= loaded
    assert not loaded & {"segmentation", "pandas", "pyarrow", "sklearn", "scipy", "duckdb", "ibis", "boto3", "botocore"}


SLOWLY_MADE_WORKERS = """
import sys, time
from service.__main__ import main
from service.server.worker import Worker

init_signals = Worker.init_signals
Worker.init_signals = lambda worker: (time.sleep(0.3), init_signals(worker))
sys.exit(main())
"""


def wait_for(lines: int, log: Path) -> None:
    """Wait until so many lines are logged, or no more come."""
    deadline = time.monotonic() + WITHIN_S / 2
    while log.read_bytes().count(b"\n") < lines and time.monotonic() < deadline:
        time.sleep(0.001)


@pytest.mark.parametrize(  # the master process writes four, then each worker one
    "lines", [*(pytest.param(lines, marks=pytest.mark.slow) for lines in (3, 4, 5, 6)), 7, 8]
)
def test_a_stop_is_heard_by_workers_that_are_still_being_made(tmp_path: Path, lines: int) -> None:
    publish_small(tmp_path / "store")
    log = tmp_path / "log"
    arguments = ("--store", str(tmp_path / "store"), "--port", "0", "--workers", "4", "--grace-s", "60")
    command = [sys.executable, "-c", SLOWLY_MADE_WORKERS, *arguments]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, env=ENVIRONMENT)
    try:
        wait_for(lines, log)
        process.terminate()
        assert process.wait(WITHIN_S) == 0
    finally:
        process.kill()
        process.wait()


SLOWLY_READ = """
import sys, time
import contract.files

contract.files.read_regular = lambda path: (print("reading", file=sys.stderr, flush=True), time.sleep(60))
from service.__main__ import main
sys.exit(main())
"""


def test_a_stop_during_the_start_is_heard(tmp_path: Path) -> None:
    """The first process of a container would be deaf to it without a handler of ours."""
    publish_small(tmp_path / "store")
    log = tmp_path / "log"
    command = [sys.executable, "-c", SLOWLY_READ, "--store", str(tmp_path / "store"), "--port", "0"]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, env=ENVIRONMENT)
    try:
        wait_for(1, log)
        assert log.read_text() == "reading\n"
        process.terminate()
        assert process.wait(WITHIN_S) == 0
    finally:
        process.kill()
        process.wait()


def check_health(environment: dict[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-X", "importtime", "-m", "service.healthcheck"]
    done = subprocess.run(command, env=ENVIRONMENT | environment, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    assert not [line for line in lines if line.rpartition("|")[2].strip() in ("flask", "numpy", "boto3")]
    (told,) = [line for line in lines if not line.startswith("import time:")]
    return done.returncode, told


@pytest.mark.parametrize("host", [pytest.param("127.0.0.1", marks=pytest.mark.slow), "0.0.0.0"])  # noqa: S104 (what a container listens at)
def test_the_health_check_tells_whether_there_is_something_to_serve(tmp_path: Path, host: str) -> None:
    with running(tmp_path, tmp_path / "log", "--host", host, "--workers", "1", "--allow-anyone", "true") as service:
        environment = {"MENAGERIE_PORT": str(service.port), "MENAGERIE_HOST": host}
        assert check_health(environment) == (1, "menagerie: Not ready: /readyz answers 503.")
        publish_small(tmp_path)
        service.wait_for_lines("snapshot served", 1)
        assert check_health(environment) == (0, "menagerie: Ready.")


def test_the_health_check_of_a_service_that_is_not_there() -> None:
    port = str(free_port())
    told = f"menagerie: No answer at port {port}: ConnectionRefusedError."
    assert check_health({"MENAGERIE_PORT": port}) == (1, told)
    told = "menagerie: MENAGERIE_PORT must be a whole number from 0 to 65535, not 'none'."
    assert check_health({"MENAGERIE_PORT": "none"}) == (1, told)


@pytest.mark.slow
def test_the_health_check_gives_up_on_a_service_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # it takes the call, but says nothing
        port = str(listener.getsockname()[1])
        told = f"menagerie: No answer at port {port}: TimeoutError."
        assert check_health({"MENAGERIE_PORT": port}) == (1, told)
