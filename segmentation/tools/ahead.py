"""Work on a stream's items in threads, a few ahead of whoever takes the results, in the stream's order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], most: int) -> Iterator[Result]:
    """Yield `work(item)` for each item in order, with at most `most` under way beyond the one that is taken."""
    under_way: deque[Future[Result]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) > most:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
