"""What has changed since the snapshot before, as its files and today's segments tell it."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contract.errors import BadInputError
from contract.snapshot import CLIENTS
from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.kept import of_snapshot
from segmentation.model.assign import persona_codes
from segmentation.model.files import Model
from segmentation.model.inputs import INPUT_NAMES, matrix
from segmentation.model.movement import Standing, movement
from segmentation.store.protocol import Store
from segmentation.tools.parts import StoredTable, chunks

_READ = ("user_id", "persona", "total_purchase_value")


def since_last(store: Store, as_of: date, segments: Path, model: str | None) -> dict[str, Any] | None:
    """Return what has changed since the last snapshot of an earlier day; None where there is none that can be read.

    `model` is the id of the one that gave the segments.
    """
    earlier = [snapshot_id for snapshot_id in store.ids() if snapshot_id[: len("2020-01-01")] < as_of.isoformat()]
    if not earlier:
        return None
    last = _last(store, earlier)
    try:
        folder = store.fetch(last, (CLIENTS,))
        then = _standing(pq.read_table(folder / CLIENTS, columns=list(_READ)))
        before = of_snapshot(store, last)
    except (BadInputError, OSError, pa.ArrowException):
        return None  # one that a later version cannot read, or that was removed meanwhile
    table = StoredTable(segments, SEGMENT_SCHEMA, "assign")
    now = _standing(pa.table({name: table[name] for name in _READ}))
    same = before.metrics["model"]["id"] == model
    found = movement(then, now, None if same else _ruled(before.model, table))
    return {"since": last, "as_of": last[: len("2020-01-01")], **found}


def _last(store: Store, earlier: list[str]) -> str:
    """Return the one of the latest day that is served now, or the last of them."""
    day = earlier[-1][: len("2020-01-01")]
    of_day = [snapshot_id for snapshot_id in earlier if snapshot_id.startswith(day)]
    served = store.current()
    return served if served in of_day else of_day[-1]


def _standing(table: pa.Table) -> Standing:
    return Standing(
        table["user_id"].to_numpy(), persona_codes(table["persona"]), table["total_purchase_value"].to_numpy()
    )


def _ruled(model: Model, segments: StoredTable) -> np.ndarray:
    """Return the personas that another model's rules give to these clients."""
    return np.concatenate([model.answers(matrix(chunk)) for chunk in chunks(segments, INPUT_NAMES)])
