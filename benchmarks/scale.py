"""How the client table's time and memory grow with the events, beside other ways to make the same table.

Run it with `python -m benchmarks.scale`; the events of each size, made once, stay in benchmarks/out/, 25 to 30 MB a
million. Figures go to benchmarks/RESULTS.md.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import results, shop
from benchmarks.bars import at_most
from benchmarks.contestants import CONTESTANTS, memory_gb
from benchmarks.race import Limits, race
from segmentation.ingest import ingested
from simulator import Shop

OUT = Path(__file__).parent / "out"
ROUNDS = 5
RATIO_BAR, PEAK_BAR_GB = 1.3, 1.0
"""For 20 million events: ours from the events to the yardstick's seconds, and ours in memory."""

UNITS = {"k": 1_000, "M": 1_000_000}


def measure(
    size: str, names: Sequence[str], folder: Path = OUT, rounds: int = ROUNDS, limits: Limits | None = None
) -> results.Section:
    """Make the events unless they are there, let the contestants run, and return the size's section."""
    settings = Shop(shop.clients_for(events_of(size)), shop.SEED)
    shop.make(settings, folder / size)
    found = race(folder / size, names, rounds, limits or Limits(0.75 * memory_gb(), 1800))
    counted = {"events": ingested.account(folder / size).events, "clients": settings.clients}
    summaries = {name: result.summary for name, result in found.items()}
    return results.section(counted, rounds, datetime.now(UTC).date(), summaries)


def events_of(size: str) -> int:
    """Return the number that `20M` or `200k` says."""
    if not (parts := re.fullmatch(r"(\d+)([kM])", size)):
        raise argparse.ArgumentTypeError(f"{size} is no number of events as 200k or 20M")
    return int(parts[1]) * UNITS[parts[2]]


def main() -> int:
    """Hold ours to its bars at 20 million events; return 1 when it is slower or larger."""
    found = measure("20M", ["from-events", "yardstick"])["contestants"]
    for name, result in found.items():
        print(f"  {name:<10} {', '.join(f'{what} {figure}' for what, figure in result.items())}")
    if any("verdict" in result for result in found.values()):
        return 1
    ratio = found["from-events"]["seconds"] / found["yardstick"]["seconds"]
    fast = at_most("Client table, times the yardstick's seconds", ratio, RATIO_BAR)
    small = at_most("Client table, peak memory", found["from-events"]["peak_gb"], PEAK_BAR_GB, " GB")
    return int(not (fast and small))


def run(arguments: Sequence[str] | None = None) -> int:
    """Measure one size as the command line says, and record it; return 1 when a table was wrong or one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument(
        "--events", type=_size, default="20M", help="how many: 5M, 20M, 80M, 411M or others (default 20M)"
    )
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--folder", type=Path, default=OUT, help="where the events are made and kept")
    parser.add_argument("--results", type=Path, default=results.FOLDER, help="where RESULTS.md is")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--memory", type=float, default=0.75 * memory_gb(), help="GB at which a contestant is ended")
    parser.add_argument("--time", type=float, default=1800, help="seconds after which a contestant is ended")
    args = parser.parse_args(arguments)
    limits = Limits(args.memory, args.time)
    measured = measure(args.events, args.contestants, args.folder.resolve(), args.rounds, limits)
    results.record(args.events, measured, args.results)
    verdicts = {name: result.get("verdict", "") for name, result in measured["contestants"].items()}
    for name, result in measured["contestants"].items():
        print(name, *(f"{what} {figure}" for what, figure in result.items()))
    return int(any(verdict.startswith(("wrong", "failed")) for verdict in verdicts.values()))


def _size(text: str) -> str:
    events_of(text)
    return text


if __name__ == "__main__":
    sys.exit(run())
