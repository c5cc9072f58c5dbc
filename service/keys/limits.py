"""How much an API key may ask for, in a minute and in a day, and when it asks as if it tried out ids."""

import math
import time
from collections.abc import Callable
from typing import Any

from service.common.log import JsonLog
from service.common.problems import TooManyRequestsError
from service.common.request import COUNT_CLIENTS
from service.common.settings import Settings
from service.keys.shared_counts import SharedCounts
from service.metrics.metrics import Metrics
from service.metrics.shared_metrics import place_number

_MINUTE_S, _DAY_S = 60, 86_400
_UNKNOWN_COUNTS = 5
"""An id that nobody has counts as so many clients: who knows whom they ask for seldom has one, who tries has most."""
_SMALLEST_SHOP = 10_000
"""Clients; a smaller one's visitors are not so few."""


class Limits:
    """Limits that all workers count towards together; to be made before they are.

    A request counts as the clients that it asks for, and as one at the least.
    """

    def __init__(self, settings: Settings, clients: Callable[[], int], log: JsonLog, metrics: Metrics) -> None:
        """Allow what the settings say; `clients` tells how many the snapshot served has."""
        self._per_minute, self._daily_budget = settings.requests_per_minute, settings.daily_budget
        self._clients, self._log, self._metrics = clients, log, metrics
        self._minute, self._day, self._unknown = (
            SharedCounts(window_s, settings.workers, place_number) for window_s in (_MINUTE_S, _DAY_S, _DAY_S)
        )

    def begin(self, key: str, environ: dict[str, Any]) -> None:
        """Let a request be answered, and count what it asks for, or raise `TooManyRequestsError`."""
        for counts, most in self._bounds():
            if counts.count(key) >= most:
                raise TooManyRequestsError(_left_s(counts))

        def count(found: int, unknown: int) -> None:
            del environ[COUNT_CLIENTS]
            self._count(key, found, unknown)

        environ[COUNT_CLIENTS] = count

    def end(self, environ: dict[str, Any]) -> None:
        """Count a request that asked for no client."""
        if COUNT_CLIENTS in environ:
            environ[COUNT_CLIENTS](1, 0)

    def _count(self, key: str, found: int, unknown: int) -> None:
        asked = max(found + _UNKNOWN_COUNTS * unknown, 1)
        over = [counts for counts, most in self._bounds() if counts.add(key, asked) > most]
        if unknown:
            tried, usual = self._unknown.add(key, unknown), max(self._clients(), _SMALLEST_SHOP)
            if tried - unknown < usual <= tried:
                self._metrics.enumerations.inc()
                self._log.event("warning", "a key asks for more ids that nobody has than there are clients", key=key)
        if over:
            raise TooManyRequestsError(max(_left_s(counts) for counts in over))

    def _bounds(self) -> list[tuple[SharedCounts, int]]:
        bounds = [(self._minute, self._per_minute)] if self._per_minute else []
        if self._daily_budget:
            bounds.append((self._day, self._daily_budget * max(self._clients(), _SMALLEST_SHOP)))
        return bounds


def _left_s(counts: SharedCounts) -> int:
    return max(1, math.ceil(counts.window_ends_s() - time.time()))
