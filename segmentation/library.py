"""What Python programs call: `from segmentation import run, load_model, client_table`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from contract.errors import BadInputError
from segmentation import pipeline
from segmentation.features import table
from segmentation.features.columns import SCHEMA
from segmentation.ingest import mapping as mappings
from segmentation.kept import named
from segmentation.model.assign import assign
from segmentation.model.files import Model
from segmentation.pipeline import Outcome
from segmentation.store.opening import open_store
from segmentation.tools.progress import SILENT, Reporter

Clients = TypeVar("Clients", pa.Table, pd.DataFrame)


def run(  # noqa: PLR0913 (what a run depends on, each thing once)
    events: str | Path | Sequence[str | Path],
    as_of: date,
    store: str | Path,
    *,
    mapping: str | Path | None = None,
    timezone: str = "UTC",
    seed: int = 0,
    model: str | None = None,
    refit: bool = False,
    accept_relabelling: bool = False,
    reporter: Reporter = SILENT,
) -> Outcome:
    """Ingest, compute features, apply the model or learn one, and publish, as `segmentation run` does.

    `events` are raw files, folders or URLs, or one folder of ingested events; `store` is a folder or an s3:// URL;
    `mapping` a TOML file or the name of a ready-made one. Raises MenagerieError, with a sentence.
    """
    given = [events] if isinstance(events, (str, Path)) else list(events)
    its = mappings.named(str(mapping)) if mapping else None
    what = pipeline.Run(
        given,
        as_of,
        open_store(str(store)),
        seed,
        timezone,
        model=model,
        refit=refit,
        accept_relabelling=accept_relabelling,
        mapping=its,
    )
    return pipeline.run(what, reporter, datetime.now(UTC))


def client_table(events: str | Path, as_of: date, timezone: str = "UTC") -> pa.Table:
    """Return the client table of a folder of ingested events, a row a client (docs/features.md)."""
    return table.client_table(Path(events), as_of, timezone)


def load_model(given: str | Path, store: str | Path | None = None) -> "PersonaModel":
    """Return a model: that of a snapshot of `store`, by its id, or what `segmentation fit` wrote, a folder or URL.

    Raises BadInputError where there is none.
    """
    found = named(str(given), open_store(str(store)) if store else None)
    return PersonaModel(found.model, found.metrics["model"])


class PersonaModel:
    """A model that gives clients their personas; `record` tells its id, and when and on what it was fitted."""

    def __init__(self, model: Model, record: dict[str, Any]) -> None:
        self._model = model
        self.record = record

    def assign(self, clients: Clients) -> Clients:
        """Return a client table with `persona`, `cluster`, `agrees` and `confidence`, as Arrow or pandas as it came.

        Raises BadInputError where a column is missing, or of another type.
        """
        is_frame = isinstance(clients, pd.DataFrame)
        try:
            columns = pa.Table.from_pandas(clients, preserve_index=False) if is_frame else clients
            typed = columns.select(SCHEMA.names).cast(SCHEMA)
        except (pa.ArrowException, KeyError) as error:
            raise BadInputError(f"This is no client table: {' '.join(str(error).split())}.") from error
        assigned = assign(self._model, typed)
        return assigned.to_pandas() if is_frame else assigned
