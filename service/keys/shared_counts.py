"""Counts in memory that all workers share, in windows of time that begin anew by the clock."""

import mmap
import threading
import time
from collections.abc import Callable
from zlib import crc32

_COLUMNS = 2**16
"""Keys are told apart by a hash: of twenty, two share a limit in one installation of three hundred."""

_WINDOW, _COUNT, _CELL = 0, 1, 2


class SharedCounts:
    """Counts in windows of one length; each worker writes its own cells alone, so that none ever waits for another."""

    def __init__(self, window_s: int, workers: int, place: Callable[[], int]) -> None:
        """Make room, before the workers are made; `place` tells in a worker which of them it is."""
        self._window_s = window_s
        self._places = workers + 1
        self._place = place
        self._cells = memoryview(mmap.mmap(-1, _COLUMNS * self._places * _CELL * 8)).cast("q")
        self._counting = threading.Lock()  # for the threads of this worker

    def add(self, key: str, amount: int) -> int:
        """Count, and return the count of all workers in this window."""
        first = self._first(key)
        own, window = first + self._place() % self._places * _CELL, self._window()
        cells = self._cells
        with self._counting:
            if cells[own + _WINDOW] != window:
                cells[own + _COUNT] = 0  # first, or another worker could take the last window's count for this one's
                cells[own + _WINDOW] = window
            cells[own + _COUNT] += amount
        return self._total(first, window)

    def count(self, key: str) -> int:
        """Return the count of all workers in this window."""
        return self._total(self._first(key), self._window())

    def window_ends_s(self) -> int:
        """Return when this window ends, in seconds since 1970."""
        return (self._window() + 1) * self._window_s

    def _first(self, key: str) -> int:
        return crc32(key.encode()) % _COLUMNS * self._places * _CELL

    def _window(self) -> int:
        return int(time.time()) // self._window_s

    def _total(self, first: int, window: int) -> int:
        cells = self._cells
        places = range(first, first + self._places * _CELL, _CELL)
        return sum(cells[place + _COUNT] for place in places if cells[place + _WINDOW] == window)
