"""The schemas of the client table and of the segments, as Arrow has them; `contract.columns` says what they hold."""

import pyarrow as pa

from contract.columns import COLUMNS, Kind

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "id": pa.int64(),
    "count": pa.int64(),
    "days": pa.int32(),
    "money": pa.float64(),
    "time": pa.timestamp("us"),
    "text": pa.string(),
}

SCHEMA = pa.schema([pa.field(c.name, ARROW_TYPES[c.kind], nullable=c.nullable) for c in COLUMNS])

SEGMENT_SCHEMA = pa.schema(
    [
        *SCHEMA,
        pa.field("persona", pa.string(), nullable=False),
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("agrees", pa.bool_(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
    ]
)
"""The columns of `clients.parquet`: the client's features and its segment."""
