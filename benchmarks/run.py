"""How fast the commands and the start of the service are, and how right the tree is on a simulated shop.

Run it with `python -m benchmarks.run`; it works in a temporary folder and needs 1 GB there.
"""

import csv
import gzip
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pyarrow.parquet as pq
from sklearn.metrics import adjusted_rand_score

from benchmarks import shop
from benchmarks.bars import at_least, at_most

ROOT = Path(__file__).parent.parent
AS_OF = "2020-04-30"
STARTS = 5
GIVE_UP_S = 30.0
SHOP = ("--clients", "200000", "--seed", "1", "--visitors-per-client", "0.5", "--browsing", "0.3")


def segmentation(*arguments: str) -> float:
    """Run a command; return its seconds, start-up included."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "segmentation", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - began


def simulation(folder: Path) -> bool:
    out = folder / "large"
    seconds = segmentation(
        "simulate", str(out), "--clients", str(shop.clients_for(20_000_000)), "--seed", "1", "--format", "parquet"
    )
    events = sum(pq.read_metadata(file).num_rows for file in out.glob("*.parquet"))
    return at_least(f"Simulate {events:,} events to Parquet in {seconds:.1f} s", events / seconds, 1e6, " events/s")


def sample_run(folder: Path) -> bool:
    store = ("--as-of", AS_OF, "--store", str(folder / "store"))
    seconds = segmentation("run", "--events", str(ROOT / "data"), *store)
    return at_most("Run on the bundled sample", seconds, 20, " s")


def service_start(folder: Path) -> bool:
    """Needs the store that `sample_run` has made."""
    seconds = statistics.median(start_s(folder / "store") for _ in range(STARTS))
    return at_most(f"Service ready after its start, median of {STARTS}", seconds, 1, " s")


def start_s(store: Path) -> float:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "service", "--store", str(store), "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if time.perf_counter() - began > GIVE_UP_S or process.poll() is not None:
                raise TimeoutError("the service did not start")
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait()


def is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def tree(folder: Path) -> bool:
    shop, store = folder / "shop", folder / "shop-store"
    segmentation("simulate", str(shop), *SHOP, "--format", "parquet")
    segmentation("run", "--events", str(shop), "--as-of", AS_OF, "--store", str(store))
    snapshot = store / "snapshots" / (store / "snapshots" / "CURRENT").read_text().strip()
    metrics = json.loads((snapshot / "metrics.json").read_text())
    print(f"Tree on a simulated shop of {metrics['clients']:,} clients, k = {metrics['silhouette']['chosen_k']}")
    verdicts = (
        at_least("  held-out accuracy", metrics["held_out"]["accuracy"], 0.95),
        at_least("  held-out macro F1", metrics["held_out"]["macro_f1"], 0.95),
        at_most("  leaves", metrics["tree"]["leaves"], 32),
        at_least("  adjusted Rand index against the planted behaviours", rand_index(shop, snapshot), 0.9),
    )
    return all(verdicts)


def rand_index(shop: Path, snapshot: Path) -> float:
    with gzip.open(shop / "truth" / "behaviours.csv.gz", "rt") as file:
        planted = {int(row["user_id"]): row["behaviour"] for row in csv.DictReader(file)}
    found = pq.read_table(snapshot / "clients.parquet", columns=["user_id", "persona"])
    behaviours = [planted[user] for user in found["user_id"].to_pylist()]
    return float(adjusted_rand_score(behaviours, found["persona"].to_pylist()))


PARTS: tuple[Callable[[Path], bool], ...] = (simulation, sample_run, service_start, tree)


def main() -> int:
    """Measure everything; return 1 when any figure fell short."""
    with tempfile.TemporaryDirectory() as folder:
        verdicts = [part(Path(folder)) for part in PARTS]
    return int(not all(verdicts))


if __name__ == "__main__":
    sys.exit(main())
