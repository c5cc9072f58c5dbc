"""Raw files made to take all memory or to never end: small, and of any content."""

import gzip
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import ENVIRONMENT

from segmentation.ingest import csv_rows
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
    assert (tmp_path / "raw" / "a.csv.gz").stat().st_size <= MB
    command = [sys.executable, "-c", RUN, "ingest", "--events", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=MOST_S, check=False
    )
    assert int(done.stdout.split()[-1]) <= MOST_MB, done.stdout
    assert done.returncode in {0, 3, 4}, done.stderr
    if done.returncode:
        assert done.stderr.strip().splitlines()[-1].startswith("segmentation: ")


def read(path: Path, text: bytes) -> tuple[list[int], list[int]]:
    """Return the lines of the rows, and of those rejected."""
    path.write_bytes(text)
    rejects: list[csv_rows.Reject] = []
    lines = [line for batch in read_csv(path, rejects.append) for line in batch["line"].to_pylist()]
    return lines, [reject.line for reject in rejects]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("block", [1 << 7, 1 << 23])
def test_blank_lines_are_no_rows_and_lines_are_counted_with_them(
    end: bytes, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", block)
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
    (batch,) = read_csv(path, lambda reject: pytest.fail(reject.row))
    assert batch["brand"].to_pylist() == ["b\n\nc", "b"]


def test_what_unpacks_to_far_more_than_it_takes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "SMALL", 1 << 20)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(HEADER + ROW * 100_000))
    with pytest.raises(Exception, match=r"a\.csv\.gz unpacks to more than 200 times its size"):
        list(read_csv(path, lambda _: None))
