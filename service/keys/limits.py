"""How many requests a minute an API key may make."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from service.common.problems import TooManyRequestsError
from service.keys.shared_counts import SharedCounts
from service.metrics.shared_metrics import place_number


class RequestLimit:
    """A limit that all workers count towards together; to be made before they are."""

    def __init__(self, per_minute: int, workers: int) -> None:
        """Allow so many requests a minute; 0 for any number."""
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        if self._item:
            self._limiter = FixedWindowRateLimiter(SharedCounts(self._item.get_expiry(), workers, place_number))

    def count(self, key_name: str) -> None:
        """Count a request, or raise `TooManyRequestsError` if it is one too many."""
        if self._item is None or self._limiter.hit(self._item, key_name):
            return
        begins_anew_s = self._limiter.get_window_stats(self._item, key_name).reset_time
        raise TooManyRequestsError(max(1, math.ceil(begins_anew_s - time.time())))
