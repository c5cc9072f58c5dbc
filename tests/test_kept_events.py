"""A run pays for new raw files only, and gives what a run on all of them at once gives."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fault_plans import Fault, from_the
from fault_runs import opened
from faults import faulty_proxy
from forked import AS_OF, FORKS, NOW, ingest_killed
from needs import Call, recorded
from s3_servers import S3Server, entered, environment, moto_server, rclone_server

from contract.errors import BadInputError
from segmentation.features.table import write_clients
from segmentation.ingest import source_file as stage
from segmentation.ingest.ingested import account, is_ingested
from segmentation.ingest.source_file import digests
from segmentation.ingest.sources import prepare
from segmentation.pipeline import Run, run
from segmentation.store import lineage
from segmentation.store.opening import open_store
from segmentation.tools.progress import SILENT, Step
from simulator import Shop, simulate


@dataclass
class Told:
    """A reporter that remembers the lines it was told, but for those that say what became of the rows."""

    lines: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:  # noqa: ARG002 (the protocol's)
        with SILENT.step(name) as step:
            yield step

    def say(self, line: str) -> None:
        if " rows read, " not in line and not line.startswith(("Suspected logging gaps", "Warning: ")):
            self.lines.append(line)


@dataclass(frozen=True)
class Days:
    """A small shop's raw files until yesterday, the one that came today, and another that might have come instead."""

    before: list[Path]
    today: Path
    instead: Path


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Today's file has the last month's rows, some delivered before, and late ones of a month that is long over."""
    folder = tmp_path_factory.mktemp("shop")
    simulate(Shop(clients=400, seed=5, visitors_per_client=0.2, browsing=0.3), folder, SILENT)
    *months, last = sorted(folder.glob("*.csv.gz"), key=lambda path: datetime.strptime(path.name[:8], "%Y-%b"))  # noqa: DTZ007
    lines = gzip.decompress(last.read_bytes()).splitlines(keepends=True)
    early = gzip.decompress(months[0].read_bytes()).splitlines(keepends=True)
    header, bad, middle = lines[0], b"yesterday" + lines[1][19:], len(lines) // 2
    write(months[0], [*early[:-300], b"yesterday" + early[1][19:]])
    write(last, lines[:middle])
    write(folder / "later" / "today.csv.gz", [header, *early[-300:], *lines[middle - 500 :], bad])
    write(folder / "later" / "instead.csv.gz", [header, *lines[middle - 200 : -100]])
    return Days([*months, last], folder / "later" / "today.csv.gz", folder / "later" / "instead.csv.gz")


def write(path: Path, lines: Sequence[bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(lines), mtime=0))


@pytest.fixture(scope="module")
def at_once(days: Days, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The snapshot of a run on all files at once."""
    store = tmp_path_factory.mktemp("at once")
    return snapshot(str(store), [*days.before, days.today])


def snapshot(store: str, files: Sequence[Path | str], reporter: Told | None = None) -> dict[str, bytes]:
    """Run, and return the files of the snapshot, and its id."""
    found = run(Run(files, AS_OF, open_store(store)), reporter or SILENT, NOW)
    opened = open_store(store)  # whose copy lasts as long as it
    folder = opened.fetch(found.snapshot_id)
    files_of_it = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {"id": found.snapshot_id.encode(), **files_of_it}


def clients(store: str, files: Sequence[Path | str], work: Path, reporter: Told | None = None) -> pa.Table:
    """Ingest into the store, and return the client table."""
    with open_store(store).work() as folder:
        folder.mkdir(parents=True, exist_ok=True)
        events = prepare([str(file) for file in files], open_store(store), folder, reporter or SILENT)
        assert sum(file.rows_kept for file in account(events).files) == account(events).events
        write_clients(events, AS_OF, work / "clients.parquet")
    return pq.read_table(work / "clients.parquet")


Alone = Callable[[Sequence[Path]], pa.Table]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """The client table of files that are ingested all at once, into a store of their own."""
    known: dict[str, pa.Table] = {}

    def table(files: Sequence[Path]) -> pa.Table:
        content = "".join(sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))
        if content not in known:
            folder = tmp_path_factory.mktemp("alone")
            known[content] = clients(str(folder / "store"), files, folder)
        return known[content]

    return table


@pytest.fixture(scope="module")
def kept(days: Days, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that keeps the events of yesterday's files."""
    folder = tmp_path_factory.mktemp("kept")
    clients(str(folder / "store"), days.before, folder)
    return folder / "store"


@pytest.fixture
def store(kept: Path, tmp_path: Path) -> Path:
    """A copy of that store, of the test's own."""
    return Path(shutil.copytree(kept, tmp_path / "store"))


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
    return entered(request.getfixturevalue(request.param), monkeypatch, tmp_path)


@pytest.fixture
def s3(moto: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Server:
    return entered(moto, monkeypatch, tmp_path)


@pytest.fixture
def kept_on_s3(s3: S3Server, days: Days, tmp_path: Path) -> tuple[S3Server, str]:
    """A store on S3 that keeps the events of yesterday's files, which lie in it: a copy, of the test's own."""
    if not s3.keys("kept/"):
        clients(s3.url("kept"), [land(s3, Path("kept"), *days.before)], tmp_path)
    for key in s3.keys("kept/"):
        source = {"Bucket": s3.bucket, "Key": key}
        s3.client.copy_object(Bucket=s3.bucket, Key=f"{tmp_path.name}/{key.partition('/')[2]}", CopySource=source)
    return s3, s3.url(tmp_path.name)


def land(server: S3Server, tmp_path: Path, *files: Path) -> str:
    """Upload raw files; return the URL below which they are."""
    for file in files:
        server.client.upload_file(str(file), server.bucket, f"{tmp_path.name}/raw/{file.name}")
    return server.url(f"{tmp_path.name}/raw")


@pytest.mark.slow
def test_a_new_local_file_is_all_that_is_ingested(days: Days, at_once: dict[str, bytes], tmp_path: Path) -> None:
    told, store = Told(), str(tmp_path / "store")
    clients(store, days.before, tmp_path, told)
    assert told.lines == []
    assert snapshot(store, [*days.before, days.today], told) == at_once
    assert told.lines == [f"Reusing the events of {len(days.before)} files; 1 is new."]
    assert snapshot(store, [days.today, *days.before], told) == at_once
    assert told.lines[1:] == [f"Reusing the events of {len(days.before) + 1} files."]
    assert len(list((tmp_path / "store" / "ingested").glob("*/ingest.json"))) == 1


@pytest.mark.slow
@pytest.mark.s3
def test_a_new_object_is_all_that_is_fetched(
    server: S3Server, days: Days, at_once: dict[str, bytes], alone: Alone, tmp_path: Path
) -> None:
    store, raw = server.url(tmp_path.name), land(server, tmp_path, *days.before)
    clients(store, [raw], tmp_path)
    old = set(server.keys(f"{tmp_path.name}/events/"))
    land(server, tmp_path, days.today)
    told = Told()
    with recorded() as calls:
        assert snapshot(store, [raw], told) == at_once
    assert told.lines == [f"Reusing the events of {len(days.before)} files; 1 is new."]
    assert keys(calls, "GetObject", "/raw/") == [days.today.name]
    # Each month has a file of events and two rollups; today's file has events of two months.
    assert len(keys(calls, "CopyObject", "/month=")) == 3 * len(days.before)
    assert len(keys(calls, "PutObject", "/month=")) == 3 * 2
    new = set(server.keys(f"{tmp_path.name}/events/")) - old
    assert len(new) == len(old) + 3 * 2
    with recorded() as calls:
        assert clients(store, [raw], tmp_path) == alone([*days.before, days.today])
    assert not keys(calls, "GetObject", "/raw/")
    assert not keys(calls, "PutObject", "/events/")
    # What is kept is a folder of ingested events like any other.
    folder = next(key for key in new if key.endswith("ingest.json")).rpartition("/")[0]
    assert clients(store, [f"s3://{server.bucket}/{folder}"], tmp_path) == alone([*days.before, days.today])


def keys(calls: Sequence[Call], operation: str, within: str) -> list[str]:
    found = [call.asked["Key"] for call in calls if call.operation == operation]
    return [key.rpartition("/")[2] for key in found if within in key]


@pytest.mark.slow
@pytest.mark.s3
def test_new_objects_are_all_that_a_local_store_fetches(s3: S3Server, days: Days, alone: Alone, tmp_path: Path) -> None:
    raw, store = land(s3, tmp_path, *days.before), str(tmp_path / "store")
    clients(store, [raw], tmp_path)
    land(s3, tmp_path, days.today)
    with recorded() as calls:
        found = clients(store, [raw], tmp_path)
    assert keys(calls, "GetObject", "/raw/") == [days.today.name]
    assert found == alone([*days.before, days.today])
    with recorded() as calls:
        assert clients(store, [raw], tmp_path) == found
    assert not keys(calls, "GetObject", "/raw/")
    assert not (tmp_path / "store" / "ingested" / "raw").exists()


@pytest.mark.slow
def test_the_most_that_is_kept_is_reused(days: Days, alone: Alone, tmp_path: Path) -> None:
    told, store = Told(), str(tmp_path / "store")
    for files in (days.before[:3], days.before[3:5], [*days.before[:2], days.today]):
        clients(store, files, tmp_path)
    found = clients(store, days.before, tmp_path, told)
    assert told.lines == [f"Reusing the events of 3 files; {len(days.before) - 3} are new."]
    assert found == alone(days.before)


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_file_that_is_gone_or_replaced_has_all_ingested_anew(
    s3: S3Server, days: Days, alone: Alone, tmp_path: Path, kind: str
) -> None:
    told, shop = Told(), tmp_path / "shop"
    shop.mkdir()
    for file in (*days.before, days.today):
        (shop / file.name).write_bytes(file.read_bytes())
    store = s3.url(tmp_path.name) if kind == "s3" else str(tmp_path / "store")

    def found() -> pa.Table:
        raw = land(s3, tmp_path, *shop.iterdir()) if kind == "s3" else shop
        table = clients(store, [raw], tmp_path, told)
        assert table == alone(list(shop.iterdir()))
        return table

    first = found()
    (shop / days.today.name).write_bytes(days.instead.read_bytes())
    replaced = found()
    s3.client.delete_object(Bucket=s3.bucket, Key=f"{tmp_path.name}/raw/{days.before[1].name}")
    (shop / days.before[1].name).unlink()
    assert first != replaced != found()
    assert told.lines == []


MOMENTS = [("Reading", False), ("Dropping duplicates", False), ("Dropping duplicates", True), ("Keeping", False)]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_never_leaves_a_folder_that_holds_more_than_it_says(
    days: Days, alone: Alone, store: Path, tmp_path: Path, moment: tuple[str, bool]
) -> None:
    killed = FORKS.Process(target=ingest_killed, args=(str(store), [*days.before, days.today], moment))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    for last in (days.instead, days.today):
        files = [*days.before, last]
        assert clients(str(store), files, tmp_path) == alone(files)


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(days: Days, alone: Alone, store: Path, tmp_path: Path) -> None:
    files, told = [*days.before, days.today], Told()
    killed = FORKS.Process(target=ingest_killed, args=(str(store), files, ("Dropping duplicates", True)))
    killed.start()
    killed.join()
    assert clients(str(store), files, tmp_path, told) == alone(files)
    assert told.lines == [f"Reusing the events of {len(days.before)} files; 1 is new."]


def test_a_file_that_cannot_be_read_does_not_cost_the_history(
    days: Days, alone: Alone, store: Path, tmp_path: Path
) -> None:
    told, half = Told(), tmp_path / "today.csv.gz"
    half.write_bytes(days.today.read_bytes()[:-4000])
    with pytest.raises(BadInputError, match="cannot be read"):
        clients(str(store), [*days.before, half], tmp_path)
    files = [*days.before, days.today]
    assert clients(str(store), files, tmp_path, told) == alone(files)
    assert told.lines == [f"Reusing the events of {len(days.before)} files; 1 is new."]


def gone(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


Damage = tuple[Callable[[Path], None], str]
DAMAGE: list[Damage] = [
    (harm, name) for harm in (gone, cut) for name in ("events/month=2020-01/*.parquet", "ingest.json", lineage.LINEAGE)
]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("with_a_new_file", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_kept_events_that_are_damaged_are_made_anew(
    days: Days, alone: Alone, store: Path, damage: Damage, with_a_new_file: bool
) -> None:
    (harm, name), told = damage, Told()
    (path,) = store.glob(f"ingested/*/{name}")
    harm(path)
    files = [*days.before, *[days.today][:with_a_new_file]]
    assert clients(str(store), files, store.parent, told) == alone(files)
    assert told.lines == []


PARTS = ("/month=2020-01/", "/ingest.json", f"/{lineage.LINEAGE}")


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.parametrize("harm", [(part, body) for part in PARTS for body in (None, b"damaged")])
def test_kept_objects_that_expire_or_are_damaged_are_made_anew(
    kept_on_s3: tuple[S3Server, str], days: Days, alone: Alone, tmp_path: Path, harm: tuple[str, bytes | None]
) -> None:
    (s3, store), told = kept_on_s3, Told()
    (key,) = (key for key in s3.keys(f"{tmp_path.name}/events/") if harm[0] in key and "/rollup/" not in key)
    if harm[1] is None:
        s3.client.delete_object(Bucket=s3.bucket, Key=key)
    else:
        s3.client.put_object(Bucket=s3.bucket, Key=key, Body=harm[1])
    raw = land(s3, tmp_path, days.today)
    found = clients(store, [raw], tmp_path, told)
    assert found == alone([*days.before, days.today])
    assert told.lines == []
    assert clients(store, [raw], tmp_path, told) == found
    assert told.lines == [f"Reusing the events of {len(days.before) + 1} files."]


@pytest.mark.s3
def test_what_else_lies_under_a_key_is_left_there(server: S3Server, days: Days, tmp_path: Path) -> None:
    clients(server.url(tmp_path.name), days.before, tmp_path)
    month = next(key for key in server.keys(f"{tmp_path.name}/events/") if "/month=2020-01/" in key)
    stray = f"{month.rpartition('/')[0]}/stray.parquet"
    server.client.copy_object(Bucket=server.bucket, Key=stray, CopySource={"Bucket": server.bucket, "Key": month})
    store = open_store(server.url(tmp_path.name))
    (key,) = store.kept()
    store.recall(key, tmp_path / "back")
    assert len(lineage.event_files(tmp_path / "back")) == 3 * len(days.before)


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.parametrize("harm", ["expired", "replaced"])
def test_an_object_that_can_no_longer_be_copied_is_uploaded(
    kept_on_s3: tuple[S3Server, str], tmp_path: Path, harm: str
) -> None:
    s3, url = kept_on_s3
    with faulty_proxy(s3.endpoint) as proxy:
        store, folder = opened(environment(proxy.endpoint), url), tmp_path / "folder"
        (key,) = store.kept()
        store.recall(key, folder)
        if harm == "expired":
            month = next(key for key in s3.keys(f"{tmp_path.name}/events/") if "/month=2020-01/" in key)
            s3.client.delete_object(Bucket=s3.bucket, Key=month)
        else:
            proxy.restart(from_the(1, Fault.CONFLICT, "PUT .*/another/month.*2020-01/"))
        store.keep("another", folder)
    assert len(proxy.faults) == (harm == "replaced")
    assert trees_are_equal(s3, tmp_path, folder)


@pytest.mark.s3
def test_what_is_derived_from_the_events_is_kept_with_them(server: S3Server, days: Days, tmp_path: Path) -> None:
    store = open_store(server.url(tmp_path.name))
    with open_store(str(tmp_path / "local")).work() as work:
        folder = prepare([str(file) for file in days.before], open_store(str(tmp_path / "local")), work, SILENT)
    (folder / "rollup" / "month=2020-01").mkdir(parents=True)
    (folder / "rollup" / "month=2020-01" / "sums.parquet").write_bytes(b"sums")
    (folder / "events" / "month=2020-01" / "more.parquet").write_bytes(b"more")
    lineage.write(folder, lineage.read(folder))
    store.keep("another", folder)
    assert trees_are_equal(server, tmp_path, folder)


def trees_are_equal(server: S3Server, tmp_path: Path, folder: Path) -> bool:
    """Bring back what was kept as `another`, and compare it with the folder that was kept."""
    open_store(server.url(tmp_path.name)).recall("another", tmp_path / "back")
    one, other = ({p: (f / p).read_bytes() for p in lineage.event_files(f)} for f in (folder, tmp_path / "back"))
    return one == other and lineage.read(folder) == lineage.read(tmp_path / "back") and is_ingested(tmp_path / "back")


def test_a_raw_file_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, notes = tmp_path / "raw.csv", tmp_path / "digests.json"
    told = []
    for content, changed_s in ((b"one", 1_000), (b"two", 1_000), (b"two", 2_000), (b"six", time.time())):
        monkeypatch.setattr(stage, "_digests", {})  # as in another process
        file.write_bytes(content)
        os.utime(file, (changed_s, changed_s))
        told += digests([file], notes)
    expected = [hashlib.sha256(content).hexdigest() for content in (b"one", b"one", b"two", b"six")]
    assert told == expected
    assert not json.loads(notes.read_text())  # a file may change twice in one tick of its clock
    notes.write_text("{")
    assert digests([file], notes) == expected[-1:]
