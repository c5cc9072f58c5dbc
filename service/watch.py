"""What a process does beside the requests: it follows the store and the API keys, and tells its snapshot's age."""

import threading
import time
from collections.abc import Callable

from service.common.log import JsonLog, described
from service.keys.keys import Keys
from service.snapshots.provider import Provider

_TELL_EVERY_S = 60.0
_LONGEST_WAIT_S = 15.0
"""Between two attempts at a store that fails: a full disk must not mean a download a second."""


class Watch:
    """A thread for each, because a long download must not silence the log; `clock` gives the seconds since 1970."""

    def __init__(self, provider: Provider, keys: Keys, log: JsonLog, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._keys = keys
        self._log = log
        self._clock = clock
        self._failures = 0

    def start(self) -> None:
        """Begin, in a process that will not fork any more; before it answers, it knows what others have learnt."""
        self._keys.follow()
        for work in (self.follow, self.tell_age, self._keys.follow):
            threading.Thread(target=self._repeat, args=(work,), daemon=True, name=work.__name__).start()

    def follow(self) -> float:
        """Look at the store once; return the seconds until the next look, more after each failure in a row."""
        before = self._provider.current()
        self._failures = 0 if self._provider.follow() else self._failures + 1
        self._provider.metrics.swaps.inc(before is not None and self._provider.current() is not before)
        if snapshot := self._provider.current():
            self._provider.metrics.serving(snapshot.id, snapshot.as_of)
        self._provider.metrics.reaching(not self._provider.unreachable)
        return min(self._provider.check_every_s * 2.0 ** min(self._failures, 10), _LONGEST_WAIT_S)

    def adopt(self) -> None:
        """Keep up with the workers, in the master process."""
        self._provider.adopt()

    def tell_age(self) -> float:
        """Log the age of the snapshot served; return the seconds until it should be told again."""
        snapshot = self._provider.current()
        if snapshot is None:
            return self._provider.check_every_s
        age_days = snapshot.age_days(self._clock())
        self._log.event("info", "snapshot age", snapshot=snapshot.id, age_days=age_days)
        return _TELL_EVERY_S

    def _repeat(self, work: Callable[[], float]) -> None:
        while True:
            try:
                wait_s = work()
            except Exception as error:  # unforeseen; nobody else would notice that this had ended
                self._log.event("error", "failed", exception=described(error))
                wait_s = _LONGEST_WAIT_S
            time.sleep(wait_s)
