"""A model applied: each client's persona, its cluster, whether the two agree, and how sure the answer is."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.errors import BadInputError
from segmentation.features.columns import SCHEMA, SEGMENT_SCHEMA
from segmentation.model.files import Model
from segmentation.model.inputs import matrix
from segmentation.model.personas import PERSONA_NAMES
from segmentation.tools.ahead import ahead
from segmentation.tools.engine import threads
from segmentation.tools.parts import StoredTable, chunks


def assign(model: Model, clients: pa.Table) -> pa.Table:
    """Return the clients with their segments, as `SEGMENT_SCHEMA`; each row depends on itself alone."""
    cluster, leaves = model.place(matrix(clients))
    persona = model.tree.persona[leaves]
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
    found = chunks(StoredTable(clients, SCHEMA, "features"), SCHEMA.names)
    most = threads()
    with pq.ParquetWriter(draft, SEGMENT_SCHEMA, compression="zstd") as writer, ThreadPoolExecutor(most) as pool:
        for assigned in ahead(pool, partial(assign, model), found, most):
            writer.write_table(assigned)
    draft.replace(out)


def persona_codes(personas: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """Return the place in `PERSONA_NAMES` of each client's persona; raise BadInputError for one that has none."""
    codes = pc.index_in(personas.cast(pa.string()), value_set=pa.array(PERSONA_NAMES))
    if codes.null_count:
        unknown = personas.filter(pc.is_null(codes))[0]
        raise BadInputError(f"Column persona: {unknown.as_py()!r} is none of {', '.join(PERSONA_NAMES)}.")
    return np.asarray(codes.to_numpy(), dtype=np.uint8)
