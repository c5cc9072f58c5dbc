"""Raw files, whatever their kind, as batches of text rows, each with the line it stands on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from contract.errors import BadInputError
from segmentation.ingest import packed
from segmentation.ingest.csv_rows import RejectRow, Understand, read_csv
from segmentation.ingest.mapping import Mapping
from segmentation.ingest.parquet_rows import read_parquet
from segmentation.tools.engine import reason
from segmentation.tools.progress import SILENT, Reporter

SUFFIXES = (*(f"{kind}{ending}" for kind in (".csv", ".tsv") for ending in ("", *packed.ENDINGS)), ".zip", ".parquet")


_LEFT_BY_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "_SUCCESS"})
"""What nobody would miss, and so is passed over without a word."""


@dataclass(frozen=True)
class Found:
    """The raw files in what was given, in order of their names, and what else is in its folders."""

    paths: list[Path]
    passed_over: list[str]


def find(paths: Sequence[Path], reporter: Reporter = SILENT, has_mapping: bool = False) -> Found:
    """Return the raw files among `paths` and in the folders among them, by name, and what is passed over there.

    With a mapping a file that is named itself may be called anything.
    """
    found: list[Path] = []
    others: list[str] = []
    for path in paths:
        if not path.exists():
            raise BadInputError(f"There is no file or folder {path.name}.")
        inside, passed_over = _inside(path) if path.is_dir() else ([path], [])
        if passed_over:
            reporter.say(f"Passed over in {path.name}: {', '.join(passed_over)}.")
        if not inside:
            raise BadInputError(f"The folder {path.name} holds no events: no {', '.join(SUFFIXES)} in it.")
        found += inside
        others += [f"{path.name}/{other}" for other in passed_over]
    for path in found:
        if not (is_raw(path.name) or has_mapping):
            raise BadInputError(f"{path.name} is no raw file: its name ends in none of {', '.join(SUFFIXES)}.")
        if not path.is_file():
            raise BadInputError(f"{path.name} is no regular file, and cannot be read as one.")
    return Found(sorted(found, key=lambda path: (path.name, str(path))), others)


def is_raw(name: str) -> bool:
    """Return whether a file's name is one of a raw file; what systems hide or leave open is none."""
    return name.lower().endswith(SUFFIXES) and not name.startswith((".", "~$"))


def is_missed(name: str) -> bool:
    """Return whether somebody may miss a file that is not read; what systems leave nobody does."""
    return bool(name) and not is_raw(name) and name not in _LEFT_BY_SYSTEMS


def _inside(folder: Path) -> tuple[list[Path], list[str]]:
    """Return a folder's raw files, also those in folders such as `month=2019-10`, and what else is there, as told."""
    found, others = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and "=" in path.name:
            deeper = _inside(path)
            found += deeper[0]
            others += [f"{path.name}/{other}" for other in deeper[1]]
        elif path.is_dir():
            others.append(f"{path.name}/")
        elif is_raw(path.name):
            found.append(path)
        elif is_missed(path.name):
            others.append(path.name)
    return found, others


def read(
    path: Path, reject: RejectRow, understand: Understand, mapping: Mapping | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the file's rows as `TEXT`; rows of another shape go to `reject`, what is assumed to `understand`.

    With a mapping they are not yet the columns of an event: it is to be applied to them.

    Raises BadInputError when the file cannot be read to its end.
    """
    kind, named = packed.kind(path), path.name.lower()
    if kind and not named.endswith(packed.KINDS[kind]):
        understand(f"it is {kind}, whatever its name says")
    is_parquet = kind == packed.PARQUET or named.endswith(packed.KINDS[packed.PARQUET])
    batches = read_parquet(path, understand, mapping) if is_parquet else read_csv(path, reject, understand, mapping)
    try:
        yield from batches
    except (pa.ArrowException, OSError, UnicodeError, *packed.FAULTS) as error:
        raise BadInputError(f"{path.name} cannot be read: {reason(error)}.") from error
