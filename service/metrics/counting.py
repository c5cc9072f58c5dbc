"""What counts as clients read: those that an answer with a body told of."""

from collections.abc import MutableMapping
from typing import Any

from service.common.request import FOUND, UNKNOWN
from service.metrics.metrics import Metrics

_MEMBERS = "menagerie.members"
_TOLD = (200, 404)
"""A 304 tells nothing new, and after a fault of ours nobody has read anything."""


def note_members(environ: MutableMapping[str, Any], members: int) -> None:
    """Keep how many of a persona's clients a request is about; never which."""
    environ[_MEMBERS] = members


def count_read(environ: MutableMapping[str, Any], status: int, metrics: Metrics) -> int | None:
    """Count the clients that an answer told of, and return how many; None when it is about none."""
    if status not in _TOLD or environ["REQUEST_METHOD"] == "HEAD":
        return None
    if FOUND in environ:
        found: int = environ[FOUND]
        metrics.clients(found, environ[UNKNOWN])
        return found
    members: int | None = environ.get(_MEMBERS)
    if members is not None:
        metrics.members.inc(members)
    return members
