"""How many requests a minute an API key may make."""

import math
import time
from functools import cached_property

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from service.problems import TooManyRequestsError


class RequestLimit:
    """Counts in this worker's memory; workers know nothing of each other's, so that each allows its share."""

    def __init__(self, per_minute: int, workers: int) -> None:
        """Allow so many requests a minute together; 0 for any number."""
        self._item = RateLimitItemPerMinute(max(1, per_minute // workers)) if per_minute else None

    def count(self, key_name: str) -> None:
        """Count a request, or raise `TooManyRequestsError` if it is one too many."""
        if self._item is None or self._limiter.hit(self._item, key_name):
            return
        begins_anew_s = self._limiter.get_window_stats(self._item, key_name).reset_time
        raise TooManyRequestsError(max(1, math.ceil(begins_anew_s - time.time())))

    @cached_property
    def _limiter(self) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(MemoryStorage())  # made in the worker: it has a thread of its own
