"""How fast the client table is made, against the best SQL we could write by hand for the same 24 columns.

Run it with `python -m benchmarks.features`; the events, made once, stay in benchmarks/out/.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from datetime import date
from importlib import import_module
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from benchmarks.bars import at_most

OUT = Path(__file__).parent / "out"
INGESTED = OUT / "ingested"
YARDSTICK = Path(__file__).parent / "features_yardstick.sql"
AS_OF = date(2020, 4, 30)
CLIENTS = 98_500  # of the simulated shop, and 650,000 visitors: 20 million events
MEMORY_LIMIT = "700MB"  # for the yardstick; the whole process must stay below 1 GB
RATIO_BAR, PEAK_BAR_GB = 1.3, 1.0
ROUNDS = 5
FLOATS = 1e-12


def make_events() -> None:
    """Simulate and ingest 20 million events, once."""
    if (INGESTED / "ingest.json").exists():
        return
    shutil.rmtree(OUT, ignore_errors=True)  # what an interrupted run left
    command = [sys.executable, "-m", "segmentation"]
    raw = str(OUT / "raw")
    simulate = ["simulate", raw, "--clients", str(CLIENTS), "--seed", "1", "--format", "parquet"]
    subprocess.run([*command, *simulate], check=True)
    subprocess.run([*command, "ingest", "--events", raw, "--out", str(INGESTED)], check=True)


def ours(out: Path) -> None:
    import_module("segmentation.features").write_clients(INGESTED, AS_OF, out)


def yardstick(out: Path) -> None:
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = false")
    connection.execute(f"SET VARIABLE events = '{INGESTED}/events/*/*.parquet'; SET VARIABLE as_of = DATE '{AS_OF}'")
    connection.execute(f"SET VARIABLE stop = TIMESTAMP '{AS_OF}' + INTERVAL 1 DAY")
    for months in (2, 5, 7):
        connection.execute(f"SET VARIABLE from_{months}m = getvariable('stop') - INTERVAL {months} MONTH")
    connection.execute(f"COPY ({YARDSTICK.read_text()}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


CONTESTANTS = {"ours": ours, "yardstick": yardstick}


def measure(name: str) -> tuple[float, float, float]:
    """Return seconds of the work, seconds of the whole process, and its peak memory in GB."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.features", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=OUT.parent.parent)
    whole = time.perf_counter() - began
    work, peak = done.stdout.split()[-2:]
    return float(work), whole, float(peak)


def work(name: str) -> None:
    """Do one contestant's work in this process, and print its seconds and peak memory in GB."""
    if name == "ours":
        import_module("segmentation.features")  # counts as start-up, as the import of duckdb does
    began = time.perf_counter()
    CONTESTANTS[name](OUT / f"{name}.parquet")
    seconds = time.perf_counter() - began
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)


def differences() -> list[str]:
    """Name the columns in which the two tables differ; floats may by a rounding."""
    left, right = (pq.read_table(OUT / f"{name}.parquet") for name in CONTESTANTS)
    if left.num_rows != right.num_rows or left.column_names != right.column_names:
        return ["rows or columns"]
    return [
        name
        for name in left.column_names
        if not all(
            a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) <= FLOATS * abs(b))
            for a, b in zip(left[name].to_pylist(), right[name].to_pylist(), strict=True)
        )
    ]


def race() -> dict[str, list[float]]:
    """Return each contestant's medians: seconds of the work, of the whole process, and peak memory in GB."""
    taken = {name: [measure(name)] for name in CONTESTANTS}  # a first time each, to compare and to warm the disk
    if wrong := differences():
        sys.exit(f"the two tables differ in {', '.join(wrong)}")
    for _ in range(ROUNDS):
        for name in CONTESTANTS:
            taken[name].append(measure(name))
    return {
        name: [statistics.median(figures) for figures in zip(*rounds[1:], strict=True)]
        for name, rounds in taken.items()
    }


def main() -> int:
    """Compare both; return 1 when ours is slower or larger than its bar."""
    make_events()
    medians = race()
    print(f"24 columns over 20 million events, {os.cpu_count()} cores, median of {ROUNDS}; both tables are equal")
    for name, (seconds, whole, peak) in medians.items():
        print(f"  {name:<10} {seconds:5.2f} s  ({whole:5.2f} s with start-up)  peak {peak:4.2f} GB")
    ratios = [a / b for a, b in zip(medians["ours"], medians["yardstick"], strict=True)]
    print(f"  ratio      {ratios[0]:5.2f}    ({ratios[1]:5.2f})                   {ratios[2]:4.2f}")
    fast = at_most("Client table, times the yardstick's seconds", ratios[0], RATIO_BAR)
    small = at_most("Client table, peak memory", medians["ours"][2], PEAK_BAR_GB, " GB")
    return int(not (fast and small))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1])
    else:
        sys.exit(main())
