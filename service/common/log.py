"""The log: one JSON object a line on standard error, and never a user id.

A route stands in it as its template, and an error as its type and its frames: the message of an error may
repeat what the caller sent.
"""

import atexit
import json
import os
import select
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STANDARD_ERROR = 2

_AT_ONCE = select.PIPE_BUF
"""So many bytes written at once are never torn apart in a pipe; no line about a request is longer."""

_MOST_WAITING = 65_536
"""About 12 MB: minutes of requests that nobody reads. Further ones are counted only, so that memory lasts."""

_GATHER_S = 0.1
"""To write lets go of the interpreter's lock, which at every request costs a tenth of all requests a second."""


def to_standard_error(line: bytes) -> None:
    """Write a line in one call, so that those of several processes do not mix."""
    try:
        os.write(_STANDARD_ERROR, line)
    except OSError:  # nobody reads the log any more; answering matters more
        return


class JsonLog:
    """Writes events from a level up; lines about requests gather for a moment and are written together."""

    def __init__(self, level: str, write: Callable[[bytes], None] = to_standard_error) -> None:
        self._least = LEVELS[level]
        self._write = write
        self._tells_requests = self._least <= LEVELS["info"]
        self._clock = _Clock()
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._dropping = threading.Lock()
        self._writer: threading.Thread | None = None

    def event(self, level: str, message: str, **fields: Any) -> None:
        """Log something that happened."""
        if LEVELS[level] >= self._least:
            line = {"time": self._clock(), "level": level, "message": message, **fields}
            self._write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def audit(self, request_id: str, key_name: str | None, route: str, clients: int) -> None:
        """Log who read how many clients, whatever the level and at once, so that nobody's kill loses it."""
        fields = {"request_id": request_id, "key": key_name, "route": route, "clients": clients}
        line = {"time": self._clock(), "level": "info", "message": "read", **fields}
        self._write(json.dumps(line).encode() + b"\n")

    def request(  # noqa: PLR0913, PLR0917 (an object made of them would cost every request)
        self, request_id: str, method: str, route: str, status: int, duration_ms: float, key_name: str | None = None
    ) -> None:
        """Log one answered request; `route` is a template of ours, never the path asked for, `method` a known one.

        The name of a key holds nothing that JSON would escape.
        """
        if not self._tells_requests:
            return
        if len(self._waiting) >= _MOST_WAITING:
            with self._dropping:
                self._dropped += 1
        else:
            whose = f', "key": "{key_name}"' if key_name else ""
            self._waiting.append(
                f'{{"time": "{self._clock()}", "level": "info", "message": "request", '
                f'"request_id": "{request_id}", "method": "{method}", "route": "{route}", "status": {status}, '
                f'"duration_ms": {duration_ms:.3f}{whose}}}\n'
            )
            if self._writer is None:
                self._start_writer()

    def flush(self) -> None:
        """Write the lines about requests that still wait, as many at once as a pipe keeps together."""
        lines: list[str] = []
        size = 0
        while self._waiting:
            line = self._waiting.popleft()
            if size + len(line) > _AT_ONCE:
                self._write("".join(lines).encode("ascii"))
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        if lines:
            self._write("".join(lines).encode("ascii"))
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        with self._dropping:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self.event("warning", "requests not logged", count=dropped)

    def _start_writer(self) -> None:
        self._writer = threading.Thread(target=self._flush_for_ever, daemon=True, name="log")
        self._writer.start()
        atexit.register(self.flush)

    def _flush_for_ever(self) -> None:
        while True:
            time.sleep(_GATHER_S)
            self.flush()


def described(error: BaseException) -> dict[str, Any]:
    """Return an exception's type and where it came from, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        "frames": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


class _Clock:
    """Tells the time in UTC; writes down all but the milliseconds once a second only."""

    def __init__(self) -> None:
        self._told = (-1, "")

    def __call__(self) -> str:
        now_s = time.time()
        second, text = self._told
        if int(now_s) != second:
            second = int(now_s)
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._told = (second, text)
        return f"{text}.{int((now_s - second) * 1000):03d}Z"
