"""Raw files, whatever their kind, as batches of text rows, each with the line it stands on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from contract.errors import BadInputError
from segmentation.ingest.csv_rows import Reject, read_csv
from segmentation.ingest.parquet_rows import read_parquet
from segmentation.tools.engine import reason

SUFFIXES = (".csv", ".csv.gz", ".parquet")


def find(paths: Sequence[Path]) -> list[Path]:
    """Return the raw files among `paths` and directly in the folders among them, by name."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BadInputError(f"There is no file or folder {path.name}.")
        inside = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES)) if path.is_dir() else [path]
        if not inside:
            raise BadInputError(f"The folder {path.name} holds no events: no {', '.join(SUFFIXES)} in it.")
        found += inside
    for path in found:
        if not path.name.endswith(SUFFIXES):
            raise BadInputError(f"{path.name} is no raw file: its name ends in none of {', '.join(SUFFIXES)}.")
        if not path.is_file():
            raise BadInputError(f"{path.name} is no regular file, and cannot be read as one.")
    return sorted(found, key=lambda path: (path.name, str(path)))


def read(path: Path, reject: Callable[[Reject], None]) -> Iterator[pa.RecordBatch]:
    """Yield the file's rows as `TEXT`; rows of another shape go to `reject`.

    Raises BadInputError when the file cannot be read to its end.
    """
    batches = read_parquet(path) if path.suffix == ".parquet" else read_csv(path, reject)
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(f"{path.name} cannot be read: {reason(error)}.") from error
