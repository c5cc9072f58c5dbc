"""The service over a store in S3: fetched once, followed, verified, and served on while the store is away."""

import json
import logging
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier

import pytest
from moto.server import ThreadedMotoServer
from s3_servers import S3Server, environment, free_port, moto_server, rclone_server
from serving import WITHIN_S, running, start
from snapshots import AS_OF, client, contents, publish_small

from contract.snapshot import MANIFEST_NAME
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.common.log import JsonLog
from service.common.settings import BadSettingError, Settings
from service.snapshots.cache import Cache
from service.snapshots.opening import open_source
from service.snapshots.provider import Provider
from service.snapshots.reader import USED

pytestmark = pytest.mark.s3

SWAPPED_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(params=["moto", pytest.param("rclone", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Server]:
    if request.param == "moto":
        yield request.getfixturevalue("moto")
    else:
        with rclone_server(tmp_path / "rclone") as running_server:
            yield running_server


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return f"shops/{tmp_path.name}"


@contextmanager
def requests_to(moto: S3Server) -> Iterator[list[str]]:
    """Collect what moto's server is asked, as `GET key`, keys without the bucket."""
    asked: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            method, _, path = record.getMessage().partition('"')[2].partition(" ")
            asked.append(f"{method} {path.partition('?')[0].partition(' ')[0].removeprefix(f'/{moto.bucket}/')}")

    logger, collector = logging.getLogger("werkzeug"), Collector()
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    try:
        yield asked
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)


def upload(server: S3Server, prefix: str, store: Path, damaged: str = "", left_out: str = "") -> str:
    """Put the current snapshot of a local store into S3, `CURRENT` last, and return its id."""
    snapshots = store / "snapshots"
    snapshot = (snapshots / "CURRENT").read_text().strip()
    for path in sorted((snapshots / snapshot).rglob("*")):
        name = path.relative_to(snapshots / snapshot).as_posix()
        if path.is_file() and name != left_out:
            content = path.read_bytes()
            body = content[:-1] + bytes([content[-1] ^ 1]) if name == damaged else content
            server.client.put_object(Bucket=server.bucket, Key=f"{prefix}/snapshots/{snapshot}/{name}", Body=body)
    server.client.upload_file(str(snapshots / "CURRENT"), server.bucket, f"{prefix}/snapshots/CURRENT")
    return snapshot


def publish_one(store: Path) -> str:
    """Publish a snapshot of a single client."""
    return publish(contents(client(1, "owl")), open_store(str(store)), datetime(2020, 5, 2, tzinfo=UTC))


def cached(cache: Path) -> list[str]:
    """Name the folders in the one store's part of the cache."""
    (folder,) = cache.iterdir()
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


class Follower:
    """A provider over S3 in this process, and the lines of its log."""

    def __init__(self, server: S3Server, prefix: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        self._lines: list[bytes] = []
        source = open_source(Settings(store=server.url(prefix), cache_dir=str(cache)))
        self.provider = Provider(source, JsonLog("info", self._lines.append))

    def served(self) -> str | None:
        snapshot = self.provider.current()
        return snapshot.id if snapshot else None

    def logged(self) -> list[tuple[str, str | None]]:
        return [(line["message"], line.get("reason")) for line in map(json.loads, self._lines)]


@pytest.mark.slow
def test_it_serves_and_swaps_without_being_asked(server: S3Server, prefix: str, tmp_path: Path) -> None:
    first = publish_small(tmp_path / "store")
    upload(server, prefix, tmp_path / "store")
    cache = tmp_path / "cache"
    log, url = tmp_path / "log", server.url(prefix)
    with running(url, log, "--cache-dir", str(cache), environment=server.environment) as service:
        status, _, body = service.get("/segment/512363741")
        assert (status, json.loads(body)["snapshot"]) == (200, first)
        second = publish_one(tmp_path / "store")
        upload(server, prefix, tmp_path / "store")
        began_s = time.monotonic()
        served = service.wait_for_lines("snapshot served", 3)  # the master process, then each worker
        assert time.monotonic() - began_s < SWAPPED_WITHIN_S
        assert [line["snapshot"] for line in served] == [first, second, second]
        assert json.loads(service.get("/segment/1")[2])["persona"] == "owl"
        assert cached(cache) == sorted([first, second])  # to compare with
        assert service.stop() == 0
    assert {line["level"] for line in service.logged()} == {"info"}


@pytest.mark.slow
def test_a_snapshot_is_fetched_once_by_two_services_and_their_workers(
    moto: S3Server, prefix: str, tmp_path: Path
) -> None:
    cache, url = ("--cache-dir", str(tmp_path / "cache")), moto.url(prefix)
    with (
        requests_to(moto) as asked,
        running(url, tmp_path / "one", *cache, environment=moto.environment) as one,
        running(url, tmp_path / "other", *cache, environment=moto.environment) as other,
    ):
        snapshot = publish_small(tmp_path / "store")
        upload(moto, prefix, tmp_path / "store")
        for service in (one, other):
            served = service.wait_for_lines("snapshot served", 2)
            assert [line["snapshot"] for line in served] == [snapshot] * 2
    fetched = [line.rpartition("/snapshots/")[2].partition("/")[2] for line in asked if line.startswith("GET ")]
    assert sorted(name for name in fetched if name) == sorted((MANIFEST_NAME, *USED))


@pytest.mark.slow
def test_snapshots_to_compare_with_come_through_the_cache_which_keeps_two(
    server: S3Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.snapshots.comparisons._PATIENCE_S", WITHIN_S)
    *older, served = (
        publish_small(tmp_path / "store", as_of=as_of) and upload(server, prefix, tmp_path / "store")
        for as_of in (date(2020, 1, 31), date(2020, 2, 29), date(2020, 3, 31), AS_OF)
    )
    follower = Follower(server, prefix, tmp_path / "cache", monkeypatch)
    assert follower.provider.follow()
    snapshot = follower.provider.current()
    assert snapshot
    for other in (None, *older):
        expected = other or older[-1]
        assert follower.provider.comparisons.of(snapshot, other).other == expected
        assert cached(tmp_path / "cache") == sorted([expected, served])


def copy_used(snapshot: Path, folder: Path) -> None:
    """Fetch from a local store what a service would fetch."""
    for name in (MANIFEST_NAME, *USED):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(snapshot / name, folder / name)


def test_what_is_damaged_on_its_way_is_fetched_again(tmp_path: Path) -> None:
    snapshot = publish_small(tmp_path / "store")
    fetched: list[Path] = []

    def fetch(folder: Path) -> None:
        copy_used(tmp_path / "store" / "snapshots" / snapshot, folder)
        if not fetched:
            (folder / "metrics.json").write_text("{}")
        fetched.append(folder)

    assert Cache(tmp_path / "cache").read(snapshot, fetch).metrics == {"silhouette": 0.25}
    assert len(fetched) == 2


def test_who_finds_another_at_it_waits_and_takes_what_was_fetched(tmp_path: Path) -> None:
    snapshot = publish_small(tmp_path / "store")
    together = Barrier(4)
    fetched: list[Path] = []

    def fetch(folder: Path) -> None:
        fetched.append(folder)
        copy_used(tmp_path / "store" / "snapshots" / snapshot, folder)

    def read(_: int) -> str:
        cache = Cache(tmp_path / "cache")
        together.wait(WITHIN_S)
        return cache.read(snapshot, fetch).id

    with ThreadPoolExecutor(together.parties) as pool:
        assert list(pool.map(read, range(together.parties))) == [snapshot] * together.parties
    assert len(fetched) == 1


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ({"damaged": "lookup/answers.npy"}, "lookup/answers.npy is not the file that was published"),
        ({"damaged": "manifest.json"}, "manifest.json cannot be read"),
        ({"left_out": "personas.json"}, "personas.json is missing"),
        ({"left_out": "manifest.json"}, "manifest.json is missing"),
    ],
)
def test_a_damaged_snapshot_is_refused_until_it_is_published_again(
    moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: dict[str, str], reason: str
) -> None:
    prefix = f"shops/{tmp_path.name}"
    first = publish_small(tmp_path / "store")
    upload(moto, prefix, tmp_path / "store")
    follower = Follower(moto, prefix, tmp_path / "cache", monkeypatch)
    assert follower.provider.follow()
    second = publish_one(tmp_path / "store")
    upload(moto, prefix, tmp_path / "store", **harm)
    for _ in range(2):
        assert follower.provider.follow()
        assert follower.served() == first
        assert cached(tmp_path / "cache") == [first]
    assert follower.logged() == [("snapshot served", None), ("snapshot refused", reason)]
    moto.client.delete_object(Bucket=moto.bucket, Key=f"{prefix}/snapshots/CURRENT")
    assert follower.provider.follow()  # nothing is current: it goes on
    assert follower.served() == first
    upload(moto, prefix, tmp_path / "store")
    assert follower.provider.follow()
    assert follower.served() == second


def test_a_damaged_cache_is_filled_again(
    moto: S3Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = publish_small(tmp_path / "store")
    upload(moto, prefix, tmp_path / "store")
    cache = tmp_path / "cache"
    assert Follower(moto, prefix, cache, monkeypatch).provider.follow()
    (folder,) = cache.iterdir()
    for harm in (
        lambda: (folder / snapshot / "metrics.json").write_text("{}"),
        (folder / snapshot / "model" / "tree.json").unlink,
        (folder / snapshot / "more").touch,
        lambda: shutil.rmtree(cache),
    ):
        harm()
        follower = Follower(moto, prefix, cache, monkeypatch)
        assert follower.provider.follow()
        assert (follower.served(), follower.logged()) == (snapshot, [("snapshot served", None)])
    assert cached(cache) == [snapshot]


@pytest.mark.slow
def test_a_process_killed_while_it_fetches_leaves_nothing_that_is_read(
    server: S3Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = publish_small(tmp_path / "store")
    upload(server, prefix, tmp_path / "store")
    cache = tmp_path / "cache"
    port = free_port()
    arguments = ("--store", server.url(prefix), "--port", str(port), "--cache-dir", str(cache))
    process = start(*arguments, environment=server.environment)
    deadline = time.monotonic() + WITHIN_S
    while not list(cache.glob("*/tmp*/manifest.json")) and time.monotonic() < deadline:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WITHIN_S)
    (left,) = cached(cache)
    assert left.startswith("tmp")
    follower = Follower(server, prefix, cache, monkeypatch)
    assert follower.provider.follow()
    assert follower.served() == snapshot
    assert cached(cache) == [snapshot]


@contextmanager
def moto_at(port: int) -> Iterator[S3Server]:
    """Start moto's server at a port; what it holds stays in this process between two starts."""
    moto = ThreadedMotoServer("127.0.0.1", port=port, verbose=False)
    moto.start()
    try:
        endpoint = f"http://127.0.0.1:{port}"
        yield S3Server(endpoint, environment=environment(endpoint))
    finally:
        moto.stop()


@pytest.mark.slow
def test_while_the_store_is_away_the_service_goes_on_and_says_so_once(
    moto: S3Server, prefix: str, tmp_path: Path
) -> None:
    port = free_port()
    first = publish_small(tmp_path / "store")
    arguments = ("--cache-dir", str(tmp_path / "cache"), "--workers", "1")
    secrets = {"AWS_ACCESS_KEY_ID": "AKIAVERYSECRET", "AWS_SECRET_ACCESS_KEY": "deep-secret"}
    away = environment(f"http://127.0.0.1:{port}") | secrets
    with running(moto.url(prefix), tmp_path / "log", *arguments, environment=away) as service:
        assert service.get("/readyz")[0] == 503
        upload(moto, prefix, tmp_path / "store")
        with moto_at(port):
            service.wait_for_lines("snapshot served", 1, within_s=60)
            assert json.loads(service.get("/readyz")[2])["snapshot"] == first
        service.wait_for_lines("store unreachable", 2, within_s=60)
        assert service.get("/segment/512363741")[0] == 200
        assert json.loads(service.get("/snapshot")[2])["store_reachable"] is False
        assert b"\nmenagerie_store_unreachable 1.0" in service.get("/metrics")[2]
        second = publish_one(tmp_path / "store")
        upload(moto, prefix, tmp_path / "store")
        with moto_at(port):
            service.wait_for_lines("snapshot served", 2, within_s=60)
            assert json.loads(service.get("/readyz")[2])["snapshot"] == second
        assert service.stop() == 0
    told = [(line["message"], line.get("reason")) for line in service.logged() if line["level"] != "info"]
    reason = f"{moto.url(prefix)} cannot give snapshots/CURRENT: S3 cannot be reached, or does not answer in time."
    assert told == [
        ("store unreachable", reason),
        ("no snapshot to serve", None),
        ("store reachable again", None),
        ("store unreachable", reason),
        ("store reachable again", None),
    ]
    log = (tmp_path / "log").read_text()
    assert not [word for word in (*secrets.values(), "Signature", f":{port}") if word in log]


def test_a_bucket_that_is_not_there_is_told_and_tried_again(
    moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = S3Server(moto.endpoint, bucket="no-such-bucket", environment=moto.environment)
    follower = Follower(elsewhere, "store", tmp_path, monkeypatch)
    assert [follower.provider.follow(), follower.provider.follow()] == [False, False]
    reason = "s3://no-such-bucket/store cannot give snapshots/CURRENT: there is no such bucket."
    assert follower.logged() == [("store unreachable", reason)]


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("--store", "s3://"), {}, "--store must be a folder or s3://bucket/prefix, not 's3://'."),
        (("--store", "s3:///store"), {}, "--store must be a folder or s3://bucket/prefix, not 's3:///store'."),
        (
            ("--store", "s3://bucket/store"),
            {"AWS_ENDPOINT_URL": "nonsense"},
            "s3://bucket/store cannot be opened: Invalid endpoint: nonsense.",
        ),
        (
            ("--store", "s3://bucket/store"),
            {"AWS_PROFILE": "nobody"},
            "s3://bucket/store cannot be opened: The config profile (nobody) could not be found.",
        ),
        (
            ("--store", "s3://bucket/store", "--cache-dir", "/dev/null/cache"),
            {},
            "The cache folder /dev/null/cache cannot be used: Not a directory.",
        ),
        (("--s3-request-payer", "me"), {}, "--s3-request-payer must be one of requester, not 'me'."),
    ],
)
def test_settings_that_can_never_work_stop_the_start(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    given = {"MENAGERIE_CACHE_DIR": str(tmp_path), "AWS_CONFIG_FILE": "/dev/null", "AWS_REGION": "eu-west-3"}
    process = start(*arguments, stderr=subprocess.PIPE, environment=given | environment)
    _, told = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, told.decode()) == (2, f"menagerie: {sentence}\n")


def test_a_cache_that_somebody_else_could_change_is_not_used(
    moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.snapshots.cache.os.getuid", lambda: 12345)
    monkeypatch.setattr("service.snapshots.cache._ROOT", 12345)
    with pytest.raises(BadSettingError, match="belongs to another user"):
        Follower(moto, "store", tmp_path, monkeypatch)


def test_who_pays_is_told_with_every_request(moto: S3Server, prefix: str, tmp_path: Path) -> None:
    publish_small(tmp_path / "store")
    upload(moto, prefix, tmp_path / "store")
    payers: list[str | None] = []
    settings = Settings(store=moto.url(prefix), cache_dir=str(tmp_path / "cache"), s3_request_payer="requester")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in moto.environment.items():
            patch.setenv(name, value)
        source = open_source(settings)
    events = source._bucket._client.meta.events  # type: ignore[attr-defined]
    events.register("before-send.s3", lambda request, **_: payers.append(request.headers.get("x-amz-request-payer")))
    provider = Provider(source, JsonLog("error"))
    assert provider.follow()
    assert provider.current() is not None
    assert len(payers) > len(USED)
    assert {payer.decode() if isinstance(payer, bytes) else payer for payer in payers} == {"requester"}
