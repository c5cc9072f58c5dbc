"""A model applied: each client's persona, its cluster, whether the two agree, and how sure the answer is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segmentation.ahead import ahead
from segmentation.columns import SCHEMA
from segmentation.engine import reason, threads
from segmentation.errors import BadInputError
from segmentation.lookup import SEGMENT_SCHEMA
from segmentation.model.clusters import nearest
from segmentation.model.files import Model
from segmentation.model.inputs import matrix
from segmentation.parts import parts
from segmentation.personas import PERSONA_NAMES

CHUNK_CLIENTS = 65_536


def assign(model: Model, clients: pa.Table) -> pa.Table:
    """Return the clients with their segments, as `SEGMENT_SCHEMA`; each row depends on itself alone."""
    X = matrix(clients)
    leaves = model.tree.apply(X)
    persona = model.tree.persona[leaves]
    cluster = nearest(model.space.project(X), model.centres)
    segments = {
        "persona": np.array(PERSONA_NAMES)[persona],
        "cluster": cluster,
        "agrees": persona == model.persona_of_cluster[cluster],
        "confidence": model.tree.confidence[leaves],
    }
    columns = {**{name: clients[name] for name in SCHEMA.names}, **segments}
    return pa.table(columns).cast(SEGMENT_SCHEMA)


def assign_file(model: Model, clients: Path, out: Path) -> None:
    """Assign a client file chunk by chunk, in memory that does not grow with it."""
    draft = out.with_name(f".{out.name}.tmp")
    most = threads()
    with pq.ParquetWriter(draft, SEGMENT_SCHEMA, compression="zstd") as writer, ThreadPoolExecutor(most) as pool:
        for assigned in ahead(pool, partial(assign, model), _chunks(clients), most):
            writer.write_table(assigned)
    draft.replace(out)


def _chunks(clients: Path) -> Iterator[pa.Table]:
    try:
        for part in parts(clients):
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(CHUNK_CLIENTS, columns=SCHEMA.names):
                    yield pa.table(batch).cast(SCHEMA)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise BadInputError(f"{clients.name} is no client table: {reason(error)}.") from error
