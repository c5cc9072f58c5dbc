"""Files of many clients, a few at a time: each takes a thread for as long as its caller reads."""

from threading import BoundedSemaphore

from flask import Response

from service.common.problems import TooManyExportsError


class Exports:
    """The files that a worker sends at the same time; half of its threads are never sending any."""

    def __init__(self, threads: int) -> None:
        self._free = BoundedSemaphore(max(threads // 2, 1))

    def begin(self, response: Response) -> Response:
        """Let a file be sent, or raise `TooManyExportsError`."""
        if not self._free.acquire(blocking=False):
            raise TooManyExportsError
        response.call_on_close(self._free.release)
        return response
