"""What was measured, size by size: kept in results.json, and written out for people in RESULTS.md beside it."""

import json
import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.contestants import CONTESTANTS, memory_gb

FOLDER = Path(__file__).parent
PACKAGES = ("duckdb", "ibis-framework", "polars", "pandas", "pyarrow", "pyspark")

HEAD = """# The client table, measured

How long the client table of [docs/features.md](../docs/features.md) takes from ingested events to a Parquet file, by
several engines, on simulated shops. `python -m benchmarks.scale --events 20M` measures a size again and replaces its
section; this page is written by it, from results.json.

Each contestant works in a process of its own, in turns; every table is first compared with ours, cell by cell, floats
within 1e-12, and one that differs has no time. Starting Python, imports and a Spark session are not counted; the files
are in the system's cache. Seconds are those of the fastest round, since whatever else a machine does only adds to
them; median and CPU (of all threads together) are over all rounds. Peak is the largest memory of the whole process,
with what it started; the CPU of Spark's Java counts from its start. `ours` finds the rollups as ingesting left them;
`from-events` makes them anew within its time, and all others read the events. The scan is the floor: it decodes every
value of the seven columns that the definition reads, for one XOR, sum or sum of lengths each, and writes nothing.
"""

Section = dict[str, Any]


def machine() -> dict[str, Any]:
    """Return what was measured on, without its name."""
    cpu = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory_gb(), 1),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the engines installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def section(counted: dict[str, int], rounds: int, today: date, contestants: dict[str, Any]) -> Section:
    """Return a size's results with all that belongs to them; `counted` holds events and clients."""
    about = {"date": today.isoformat(), "rounds": rounds, "machine": machine(), "versions": versions()}
    return counted | about | {"contestants": contestants}


def record(size: str, measured: Section, folder: Path = FOLDER) -> None:
    """Put a size's section in the place of the one there was, and write the page anew."""
    data = folder / "results.json"
    sections = json.loads(data.read_text()) if data.exists() else {}
    sections[size] = measured
    sections = dict(sorted(sections.items(), key=lambda item: item[1]["events"]))
    data.write_text(json.dumps(sections, indent=2) + "\n")
    (folder / "RESULTS.md").write_text(page(sections))


def page(sections: dict[str, Section]) -> str:
    """Return the page in Markdown."""
    parts = [HEAD, *(_section(size, found) for size, found in sections.items())]
    return "\n".join(parts + ([_growth(sections)] if len(sections) > 1 else []))


def _section(size: str, found: Section) -> str:
    computer = found["machine"]
    lines = [
        f"## {size}",
        "",
        f"{found['events']:,} events, {found['clients']:,} clients. {found['date']}, {found['rounds']} rounds;"
        f" {computer['cpu']}, {computer['cores']} cores, {computer['memory_gb']} GB;"
        f" {', '.join(f'{name} {number}' for name, number in found['versions'].items())}.",
        "",
        "| contestant | | seconds | × scan | × ours | median | CPU s | peak GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    timed = {name: result["seconds"] for name, result in found["contestants"].items() if "seconds" in result}
    for name, result in found["contestants"].items():
        cells = [name, CONTESTANTS[name].said]
        if name in timed:
            ratios = [f"{timed[name] / timed[other]:.2f}" if other in timed else "" for other in ("scan", "ours")]
            cells += [f"{timed[name]:.2f}", *ratios]
            cells += [f"{result[figure]:.2f}" for figure in ("median", "cpu_s", "peak_gb")]
        else:
            cells += [result["verdict"], "", "", "", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _growth(sections: dict[str, Section]) -> str:
    """Compare each size with the next: what so many times the events cost in time and memory."""
    steps = list(pairwise(sections))
    titles = [
        f"{small} → {large}: events × {sections[large]['events'] / sections[small]['events']:.2f}"
        for small, large in steps
    ]
    lines = [
        "## Growth",
        "",
        "Seconds, CPU and peak memory, in multiples of the size before. Sections measured on different days or",
        "machines differ in more than their size.",
        "",
        f"| contestant | {' | '.join(titles)} |",
        f"|---|{'---|' * len(steps)}",
    ]
    for name in CONTESTANTS:
        cells = [_times(*(sections[size]["contestants"].get(name, {}) for size in step)) for step in steps]
        if any(cells):
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _times(small: dict[str, Any], large: dict[str, Any]) -> str:
    if "seconds" not in small or "seconds" not in large:
        return ""
    words = {"seconds": "seconds", "cpu_s": "CPU", "peak_gb": "peak"}
    return ", ".join(f"{word} × {large[figure] / small[figure]:.2f}" for figure, word in words.items())


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
