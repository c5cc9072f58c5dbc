"""What the report is made of: a run's figures, its decision tree, and a sample of its clients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from segmentation.features.calendar import windows
from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.ingest.ingested import Gaps, days_within, gaps_within
from segmentation.model.assign import persona_codes
from segmentation.model.personas import PERSONA_NAMES
from segmentation.model.tree import Tree
from segmentation.tools.parts import StoredTable

SHOWN = ("days_since_last_purchase", "count_products_7m", "total_purchase_value")
"""What is shown of a client: recency, frequency, monetary. No user id, because a report is mailed around."""
DRAWN = pa.schema([SEGMENT_SCHEMA.field(name) for name in ("persona", *SHOWN)])
"""What is read of the clients."""
MOST_SHOWN, LEAST_SHOWN = 5_000, 60
"""Clients in the sample, and of each persona, as long as there are so many, so that small ones are seen."""


@dataclass(frozen=True)
class Facts:
    """A run as its report tells it.

    `personas` and `metrics` are as personas.json and metrics.json hold them; `sample` has the column `persona`
    and those of `SHOWN`, for some of the clients, in the order of the personas.
    """

    as_of: date
    personas: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    tree: Tree
    sample: pa.Table

    @property
    def there(self) -> list[Mapping[str, Any]]:
        """Return the personas that some client has."""
        return [persona for persona in self.personas if persona["clients"]]

    def has(self, *paths: str) -> bool:
        """Tell whether the metrics have all of these, such as `pca.loadings`; older snapshots may lack some."""
        return all(self._find(path) is not None for path in paths)

    def _find(self, path: str) -> Any:
        found: Any = self.metrics
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found


def facts_of(  # noqa: PLR0913, PLR0917 (what a run has come to, each thing once)
    as_of: date,
    personas: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
    tree: Tree,
    segments: pa.Table | StoredTable,
    seed: int,
) -> Facts:
    """Return a run's facts, with a sample of its clients drawn from `segments`, stratified by persona."""
    return Facts(as_of, personas, metrics, tree, _sample(segments, np.random.default_rng(seed)))


def all_events_by_day(facts: Facts) -> dict[date, int]:
    """Return the events of each day that has any, inside the windows or not."""
    return {date.fromisoformat(day): events for day, events in facts.metrics["events"]["by_day"].items()}


def events_by_day(facts: Facts) -> dict[date, int]:
    """Return the events of each day of the longest window, from the first day on to the last that has any."""
    return days_within(all_events_by_day(facts), windows(facts.as_of).start.date(), facts.as_of)


def suspected_gaps(facts: Facts) -> list[date]:
    """Return the days among those of `events_by_day` on which events seem to be missing.

    Those of `closed_weekdays` are none of them: a shop that never opens on Sundays misses nothing then.
    """
    return _gaps(facts).missing


def closed_weekdays(facts: Facts) -> list[int]:
    """Return the weekdays, Monday as 0, that have hardly an event in any week, of four at least."""
    return _gaps(facts).closed


def _gaps(facts: Facts) -> Gaps:
    few = list(map(date.fromisoformat, facts.metrics["events"]["suspected_gaps"]))
    return gaps_within(all_events_by_day(facts), few, windows(facts.as_of).start.date(), facts.as_of)


def _sample(segments: pa.Table | StoredTable, rng: np.random.Generator) -> pa.Table:
    codes = persona_codes(segments["persona"])
    sizes = np.bincount(codes, minlength=len(PERSONA_NAMES))
    least = np.minimum(sizes, LEAST_SHOWN)
    beyond = (sizes - least) * min(1.0, (MOST_SHOWN - least.sum()) / max((sizes - least).sum(), 1))
    rows = [
        np.sort(rng.choice(np.flatnonzero(codes == persona), quota, replace=False))
        for persona, quota in enumerate(least + beyond.astype(int))
    ]
    drawn = np.concatenate(rows)
    personas = np.array(PERSONA_NAMES)[codes[drawn]]
    return pa.table({"persona": personas, **{name: segments[name].take(drawn) for name in SHOWN}})
