"""What personas told of the future: as of dates gone by, what each persona's clients bought in the month after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from contract.calendar import months_before
from segmentation.features.calendar import windows
from segmentation.features.columns import SCHEMA, SEGMENT_SCHEMA
from segmentation.features.table import write_clients
from segmentation.ingest.ingested import account, month_files
from segmentation.model.assign import assign_file, persona_codes
from segmentation.model.files import Model
from segmentation.model.fit import fit
from segmentation.model.personas import PERSONA_NAMES
from segmentation.tools.engine import quoted
from segmentation.tools.parts import StoredTable
from segmentation.tools.progress import SILENT, Reporter

MOST_MONTHS = 3
"""So many months are looked back on."""
LATE_DAYS = 7
"""By so many days may a shop's first event be later than a window's begin, and the window count as filled."""
_Z = 1.959964
"""Standard errors on either side of a mean, for 95 %."""
_QUINTILES = 5


@dataclass(frozen=True)
class Outcome:
    """A date's clients, in the order of `users`: persona and RFM sum then, items bought and money spent since.

    `until` is the last day of the month after.
    """

    as_of: date
    until: date
    users: np.ndarray
    persona: np.ndarray
    rfm: np.ndarray
    items: np.ndarray
    spent: np.ndarray


Months = Sequence[tuple[date, date]]
"""Dates, each with the last day of the month after it."""


def backtest(  # noqa: PLR0913, PLR0917 (what a run is made of, each thing once)
    events: Path,
    months: Months,
    scratch: Path,
    timezone: str = "UTC",
    seed: int = 0,
    model: Model | None = None,
    reporter: Reporter = SILENT,
) -> dict[str, Any]:
    """Return how the personas as of earlier dates (`covered`) did in the month after each.

    Without a `model` one is learnt as of the earliest of these dates, from what was known then, and applied at each.
    Client tables go through `scratch`, a chunk at a time.
    """
    found: list[Outcome] = []
    clients, segments = scratch / "clients-then.parquet", scratch / "segments-then.parquet"
    for day, until in months:
        with reporter.step(f"Looking back to {day}"):
            write_clients(events, day, clients, timezone)
            model = model or fit(StoredTable(clients, SCHEMA, "features"), seed).model
            assign_file(model, clients, segments)
            found.append(outcome(events, day, until, StoredTable(segments, SEGMENT_SCHEMA, "assign")))
    return {
        "dates": [
            {
                "as_of": one.as_of.isoformat(),
                "until": one.until.isoformat(),
                "clients": len(one.users),
                "bought": float((one.items > 0).mean()),
            }
            for one in found
        ],
        "personas": of_personas(found),
        "auc": aucs(found),
    }


def covered(events: Path, as_of: date, most: int) -> Months:
    """Return the dates one to `most` calendar months before, the earliest first, whose longest windows are filled."""
    first = min(account(events).days)
    dates = [months_before(as_of, n) for n in range(most, -1, -1)]
    return [pair for pair in pairwise(dates) if first <= _begin(pair[0]) + timedelta(days=LATE_DAYS)]


def earliest(as_of: date) -> date:
    """Return by when events must begin so that one month can be looked back on."""
    return _begin(months_before(as_of, 1))


def _begin(as_of: date) -> date:
    return windows(as_of).start.date()


def outcome(events: Path, as_of: date, until: date, segments: pa.Table | StoredTable) -> Outcome:
    """Return what a date's clients, with their segments, bought from the day after to `until`."""
    users = segments["user_id"].to_numpy()
    buyers, items, spent = _bought(events, as_of, until)
    came = np.isin(buyers, users)
    place = np.searchsorted(users, buyers[came])
    of_all = [np.zeros(len(users)) for _ in range(2)]
    for column, values in zip(of_all, (items, spent), strict=True):
        column[place] = values[came]
    return Outcome(as_of, until, users, persona_codes(segments["persona"]), rfm_sum(segments), *of_all)


def _bought(events: Path, as_of: date, until: date) -> tuple[np.ndarray, ...]:
    """Return who bought after a date and until another, that day included, with items and money, by user."""
    months = {f"{day:%Y-%m}" for n in range((until - as_of).days) for day in [as_of + timedelta(days=n + 1)]}
    paths = [path for month, files in month_files(events).items() if month in months for path in files]
    if not paths:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    query = f"""
        SELECT user_id, count(*)::DOUBLE AS items, sum(price)::DOUBLE AS spent
        FROM read_parquet([{", ".join(map(quoted, paths))}])
        WHERE event_type = 'purchase' AND event_time >= ? AND event_time < ? GROUP BY user_id ORDER BY user_id
    """  # noqa: S608 (our own paths)
    with duckdb.connect() as connection:
        found = connection.execute(query, [as_of + timedelta(days=1), until + timedelta(days=1)]).fetchnumpy()
    return tuple(np.asarray(found[name]) for name in ("user_id", "items", "spent"))


def rfm_sum(clients: pa.Table | StoredTable) -> np.ndarray:
    """Return each client's sum of quintiles, 3 to 15: how lately, how often and for how much they bought."""
    columns = (("days_since_last_purchase", -1), ("count_products_7m", 1), ("total_purchase_value", 1))
    return np.sum([_quintile(sign * clients[name].to_numpy()) for name, sign in columns], axis=0)


def _quintile(values: np.ndarray) -> np.ndarray:
    return 1 + np.floor(_QUINTILES * (rankdata(values) - 0.5) / len(values))


def of_personas(found: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Return by persona, of all dates together: client-months, the share that bought, money spent a client, with
    intervals of 95 %, and the share of all that was spent."""
    users, persona, items, spent = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("users", "persona", "items", "spent")
    )
    told = {}
    for code, name in enumerate(PERSONA_NAMES):
        its = persona == code
        if its.any():
            bought, bought_interval = mean_of_clients(users[its], items[its] > 0)
            revenue, revenue_interval = mean_of_clients(users[its], spent[its])
            told[name] = {
                "clients": int(its.sum()),
                "bought": bought,
                "bought_interval": [max(0.0, bought_interval[0]), min(1.0, bought_interval[1])],
                "spent": revenue,
                "spent_interval": [max(0.0, revenue_interval[0]), revenue_interval[1]],
                "revenue_share": float(spent[its].sum() / spent.sum()) if spent.sum() else 0.0,
            }
    return told


def mean_of_clients(users: np.ndarray, values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return a mean with its interval of 95 %, where a client who stands there at several dates is one of the sample.

    The ratio estimator with clients as clusters: W. G. Cochran, Sampling Techniques, 3rd edition, sections 6.3 and 9A.
    """
    _, of = np.unique(users, return_inverse=True)
    times, total = np.bincount(of), np.bincount(of, values.astype(float))
    mean = total.sum() / times.sum()
    clients = len(times)
    if clients == 1:
        return float(mean), (float(mean), float(mean))
    error = np.sqrt(clients / (clients - 1) * np.square(total - mean * times).sum()) / times.sum()
    return float(mean), (float(mean - _Z * error), float(mean + _Z * error))


def aucs(found: Sequence[Outcome]) -> dict[str, float]:
    """Return how well persona and RFM sum told at each date who would buy, as the mean area under the ROC curve.

    A persona stands for the share of its clients that bought after the other dates; with one date there is none.
    """
    told: dict[str, list[float]] = {"persona": [], "rfm": []}
    for one in found:
        bought = one.items > 0
        if not 0 < bought.sum() < len(bought):
            continue
        told["rfm"].append(roc_auc_score(bought, one.rfm))
        if others := [other for other in found if other is not one]:
            rates = np.zeros(len(PERSONA_NAMES))
            for name, its in of_personas(others).items():
                rates[PERSONA_NAMES.index(name)] = its["bought"]
            told["persona"].append(roc_auc_score(bought, rates[one.persona]))
    return {name: float(np.mean(values)) for name, values in told.items() if values}
