"""Packed files as streams of what is in them; how they are packed, their first bytes say, not their names."""

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from contract.errors import BadInputError

ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")
FAULTS = (EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What the libraries raise for a file that is damaged or packed in a way of its own."""
_ENCRYPTED = 1
PARQUET = "Parquet"
KINDS = {"gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst", "zip": ".zip", PARQUET: ".parquet"}
"""What a file may be by its first bytes, and what its name ends in then."""
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PAR1": PARQUET,
}


def kind(path: Path) -> str | None:
    """Return what a file is by its first bytes, one of `KINDS`; None where they say nothing, as in plain CSV."""
    with path.open("rb") as file:
        begin = file.read(max(map(len, _MAGIC)))
    return next((kind for magic, kind in _MAGIC.items() if begin.startswith(magic)), None)


@contextmanager
def unpacked(path: Path) -> Iterator[Any]:
    """Open what is in a file; BadInputError for a zip archive of several files."""
    packing = kind(path)
    if packing in {None, "gzip", "zstd"}:
        with pa.input_stream(path, compression=packing) as stream:
            yield stream
    elif packing == "zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_file(path, archive)) as file:
            yield file
    else:
        with _opened(path, packing) as file:
            yield file


def _opened(path: Path, packing: str | None) -> IO[bytes]:
    return bz2.open(path) if packing == "bz2" else lzma.open(path)


def _only_file(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [file for file in archive.infolist() if not file.is_dir() and not file.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        raise BadInputError(f"{path.name} holds {len(files)} files, and should hold one; unpack it.")
    if files[0].flag_bits & _ENCRYPTED:
        raise BadInputError(f"{path.name} is encrypted; unpack it.")
    return files[0]
