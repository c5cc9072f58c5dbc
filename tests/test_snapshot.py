"""A snapshot is whole, immutable and the same for the same contents; a store serves one at a time."""

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snapshots import CLIENTS, NOW, client, contents, persona_entries, publish_small, table

from contract.errors import BadInputError, MenagerieError, WrongUsageError
from contract.snapshot import MANIFEST_NAME
from segmentation.commands import snapshots as snapshots_command
from segmentation.commands.arguments import parser
from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.snapshot.catalog import rollback, snapshots
from segmentation.snapshot.publish import ROW_GROUP_CLIENTS, publish, verify
from segmentation.store import local as local_store
from segmentation.store.opening import open_store
from segmentation.tools.errors import BadSnapshotError

LATER = datetime(2020, 5, 2, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a published snapshot."""
    return tmp_path / "snapshots" / publish_small(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_layout_and_manifest(folder: Path) -> None:
    assert names(folder) == [
        "clients.parquet",
        "lookup/answers.npy",
        "lookup/features.npy",
        "lookup/user_id.npy",
        "lookup/words.json",
        "manifest.json",
        "metrics.json",
        "model/tree.json",
        "personas.json",
        "report/index.html",
    ]
    manifest = json.loads((folder / MANIFEST_NAME).read_bytes())
    assert {key: manifest[key] for key in ("format", "as_of", "created_at", "counts", "parameters")} == {
        "format": 1,
        "as_of": "2020-04-30",
        "created_at": "2020-05-01T06:30:00Z",
        "counts": {"clients": 4, "events": 40},
        "parameters": {"seed": 7},
    }
    assert manifest["id"] == folder.name
    assert verify(folder).files == manifest["files"]


def test_clients_come_back_as_they_went_in(folder: Path) -> None:
    assert pq.read_table(folder / "clients.parquet").to_pylist() == list(CLIENTS)
    assert pq.read_schema(folder / "clients.parquet").metadata is None


def test_lookup_answers_like_the_clients(folder: Path) -> None:
    lookup = {
        name: np.load(folder / f"lookup/{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in ("user_id", "answers", "features")
    }
    words = json.loads((folder / "lookup/words.json").read_bytes())
    assert lookup["user_id"].tolist() == [row["user_id"] for row in CLIENTS]
    assert lookup["answers"].tolist() == [
        (2, 6, True, 0.6),
        (0, 3, False, 0.97),
        (3, 3, True, 0.75),
        (1, 0, True, 0.8),
    ]
    assert lookup["features"]["count_products_2m"].tolist() == [1, 1, 0, 1]
    assert np.isnan(lookup["features"]["avg_price_2m"]).tolist() == [False, False, True, False]
    assert lookup["features"]["last_purchase"].view("i8")[0] == 1588155072 * 10**6
    assert words["preferred_brand"] == ["l'oréal", "runail"]
    assert lookup["features"]["preferred_brand"].tolist() == [1, 1, -1, 0]


@pytest.mark.parametrize(("most", "width"), [(127, "i1"), (128, "i2"), (2**31 - 1, "i4"), (2**40, "i8")])
def test_counts_take_no_more_room_than_they_need(tmp_path: Path, most: int, width: str) -> None:
    rows = client(1, "fox", number_of_views_7m=most), client(2, "owl", number_of_views_7m=0)
    folder = tmp_path / "snapshots" / publish(contents(*rows), open_store(str(tmp_path)), NOW)
    views = np.load(folder / "lookup/features.npy", allow_pickle=False)["number_of_views_7m"]
    assert (views.tolist(), views.dtype) == ([most, 0], np.dtype(f"<{width}"))


def test_same_contents_same_snapshot_in_any_store(tmp_path: Path) -> None:
    one = publish_small(tmp_path / "one")
    chunked = pa.concat_tables([table(row) for row in CLIENTS])
    assert publish_small(tmp_path / "two", clients=chunked) == one


def test_clients_may_be_a_parquet_file(tmp_path: Path) -> None:
    pq.write_table(table(*CLIENTS), tmp_path / "clients.parquet", row_group_size=1)
    one = publish_small(tmp_path / "one")
    assert publish_small(tmp_path / "two", clients=tmp_path / "clients.parquet") == one


def many(number: int) -> pa.Table:
    """Return clients in turn like those of `CLIENTS`, numbered from 0."""
    alike = table(*CLIENTS).take(np.arange(number) % len(CLIENTS))
    return alike.set_column(0, SEGMENT_SCHEMA.field("user_id"), [np.arange(number)])


def entries_of(number: int) -> list[dict[str, Any]]:
    given = [CLIENTS[place % len(CLIENTS)]["persona"] for place in range(number)]
    return [{**entry, "clients": given.count(entry["name"])} for entry in persona_entries(*CLIENTS)]


@pytest.mark.slow
def test_more_clients_than_a_chunk_are_published_as_a_whole_table_would_be(tmp_path: Path) -> None:
    number = 2 * ROW_GROUP_CLIENTS + 5
    clients, parts = many(number), tmp_path / "parts"
    parts.mkdir()
    for part, (start, end) in enumerate([(0, 70_001), (70_001, 70_003), (70_003, number)]):
        pq.write_table(clients.slice(start, end - start), parts / f"part-{part}.parquet", row_group_size=30_000)
    (parts / "_SUCCESS").touch()
    one = publish_small(tmp_path / "one", clients=clients, personas=entries_of(number))
    assert publish_small(tmp_path / "two", clients=parts, personas=entries_of(number)) == one

    folder = tmp_path / "two" / "snapshots" / one
    pq.write_table(
        clients, tmp_path / "whole", row_group_size=ROW_GROUP_CLIENTS, compression="zstd", store_schema=False
    )
    assert (folder / "clients.parquet").read_bytes() == (tmp_path / "whole").read_bytes()
    four = np.load(tmp_path / "one" / "snapshots" / publish_small(tmp_path / "one") / "lookup/features.npy")
    arrays = {
        "user_id": np.arange(number),
        "answers": np.resize(np.load(folder.parent / one / "lookup/answers.npy")[:4], number),
        "features": np.resize(four, number),
    }
    for name, array in arrays.items():
        np.save(tmp_path / "array.npy", array)
        assert (folder / "lookup" / f"{name}.npy").read_bytes() == (tmp_path / "array.npy").read_bytes()


def test_clients_are_sorted_from_one_chunk_to_the_next(tmp_path: Path) -> None:
    twice = pa.concat_tables([many(ROW_GROUP_CLIENTS), many(1)])
    with pytest.raises(BadInputError, match="not sorted"):
        publish_small(tmp_path, clients=twice)


def test_publishing_again_changes_nothing_but_serves_it(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    first = publish(contents(), store, NOW)
    manifest = (tmp_path / "snapshots" / first / MANIFEST_NAME).read_bytes()
    other = publish(contents(client(1, "owl")), store, LATER)
    assert store.current() == other
    assert publish(contents(), store, LATER) == first
    assert store.current() == first
    assert (tmp_path / "snapshots" / first / MANIFEST_NAME).read_bytes() == manifest


@pytest.mark.parametrize("damaged", ["metrics.json", MANIFEST_NAME, "lookup/user_id.npy"])
def test_publishing_again_replaces_a_damaged_snapshot(tmp_path: Path, damaged: str) -> None:
    folder = tmp_path / "snapshots" / publish_small(tmp_path)
    for damage in (lambda file: file.write_bytes(b"{}"), Path.unlink):
        damage(folder / damaged)
        with pytest.raises(BadSnapshotError):
            verify(folder)
        assert publish_small(tmp_path) == verify(folder).id == folder.name
    assert sorted(p.name for p in folder.parent.iterdir()) == [".lock", folder.name, "CURRENT"]


def test_every_flipped_byte_is_noticed(folder: Path) -> None:
    for name in names(folder):
        file = folder / name
        whole = file.read_bytes()
        for place in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(BadSnapshotError):
                verify(folder)
        file.write_bytes(whole)
    verify(folder)


def test_missing_and_extra_files_are_noticed(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BadSnapshotError, match=r"notes.txt does not belong to it"):
        verify(folder)
    (folder / "notes.txt").unlink()
    (folder / "metrics.json").unlink()
    with pytest.raises(BadSnapshotError, match=r"metrics.json is missing"):
        verify(folder)


def test_persona_sizes_must_add_up(tmp_path: Path) -> None:
    with pytest.raises(BadSnapshotError, match="gives squirrel 0 clients, the lookup 1"):
        publish_small(tmp_path, personas=persona_entries(*CLIENTS[1:]))
    assert open_store(str(tmp_path)).ids() == []
    assert open_store(str(tmp_path)).current() is None


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((), "no clients"),
        ((client(2, "owl"), client(1, "owl")), "not sorted"),
        ((client(1, "owl"), client(1, "owl")), "not sorted"),
        ((client(1, "wolf"),), "'wolf' is none of lion"),
        ((client(1, "owl", cluster=256),), "a cluster is not from 0 to 255"),
        ((client(1, "owl", confidence=float("nan")),), "a confidence is not from 0 to 1"),
        ((client(1, "owl", days_since_last_purchase=None),), "days_since_last_purchase"),
    ],
)
def test_impossible_clients_are_refused(tmp_path: Path, rows: tuple[dict[str, Any], ...], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        publish_small(tmp_path, clients=table(*rows))
    assert list((tmp_path / "snapshots").glob(".tmp-*")) == []


def test_a_figure_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="JSON"):
        publish_small(tmp_path, metrics={"silhouette": float("nan")})


def test_drafts_of_dead_writers_are_removed_and_others_kept(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    dead = tmp_path / "snapshots" / ".tmp-dead"
    (dead / "content").mkdir(parents=True)
    (dead / "lock").touch()
    with store.draft() as living:
        assert not dead.exists()
        publish_small(tmp_path)
        assert living.exists()
    assert not living.exists()


def test_current_moves_only_from_what_was_expected(tmp_path: Path) -> None:
    first = publish_small(tmp_path)
    store = open_store(str(tmp_path))
    with pytest.raises(MenagerieError, match="Another run has published since"):
        store.set_current("2020-03-31-000000000000", None)
    assert store.current() == first
    store.set_current(first, None)  # two runs published the same
    assert store.current() == first


def test_rollback_serves_the_one_before(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    first = publish(contents(), store, NOW)
    second = publish(contents(client(1, "owl")), store, LATER)
    assert [manifest.id for manifest in snapshots(store)] == [first, second]
    assert rollback(store) == first == store.current()
    with pytest.raises(BadInputError, match="no snapshot before"):
        rollback(store)


def test_a_damaged_snapshot_is_never_served(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    first = publish(contents(), store, NOW)
    second = publish(contents(client(1, "owl")), store, LATER)
    (tmp_path / "snapshots" / first / "metrics.json").write_text("{}")
    with pytest.raises(BadSnapshotError):
        rollback(store)
    assert store.current() == second


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [(errno.ENOSPC, MenagerieError, "no room left"), (errno.EROFS, BadInputError, "cannot be used")],
)
def test_disk_faults_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[MenagerieError], told: str
) -> None:
    first = publish_small(tmp_path)

    def fail(_: Path) -> None:
        raise OSError(code, os.strerror(code), str(tmp_path))

    monkeypatch.setattr(local_store, "_sync", fail)
    with pytest.raises(kind, match=told) as error:
        publish_small(tmp_path, parameters={}, metrics={"other": 1})
    assert str(error.value).count(str(tmp_path)) == 1  # the store as it was given, no path in it
    assert open_store(str(tmp_path)).current() == first
    assert list((tmp_path / "snapshots").glob(".tmp-*")) == []


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="file is a file, and should be a folder"):
        publish_small(tmp_path / "file")


@pytest.mark.parametrize("url", ["", "s3://", "https://example.com"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(WrongUsageError):
        open_store(url)


def command(*words: str) -> int:
    return snapshots_command.run(parser().parse_args(("snapshots", *words)))


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path)
    first = publish_small(tmp_path)
    second = publish(contents(client(1, "owl")), open_store(store), LATER)
    for words in (("list",), ("verify",), ("rollback",), ("publish", second), ("show", first)):
        assert command(*words, "--store", store) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"  {first}  created 2020-05-01T06:30:00Z             4 clients")
    assert out[1].startswith(f"* {second}  created 2020-05-02T00:00:00Z             1 clients")
    assert out[2:5] == [
        f"{second} is whole: 9 files, 1 clients.",
        f"{first} is served.",
        f"{second} is served.",
    ]
    assert json.loads("\n".join(out[5:]))["id"] == first


@pytest.mark.parametrize(
    "action", [("list",), ("show",), ("verify",), ("rollback",), ("publish", "2020-04-30-3f2a9c1d77e0")]
)
def test_command_without_the_folder(tmp_path: Path, action: tuple[str, ...]) -> None:
    store = tmp_path / "nowhere"
    with pytest.raises(BadInputError) as error:
        command(*action, "--store", str(store))
    assert (str(error.value), error.value.exit_code) == (f"There is no folder {store}.", 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc", "2020-04-30-XYZ", "2020-04-30-3f2a9c1d77e0"])
def test_command_with_an_id_that_is_none(tmp_path: Path, name: str) -> None:
    publish_small(tmp_path)
    with pytest.raises(MenagerieError, match=r"is no snapshot id|has no snapshot"):
        command("show", name, "--store", str(tmp_path))


def test_command_needs_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MENAGERIE_STORE", raising=False)
    with pytest.raises(WrongUsageError, match="MENAGERIE_STORE"):
        command("list")
