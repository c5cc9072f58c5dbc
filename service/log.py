"""The log: one JSON object a line on standard error, and never a user id.

A route stands in it as its template, and an error as its type and its frames: the message of an error may
repeat what the caller sent.
"""

import json
import os
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STANDARD_ERROR = 2


def to_standard_error(line: bytes) -> None:
    """Write a line in one call, so that those of several processes do not mix."""
    try:
        os.write(_STANDARD_ERROR, line)
    except OSError:  # nobody reads the log any more; answering matters more
        return


class JsonLog:
    """Writes events from a level up."""

    def __init__(self, level: str, write: Callable[[bytes], None] = to_standard_error) -> None:
        self._least = LEVELS[level]
        self._write = write
        self._tells_requests = self._least <= LEVELS["info"]

    def event(self, level: str, message: str, **fields: Any) -> None:
        """Log something that happened."""
        if LEVELS[level] >= self._least:
            line = {"time": _now(), "level": level, "message": message, **fields}
            self._write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def request(self, request_id: str, method: str, route: str, status: int, duration_ms: float) -> None:
        """Log one answered request; `route` is a template of ours, never the path that was asked for."""
        if self._tells_requests:
            known = method if method in _METHODS else "other"
            self._write(
                f'{{"time": "{_now()}", "level": "info", "message": "request", "request_id": "{request_id}", '
                f'"method": "{known}", "route": "{route}", "status": {status}, '
                f'"duration_ms": {duration_ms:.3f}}}\n'.encode()
            )


def described(error: BaseException) -> dict[str, Any]:
    """Return an exception's type and where it came from, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        "frames": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
