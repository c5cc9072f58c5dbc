"""What is kept of a request while it is answered, in its WSGI environment."""

import re
from random import getrandbits
from typing import Any

REQUEST_ID = "menagerie.request_id"
STARTED_S = "menagerie.started_s"
KEY_NAME = "menagerie.key_name"
FOUND = "menagerie.found"
COUNT_CLIENTS = "menagerie.count_clients"
"""Where the key has limits: what counts found and unknown clients towards them, or raises."""
UNKNOWN = "menagerie.unknown"

_ACCEPTED_ID = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=\d*[a-f])([0-9a-f]{16}|[0-9a-f]{32})|(?=\d*[a-z])[0-9a-hjkmnp-tv-z]{26}",
    re.ASCII | re.IGNORECASE,
)
"""What a caller may name its request: a UUID, 8 or 16 bytes in hexadecimal (as traces have), a ULID.

The id goes into the log, and none of these is a user id or an API key.
"""


def request_id(sent: str | None) -> str:
    """Return the id that the caller gave its request, or a new one if it gave none or none that can be logged."""
    if sent is not None and _ACCEPTED_ID.fullmatch(sent):
        return sent
    return f"{getrandbits(64):016x}"


def note_clients(environ: dict[str, Any], found: int, unknown: int = 0) -> None:
    """Keep how many clients a request was about, for limits, metrics and audit; never which.

    Raise TooManyRequestsError if they are more than its key may ask for: before anything is told of them.
    """
    if COUNT_CLIENTS in environ:
        environ[COUNT_CLIENTS](found, unknown)
    environ[FOUND] = found
    environ[UNKNOWN] = unknown
