"""Raw files made to take all memory or to never end: small, and of any content."""

import bz2
import gzip
import lzma
import os
import random
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import ENVIRONMENT

from contract.errors import BadInputError
from segmentation.ingest import csv_rows, raw, text_stream
from segmentation.ingest.csv_rows import read_csv
from segmentation.ingest.events import COLUMNS

MOST_MB, MOST_S = 500, 60
HEADER = f"{','.join(COLUMNS)}\n".encode()
ROW = b"2020-01-01 00:00:00 UTC,view,7,1,,b,1.00,7,s\n"
RUN = """
import sys
from segmentation.commands.cli import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    (most_kb,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(most_kb // 1024)
sys.exit(code)
"""
MB = 1 << 20
BOMBS: dict[str, tuple[bytes, bytes, int]] = {
    "line ends": (HEADER, b"\n", 80 * MB),
    "line ends of two": (HEADER, b"\r\n", 40 * MB),
    "carriage returns": (HEADER, b"\r", 60 * MB),
    "commas": (HEADER, b",\n", 40 * MB),
    "empty rows": (HEADER, b",,,,,,,,\n", 8 * MB),
    "a line without end": (HEADER, b"a", 80 * MB),
    "a quote and line ends": (HEADER + b'"', b"\n", 80 * MB),
    "quotes": (HEADER, b'"', 80 * MB),
    "quoted line ends": (HEADER, b'"\n"\n', 20 * MB),
    "nothing": (b"", b"\0", 80 * MB),
    "nothing after a header": (HEADER, b"\0", 80 * MB),
    "bytes that are no text": (HEADER, b"\xff\n", 40 * MB),
    "the same event": (HEADER, ROW, 2 * MB),
    "noise": (HEADER + random.Random(1).randbytes(900_000), b"", 0),
    "a header without end": (b"", b"event_time,", 10 * MB),
}
"""What a file begins with, and what comes then so many times."""


def packed(head: bytes, unit: bytes, times: int) -> Iterator[bytes]:
    """Yield a gzip file, a piece at a time."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    yield packer.compress(head)
    at_once = 1 << 16
    for _ in range(times // at_once):
        yield packer.compress(unit * at_once)
    yield packer.flush()


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_of_any_content_ends_soon_and_in_a_sentence(bomb: str, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with (tmp_path / "raw" / "a.csv.gz").open("wb") as file:
        file.writelines(packed(*BOMBS[bomb]))
    ends_soon(tmp_path / "raw" / "a.csv.gz", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["bz2", "xz", "zst", "zip"])
def test_a_bomb_packed_otherwise_ends_soon_too(ending: str, tmp_path: Path) -> None:
    content, file = HEADER + b"\n" * (100 * MB) + b"a" * (100 * MB), tmp_path / f"a.csv.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", content)
    elif ending == "zst":
        file.write_bytes(pa.compress(content, "zstd", asbytes=True))
    else:
        file.write_bytes({"bz2": bz2, "xz": lzma}[ending].compress(content))
    assert ends_soon(file, tmp_path / "out") == 3


def ends_soon(file: Path, out: Path) -> int:
    """Ingest a file in bounded time and memory; return the exit code."""
    assert file.stat().st_size <= MB
    command = [sys.executable, "-c", RUN, "ingest", "--events", str(file), "--out", str(out)]
    done = subprocess.run(
        command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=MOST_S, check=False
    )
    assert int(done.stdout.split()[-1]) <= MOST_MB, done.stdout
    assert done.returncode in {0, 3, 4}, done.stderr
    if done.returncode:
        assert done.stderr.strip().splitlines()[-1].startswith("segmentation: ")
    return done.returncode


EVENT = dict(zip(COLUMNS, ROW.decode().strip().split(","), strict=True))


def repeated(rows: int, **other: str) -> pa.Table:
    """Return one event again and again, which hardly takes any place."""
    places = pa.array(np.zeros(rows, np.int32))
    return pa.table({name: pa.DictionaryArray.from_arrays(places, [{**EVENT, **other}[name]]) for name in COLUMNS})


def write_groups(file: Path, group: pa.Table, groups: int) -> None:
    with pq.ParquetWriter(file, group.schema, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(group, row_group_size=len(group))


def write_plain(file: Path, table: pa.Table) -> None:
    pq.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)


def write_lie(file: Path) -> None:
    """Write a footer that says of a page of 300 MB that it takes as little as the others."""
    write_plain(file, pa.table({name: ["x" * (300 * MB) if name == "brand" else EVENT[name]] for name in COLUMNS}))
    metadata = pq.ParquetFile(file).metadata
    true = varint(metadata.row_group(0).column(COLUMNS.index("brand")).total_uncompressed_size)
    content = file.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    assert true in content[footer:]
    lie = bytes([true[0] | 128, *[128] * (len(true) - 2), 0])
    file.write_bytes(content[:footer] + content[footer:].replace(true, lie))


def varint(number: int) -> bytes:
    """Write a positive number as Thrift does."""
    left, written = number << 1, bytearray()
    while left > 127:
        written.append(left & 127 | 128)
        left >>= 7
    return bytes([*written, left])


def nested(value: Any) -> pa.Table:
    return pa.table({name: pa.array([value] * 1000) for name in COLUMNS})


PARQUET: dict[str, tuple[Callable[[Path], None], set[int]]] = {
    "a long word": (lambda file: pq.write_table(repeated(250_000, brand="x" * 200_000), file), {3}),
    "a page that unpacks": (
        lambda file: write_plain(file, pa.table({name: ["x" * (100 * MB)] for name in COLUMNS})),
        {3},
    ),
    "a footer that lies": (write_lie, {3}),
    "the same event": (lambda file: write_groups(file, repeated(1_000_000), 30), {0, 3}),
    "a million rows of nothing": (
        lambda file: write_groups(file, pa.table({n: pa.nulls(5_000_000, pa.string()) for n in COLUMNS}), 10),
        {3},
    ),
    "many row groups": (lambda file: write_groups(file, repeated(1), 600), {0}),
    "lists": (lambda file: pq.write_table(nested([[["x"]]]), file), {3}),
    "structures": (lambda file: pq.write_table(nested({"a": {"b": 1}}), file), {3}),
    "bytes": (lambda file: pq.write_table(nested(b"\xff\xfe"), file), {3}),
    "durations": (lambda file: pq.write_table(nested(timedelta(1)), file), {0, 3, 4}),
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", PARQUET)
def test_a_small_parquet_file_of_any_content_ends_soon_and_in_a_sentence(bomb: str, tmp_path: Path) -> None:
    write, codes = PARQUET[bomb]
    write(tmp_path / "a.parquet")
    assert ends_soon(tmp_path / "a.parquet", tmp_path / "out") in codes


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_parquet_file_is_told_of(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(repeated(50), file)
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    with suppress(BadInputError):
        for batch in raw.read(file, lambda _: None, print):
            assert batch.schema == csv_rows.TEXT


@pytest.mark.slow
@pytest.mark.parametrize("unreadable", ["a.csv.gz", "z.csv.gz"])
def test_a_file_that_cannot_be_read_among_large_ones_always_ends_alike(unreadable: str, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("b.csv", "c.csv", "d.csv"):
        (folder / name).write_bytes(HEADER + ROW * 50_000)
    whole = gzip.compress(HEADER + bytes(random.Random(2).choices(b"abc,\n", k=MB)))
    (folder / unreadable).write_bytes(whole[: len(whole) // 2])
    command = [sys.executable, "-m", "segmentation", "ingest", "--events", str(folder), "--out", str(tmp_path / "out")]
    for _ in range(3):
        done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False)
        assert done.returncode == 3, done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith(f"segmentation: {unreadable} cannot be read")


def read(path: Path, text: bytes) -> tuple[list[int], list[int]]:
    """Return the lines of the rows, and of those rejected."""
    path.write_bytes(text)
    rejects: list[csv_rows.Reject] = []
    lines = [line for batch in read_csv(path, rejects.append, print) for line in batch["line"].to_pylist()]
    return lines, [reject.line for reject in rejects]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("block", [1 << 7, 1 << 23])
def test_blank_lines_are_no_rows_and_lines_are_counted_with_them(
    end: bytes, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", block)
    monkeypatch.setattr(text_stream, "HEAD_BYTES", block)
    rng = random.Random(block)
    for _ in range(20):
        text, line = b"", 1
        rows: list[int] = []
        odd: list[int] = []
        for i in range(40):
            for _ in range(rng.choice([0, 0, 0, 1, 2, 7])):
                text, line = text + end, line + 1
            if i == 0:
                text += HEADER.rstrip() + end
            elif rng.random() < 0.2:
                text, odd = text + b"x,y" + end, [*odd, line]
            else:
                text, rows = text + ROW.rstrip() + end, [*rows, line]
            line += 1
        assert read(tmp_path / "a.csv", text) == (rows, odd)


def test_a_blank_line_within_quotes_stays(tmp_path: Path) -> None:
    quoted = ROW.replace(b",b,", b',"b\n\nc",')
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"\n" + quoted + ROW)
    (batch,) = read_csv(path, lambda reject: pytest.fail(reject.row), print)
    assert batch["brand"].to_pylist() == ["b\n\nc", "b"]


def test_what_unpacks_to_far_more_than_it_takes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "SMALL", 1 << 20)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(HEADER + ROW * 100_000))
    with pytest.raises(Exception, match=r"a\.csv\.gz unpacks to more than 200 times its size"):
        list(read_csv(path, lambda _: None, print))
