"""What a bucket is: objects under keys, read and written whole. Each kind is one module, and one line of `BACKENDS`.

What goes wrong is told as `contract.errors` has it, in sentences without credentials, signatures or addresses.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from contract.errors import BadInputError, WrongUsageError

BACKENDS = {"s3": "storage.s3:S3Bucket"}
"""By scheme, the class that is given a URL, the environment's variables, and how long to wait, if that is said.

It is imported when it is used, and its cloud's library with it.
"""
AT_ONCE = 4
"""Objects, or parts of a large one, that move at the same time."""
_URL = re.compile(r"([a-z0-9]+)://[A-Za-z0-9._-]{1,255}(/.*)?")


class ConflictError(Exception):
    """An object is not, or no longer, what a conditional write expected."""


class ChangedError(BadInputError):
    """An object is not, or no longer, what the listing told."""


class Patience(NamedTuple):
    """Seconds to connect and to read, and how often one request is made at most."""

    connect_s: int
    read_s: int
    attempts: int


@dataclass(frozen=True)
class Object:
    """One object as a listing tells it; `etag` changes with its content, `modified` is in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Content(NamedTuple):
    """A small object, whole; `version` changes whenever it is written, `etag` perhaps only with its content."""

    content: bytes
    etag: str
    version: str


class Bucket(Protocol):
    """The objects below one URL; keys are relative to it."""

    @property
    def url(self) -> str:
        """Return the URL, without a slash at its end."""

    def whole_key(self, one: Object) -> str:
        """Return an object's key in the bucket, with what the URL has of it."""

    def objects(self, under: str = "") -> list[Object]:
        """List all objects whose keys begin with `under`, in the order of their keys."""

    def read(self, key: str) -> Content | None:
        """Return a small object, None when there is none."""

    def write(self, key: str, content: bytes, over: str | None) -> None:
        """Write a small object provided that the one there has the ETag `over` (None: that there is none).

        Raises ConflictError when that is not so; a repeated write whose first answer was lost ends there, too.
        """

    def fetch(self, key: str, target: Path) -> bool:
        """Bring an object as it is now, and tell whether there is one."""

    def download(self, objects: Sequence[Object], folder: Path, within: str = "") -> list[Path]:
        """Bring objects into `folder`, under their keys without the beginning `within`; return where they are.

        Raises ChangedError for one that is not what was listed any longer.
        """

    def upload(self, file: Path, key: str) -> None:
        """Write a file as one object; a killed upload leaves none."""

    def copy(self, one: Object, key: str) -> bool:
        """Copy an object within the bucket, and tell whether it could be: it may be no longer what was listed."""

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects one by one, in the order given; one that is not there is no error."""


def is_bucket(url: str) -> bool:
    """Tell whether a URL is one of a bucket, or below it."""
    return url.partition("://")[0] in BACKENDS


def names_a_bucket(url: str) -> bool:
    """Tell whether a URL is one of a bucket, and names it."""
    found = _URL.fullmatch(url)
    return bool(found and found[1] in BACKENDS)


def open_bucket(url: str, variables: Mapping[str, str] = os.environ, patience: Patience | None = None) -> Bucket:
    """Open the bucket at a URL; nothing is asked of it yet. Without patience, the variables may say how much.

    WrongUsageError if the URL or the variables make no sense.
    """
    scheme = url.partition("://")[0]
    if not names_a_bucket(url):
        raise WrongUsageError(f"{url!r} names no bucket; one is {scheme}://bucket or {scheme}://bucket/prefix.")
    module, _, name = BACKENDS[scheme].partition(":")
    return cast(Bucket, getattr(import_module(module), name)(url, variables, patience))
