"""A store in S3 keeps the promises of a local one, against real servers over HTTP."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from s3_servers import S3Server, entered, moto_server, rclone_server
from shared_data import bundled
from snapshots import CLIENTS, NOW, client, contents

from contract.errors import BadInputError, MenagerieError, WrongUsageError
from contract.snapshot import MANIFEST_NAME
from segmentation.commands.cli import main
from segmentation.ingest import events, sources
from segmentation.ingest.arrivals import is_superseded
from segmentation.ingest.sources import raw_objects
from segmentation.pipeline import Run, run
from segmentation.snapshot.catalog import check, prune, rollback, serve, snapshots
from segmentation.snapshot.manifest import Manifest
from segmentation.snapshot.publish import publish, publish_over
from segmentation.store.opening import open_store
from segmentation.store.protocol import Store
from segmentation.tools import scratch
from segmentation.tools.errors import BadSnapshotError, OvertakenError, RemovedError
from segmentation.tools.progress import SILENT
from storage import s3
from storage.bucket import Object, open_bucket
from storage.s3 import S3Bucket

pytestmark = pytest.mark.s3
SLOW = pytest.mark.slow

AS_OF = date(2020, 4, 30)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with rclone_server(tmp_path_factory.mktemp("rclone") / "buckets") as server:
        yield server


@pytest.fixture(params=["moto", pytest.param("rclone", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Server:
    """A server of each kind, named in the environment as a run would find it; scratch space is a folder of the test."""
    return entered(request.getfixturevalue(request.param), monkeypatch, tmp_path)


@pytest.fixture
def conditional(moto: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Server:
    """A server that honours conditional writes, as S3 does."""
    return entered(moto, monkeypatch, tmp_path)


@pytest.fixture
def store(server: S3Server, tmp_path: Path) -> Store:
    return open_store(server.url(tmp_path.name))


def test_a_published_snapshot_is_served_whole_and_once(store: Store, server: S3Server, tmp_path: Path) -> None:
    first = publish(contents(), store, NOW)
    assert store.current() == first
    assert check(store).id == first
    before = server.keys(tmp_path.name)
    assert publish(contents(), store, LATER) == first
    assert server.keys(tmp_path.name) == before
    assert check(store).created_at == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_same_contents_have_the_id_that_they_have_in_a_folder(store: Store, tmp_path: Path) -> None:
    assert publish(contents(), store, NOW) == publish(contents(), open_store(str(tmp_path / "folder")), LATER)


@pytest.mark.slow
def test_snapshots_are_listed_rolled_back_and_pruned(store: Store, server: S3Server, tmp_path: Path) -> None:
    ids = [publish(contents(client(number, "owl")), store, NOW + timedelta(minutes=number)) for number in (1, 2, 3, 4)]
    assert [manifest.id for manifest in snapshots(store)] == ids
    assert rollback(store) == ids[2]
    serve(ids[0], store, ids[2])
    assert prune(store, keep=2) == [ids[1]]
    assert store.ids() == sorted([ids[0], *ids[2:]])
    assert check(store).id == ids[0]
    assert not [key for key in server.keys(tmp_path.name) if ids[1] in key]


@pytest.mark.parametrize("kind", ["folder", "s3"])
@pytest.mark.slow
def test_a_snapshot_pruned_while_it_becomes_the_one_served_is_not_served(
    conditional: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    store = open_store(conditional.url(tmp_path.name) if kind == "s3" else str(tmp_path / "store"))
    old, new = (publish(contents(client(n, "owl")), store, NOW + timedelta(minutes=n)) for n in (1, 2))
    monkeypatch.setattr("segmentation.snapshot.catalog.check", pruned_once_checked(store, old))
    with pytest.raises(RemovedError, match=f"{old} has been removed from .* meanwhile"):
        serve(old, store, new)
    assert check(store).id == new
    assert store.ids() == [new]


def pruned_once_checked(store: Store, snapshot_id: str) -> Callable[[Store, str], Manifest]:
    def checked(_: Store, its_id: str) -> Manifest:
        manifest = check(store, its_id)
        assert prune(store, keep=1) == [snapshot_id]
        return manifest

    return checked


@pytest.mark.parametrize(
    "name", ["lookup/user_id.npy", pytest.param("metrics.json", marks=SLOW), pytest.param(MANIFEST_NAME, marks=SLOW)]
)
def test_a_damaged_snapshot_is_noticed_and_replaced(store: Store, server: S3Server, tmp_path: Path, name: str) -> None:
    first = publish(contents(), store, NOW)
    key = f"{tmp_path.name}/snapshots/{first}/{name}"
    server.client.put_object(Bucket=server.bucket, Key=key, Body=b"damaged")
    server.client.put_object(Bucket=server.bucket, Key=f"{tmp_path.name}/snapshots/{first}/stray", Body=b"")
    with pytest.raises(BadSnapshotError):
        check(store)
    assert publish(contents(), store, LATER) == first
    assert check(store).id == first


def test_half_an_upload_is_no_snapshot(store: Store, server: S3Server, tmp_path: Path) -> None:
    first = publish(contents(), store, NOW)
    half = publish(contents(client(1, "owl")), open_store(str(tmp_path / "folder")), NOW)
    folder = tmp_path / "folder" / "snapshots" / half
    server.client.upload_file(
        str(folder / "metrics.json"), server.bucket, f"{tmp_path.name}/snapshots/{half}/metrics.json"
    )
    assert store.ids() == [first]
    with pytest.raises(BadInputError, match=f"has no snapshot {half}"):
        check(store, half)
    assert publish(contents(client(1, "owl")), store, LATER) == half
    assert check(store).id == half


def test_the_run_that_was_overtaken_says_so_and_changes_nothing(store: Store) -> None:
    first = publish(contents(), store, NOW)
    winner = publish(contents(client(1, "owl")), store, NOW)
    with pytest.raises(
        OvertakenError, match=f"served {first} then and {winner} now; .* is kept but not served"
    ) as told:
        publish_over(first, contents(client(2, "owl")), store, LATER)
    assert told.value.exit_code == 4
    assert check(store).id == winner


@pytest.mark.parametrize("served_before", [None, "first"])
def test_current_moves_by_a_conditional_write(
    conditional: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, served_before: str | None
) -> None:
    store, rival = (open_store(conditional.url(tmp_path.name)) for _ in range(2))
    before = publish(contents(), store, NOW) if served_before else None
    winner = publish(contents(client(1, "owl")), open_store(str(tmp_path / "local")), NOW)
    write = S3Bucket.write

    def late(bucket: S3Bucket, key: str, content: bytes, over: str | None) -> None:
        monkeypatch.setattr(S3Bucket, "write", write)
        assert publish(contents(client(1, "owl")), rival, NOW) == winner  # between our look at CURRENT and our write
        write(bucket, key, content, over)

    monkeypatch.setattr(S3Bucket, "write", late)
    with pytest.raises(OvertakenError, match=f"and {winner} now"):
        publish_over(before, contents(client(2, "owl")), store, LATER)
    assert check(store).id == winner


@pytest.mark.slow
def test_a_run_on_raw_objects_gives_the_snapshot_of_a_local_run(
    store: Store, server: S3Server, small_shop: Path, tmp_path: Path
) -> None:
    alone = run(Run([small_shop], AS_OF, open_store(str(tmp_path / "alone"))), SILENT, NOW).snapshot_id
    files = sorted(small_shop.glob("*.csv.gz"))
    for number, file in enumerate(files):
        server.client.upload_file(str(file), server.bucket, f"{tmp_path.name}/raw/{number}/{file.name}")
    one = run(Run([f"{store.url}/raw"], AS_OF, open_store(store.url)), SILENT, NOW)
    assert one.snapshot_id == alone
    kept = server.keys(f"{tmp_path.name}/events")
    raw, events = f"{store.url}/raw", _folder_of(server, kept)
    server.client.delete_object(Bucket=server.bucket, Key=next(key for key in kept if "month=2020-01" in key))
    with pytest.raises(BadInputError, match="some are missing"):
        run(Run([events], AS_OF, open_store(store.url)), SILENT, LATER)
    for again in (raw, raw, events):
        assert run(Run([again], AS_OF, open_store(store.url)), SILENT, LATER).snapshot_id == alone
    assert server.keys(f"{tmp_path.name}/events") == kept
    assert not list((tmp_path / "scratch").iterdir())


def _folder_of(server: S3Server, keys: list[str]) -> str:
    ledger = next(key for key in keys if key.endswith("ingest.json"))
    return f"s3://{server.bucket}/{ledger.rpartition('/')[0]}"


def put(server: S3Server, key: str, content: bytes = b"") -> None:
    server.client.put_object(Bucket=server.bucket, Key=key, Body=content)


def landed(server: S3Server, key: str) -> datetime:
    """Return when an object landed that was uploaded in one part, as S3's event would say."""
    moment: datetime = server.client.head_object(Bucket=server.bucket, Key=key)["LastModified"]
    return moment


def test_only_the_run_of_the_last_file_goes_on(server: S3Server, tmp_path: Path) -> None:
    keys = [f"{tmp_path.name}/raw/{name}.csv" for name in ("b", "a", "c")]
    for key in keys:
        put(server, key)
    put(server, f"{tmp_path.name}/raw/notes.txt")
    url, none, last = server.url(f"{tmp_path.name}/raw"), timedelta(0), landed(server, keys[-1])
    assert [is_superseded(url, key, landed(server, key), none, SILENT) for key in keys] == [True, True, False]
    # Its upload in parts began before the others landed, and ended after them.
    assert not is_superseded(url, keys[0], last + timedelta(seconds=1), none, SILENT)
    with pytest.raises(BadInputError, match="not below"):
        is_superseded(url, f"{tmp_path.name}/raw/gone.csv", last, none, SILENT)


def test_a_run_waits_until_files_have_stopped_landing(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (f"{tmp_path.name}/raw/{name}.csv" for name in ("1", "2"))
    put(server, first)
    waits: list[float] = []

    def land_meanwhile(seconds: float) -> None:
        waits.append(seconds)
        put(server, second)

    monkeypatch.setattr("segmentation.ingest.arrivals.sleep", land_meanwhile)
    url = server.url(f"{tmp_path.name}/raw")
    assert is_superseded(url, first, landed(server, first), timedelta(hours=1), SILENT)
    assert len(waits) == 1
    assert 3500 < waits[0] <= 3601


@pytest.mark.slow
def test_a_run_that_knows_a_later_file_begins_again_when_overtaken(
    conditional: S3Server, small_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(small_shop.glob("*.csv.gz"))
    for file in files:
        conditional.client.upload_file(str(file), conditional.bucket, f"{tmp_path.name}/raw/{file.name}")
    url = conditional.url(tmp_path.name)
    key = max(objects := raw_objects(f"{url}/raw")[1], key=lambda o: (o.modified, o.key)).key
    assert len(objects) == len(files)
    prepare, rivals = sources.prepare, [publish(contents(), open_store(str(tmp_path / "local")), NOW)]

    def overtaken(*arguments: Any) -> Path:
        if rivals:
            assert publish(contents(), open_store(url), NOW) == rivals.pop()
        return prepare(*arguments)

    monkeypatch.setattr(sources, "prepare", overtaken)
    monkeypatch.setenv("MENAGERIE_QUIET_S", "0")
    command = ["run", "--as-of", "2020-04-30", "--store", url, "--events", f"{url}/raw"]
    whole = f"{tmp_path.name}/raw/{key}"
    assert main([*command, "--arrived", whole, landed(conditional, whole).isoformat()]) == 0
    assert check(open_store(url)).counts["clients"] > len(CLIENTS)
    rivals.append(publish(contents(), open_store(str(tmp_path / "local")), NOW))
    assert main(command) == 4


def test_what_is_passed_over_in_a_bucket_is_said_and_kept(
    server: S3Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    row = b"2020-04-15 12:00:00 UTC,purchase,11,22,toys.car,acme,9.99,33,s1"
    for name, content in (("a.csv", b",".join(map(str.encode, events.COLUMNS)) + b"\n" + row), ("old/b.txt", b"")):
        put(server, f"{tmp_path.name}/{name}", content)
    put(server, f"{tmp_path.name}/_SUCCESS", b"")
    url = server.url(tmp_path.name)
    assert main(["ingest", "--events", url, "--out", str(tmp_path / "out")]) == 0
    assert f"Passed over in {url}: old/b.txt." in capfd.readouterr().err
    assert json.loads((tmp_path / "out/ingest.json").read_text())["passed_over"] == [f"{url}/old/b.txt"]


def test_an_audience_goes_to_s3(
    store: Store, server: S3Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(contents(), store, NOW)
    out = server.url(f"{tmp_path.name}/exports/foxes.csv")
    assert main(["export", "--store", store.url, "--persona", "fox", "--out", out]) == 0
    assert main(["export", "--store", store.url, "--persona", "fox"]) == 0
    body = server.client.get_object(Bucket=server.bucket, Key=f"{tmp_path.name}/exports/foxes.csv")["Body"].read()
    told = capfd.readouterr().out
    assert told == f"{len(body.splitlines()) - 1} clients: {out}\n{body.decode()}"


def test_files_larger_than_a_part_arrive_whole(server: S3Server, tmp_path: Path) -> None:
    content = os.urandom(s3.PART_BYTES * 2 + 1)
    (tmp_path / "large").write_bytes(content)
    bucket = open_bucket(server.url(tmp_path.name))
    bucket.upload(tmp_path / "large", "large")
    (path,) = bucket.download(bucket.objects("large"), tmp_path / "back")
    assert path.read_bytes() == content


def test_an_object_that_changes_while_it_is_read_is_refused(server: S3Server, tmp_path: Path) -> None:
    bucket = open_bucket(server.url(tmp_path.name))
    put(server, f"{tmp_path.name}/events.csv", b"before")
    listed = bucket.objects()
    put(server, f"{tmp_path.name}/events.csv", b"afterwards")
    with pytest.raises(BadInputError, match=r"events\.csv in .* changed while it was read"):
        bucket.download(listed, tmp_path / "back")


def test_a_run_with_the_same_result_does_not_disturb(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(contents(), store, NOW)
    publish(contents(), twin := open_store(str(tmp_path / "twin")), LATER)
    download = S3Bucket.download

    def after_the_other(bucket: S3Bucket, objects: Sequence[Object], folder: Path, within: str = "") -> list[Path]:
        monkeypatch.setattr(S3Bucket, "download", download)
        bucket.upload(twin.fetch(first) / MANIFEST_NAME, f"snapshots/{first}/{MANIFEST_NAME}")
        return download(bucket, objects, folder, within)

    monkeypatch.setattr(S3Bucket, "download", after_the_other)
    assert check(store).created_at == LATER.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.slow
def test_a_run_that_cannot_prune_has_published(
    conditional: S3Server,
    small_shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(_: S3Bucket, keys: Sequence[str]) -> None:
        if keys:
            raise MenagerieError("S3 answers AccessDenied.")

    monkeypatch.setattr(S3Bucket, "remove", refused)
    url = conditional.url(tmp_path.name)
    publish(contents(), open_store(url), NOW)
    command = ["run", "--as-of", "2020-04-30", "--store", url, "--events", str(small_shop), "--keep", "1"]
    assert main(command) == 0
    assert "Warning: old snapshots stay. S3 answers AccessDenied." in capsys.readouterr().err
    assert len(open_store(url).ids()) == 2


def test_a_key_never_leads_out_of_its_folder(conditional: S3Server, tmp_path: Path) -> None:
    put(conditional, f"{tmp_path.name}/a/../../../escaped.csv")
    bucket = open_bucket(conditional.url(tmp_path.name))
    with pytest.raises(BadInputError, match="leads out"):
        bucket.download(bucket.objects(), tmp_path / "back")


def test_too_little_scratch_space_is_told_before_anything_is_fetched(
    store: Store, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, f"{tmp_path.name}/raw/events.csv", b"x" * 1000)
    monkeypatch.setattr(scratch, "TIMES_RAW", 10**15)
    with pytest.raises(MenagerieError, match=r"Scratch space has .* GB free; raw files of 0\.0 GB need about"):
        run(Run([f"{store.url}/raw"], AS_OF, open_store(store.url)), SILENT, NOW)
    assert server.keys(tmp_path.name) == [f"{tmp_path.name}/raw/events.csv"]


def test_encryption_is_asked_for_when_it_is_set(
    conditional: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENAGERIE_S3_SSE", "aws:kms")
    monkeypatch.setenv("MENAGERIE_S3_KMS_KEY_ID", "a-key")
    monkeypatch.setenv("MENAGERIE_S3_REQUEST_PAYER", "requester")
    publish(contents(), open_store(conditional.url(tmp_path.name)), NOW)
    for key in conditional.keys(tmp_path.name):
        head = conditional.client.head_object(Bucket=conditional.bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "a-key")
    monkeypatch.setenv("MENAGERIE_S3_SSE", "rot13")
    with pytest.raises(WrongUsageError, match="MENAGERIE_S3_SSE must be"):
        open_store(conditional.url(tmp_path.name))


@pytest.mark.parametrize(
    ("changes", "url", "told"),
    [
        ({}, "s3://no-such-bucket/store", (3, "there is no such bucket")),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "s3://shop-events/store", (3, "the AWS credentials are refused")),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3://shop-events/store", (3, "the AWS credentials are refused")),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "s3://shop-events/store", (1, "S3 cannot be reached")),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "s3://shop-events/store", (2, "credentials")),
        ({"MENAGERIE_S3_TIMEOUT_S": "soon"}, "s3://shop-events/store", (2, "must be a whole number of seconds")),
        ({"MENAGERIE_SCRATCH": "/no/such/place"}, "s3://shop-events/store", (2, "MENAGERIE_SCRATCH names no folder")),
        ({}, "s3://", (2, "names no bucket")),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(
    rclone: S3Server, capsys: pytest.CaptureFixture[str], changes: dict[str, str], url: str, told: tuple[int, str]
) -> None:
    with patch.object(boto3, "DEFAULT_SESSION", None), patch.dict(os.environ, rclone.environment | changes):
        code = main(["run", "--as-of", "2020-04-30", "--store", url, "--events", str(bundled()[0])])
    sentence = capsys.readouterr().err
    assert code == told[0], sentence
    assert told[1] in sentence.splitlines()[-1]
    assert "Traceback" not in sentence
    for secret in (rclone.environment["AWS_SECRET_ACCESS_KEY"], "Signature="):
        assert secret not in sentence


@pytest.mark.slow
def test_figures_go_to_cloudwatch_in_one_line(
    small_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MENAGERIE_METRICS", "shop")
    for as_of, code in (("2020-05-01T02:00:00+02:00", 0), ("2001-01-01", 3)):
        assert main(["run", "--events", str(small_shop), "--as-of", as_of, "--store", str(tmp_path)]) == code
        (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
        assert line["Shop"] == "shop"
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
        assert (line["Runs"], line["FailedRuns"]) == ((1, 0) if code == 0 else (0, 1))
    assert json.loads((tmp_path / "snapshots" / done_id(tmp_path) / MANIFEST_NAME).read_text())["as_of"] == "2020-04-30"


def done_id(store: Path) -> str:
    return (store / "snapshots" / "CURRENT").read_text().strip()
