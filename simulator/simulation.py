"""From settings to a folder of raw files, streamed: one month's sessions and a few chunks in memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from contract.errors import WrongUsageError
from segmentation.tools.ahead import ahead
from segmentation.tools.progress import Reporter
from simulator.catalogue import Catalogue, stock
from simulator.events import expand
from simulator.files import month_file, write_truth
from simulator.months import MONTH_NAMES
from simulator.rows import as_table
from simulator.sessions import Visits
from simulator.shop import Shop
from simulator.visits import chunks, month_visits

CHUNK_EVENTS = 1_000_000
THREADS = 2


@dataclass(frozen=True)
class Summary:
    """What was written."""

    files: tuple[Path, ...]
    events: int
    """Rows, exact duplicates included."""
    users: int
    clients: int


def simulate(shop: Shop, out: Path, reporter: Reporter) -> Summary:
    """Write the shop's seven monthly files and `truth/` into the folder `out`.

    Raises WrongUsageError when there is something in `out` already.
    """
    _claim(out)
    catalogue = stock(shop.clients, shop.seed)
    write_truth(shop, out)
    files, events = [], 0
    with ThreadPoolExecutor(THREADS) as pool, reporter.step("simulate", len(shop.months)) as step:
        for month in shop.months:
            files.append(out / f"{MONTH_NAMES[month]}.{shop.format}")
            visits = month_visits(shop, month, pool)
            events += _write_month(visits, catalogue, shop, files[-1], pool)
            step.advance()
    return Summary(tuple(files), events, shop.users, shop.clients)


def _claim(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise WrongUsageError(f"{out.name} is a file; simulate writes into a folder.")
    if out.exists() and any(out.iterdir()):
        raise WrongUsageError(f"The folder {out.name} is not empty; nothing in it is overwritten.")
    out.mkdir(parents=True, exist_ok=True)


def _write_month(visits: Visits, catalogue: Catalogue, shop: Shop, path: Path, pool: ThreadPoolExecutor) -> int:
    """Write a month; return the number of rows."""
    rows = 0
    schema = as_table(expand(visits.take(slice(0)), catalogue, shop.seed), catalogue).schema
    with month_file(path, schema, truncated=path.name.startswith(MONTH_NAMES[-1])) as file:
        for table in tables(visits, catalogue, shop.seed, pool):
            file.write(table)
            rows += len(table)
    return rows


def tables(visits: Visits, catalogue: Catalogue, seed: int, pool: ThreadPoolExecutor) -> Iterator[pa.Table]:
    """Build the chunks' tables ahead of their writing, `THREADS` at a time."""

    def build(chunk: Visits) -> pa.Table:
        return as_table(expand(chunk, catalogue, seed), catalogue)

    return ahead(pool, build, chunks(visits, CHUNK_EVENTS), THREADS)
