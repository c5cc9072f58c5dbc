"""What can be done to a request on its way to S3 and back, and to which requests."""

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What can be done to a request."""

    CUT_BEFORE = "connection cut before the server sees the request"
    CUT_AFTER = "connection cut once the server has done it"
    CUT_UPLOAD = "connection cut in the middle of the request's body"
    CUT_DOWNLOAD = "connection cut in the middle of the answer's body"
    LATE = "no answer before the client gives up, though the server has done it"
    BUSY = "503 SlowDown"
    BROKEN = "500 InternalError"
    FLIPPED = "a bit of the answer's body flipped"
    CONFLICT = "409 ConditionalRequestConflict, though the object is as it was"


REFUSALS = {Fault.BUSY: 503, Fault.BROKEN: 500, Fault.CONFLICT: 409}


class Moment(StrEnum):
    """When a request is held."""

    BEFORE = "before the server sees it"
    HALF = "once the server has half of its body"
    DONE = "once the server has done it, before the answer"


@dataclass
class Hold:
    """Stop a request until it may go on."""

    moment: Moment = Moment.BEFORE
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


Plan = Callable[[str, str], Fault | Hold | None]
"""What to do to the request of a method and a path (with its query)."""


@dataclass(frozen=True)
class Seen:
    """A request, and the fault that it met."""

    method: str
    path: str
    fault: Fault | None = None


def undisturbed(_method: str, _path: str) -> None:
    """Let every request pass."""


def from_the(nth: int, fault: Fault | Hold, pattern: str = "", times: float = 1) -> Plan:
    """Do something to the n-th request (from 1) whose "METHOD path" has the pattern, and to the `times` - 1 next."""
    count, lock = 0, threading.Lock()

    def plan(method: str, path: str) -> Fault | Hold | None:
        nonlocal count
        with lock:
            count += bool(re.search(pattern, f"{method} {path}"))
            hit = nth <= count < nth + times and re.search(pattern, f"{method} {path}")
        return fault if hit else None

    return plan


def at_random(seed: int, share: float, *faults: Fault) -> Plan:
    """Do one of the faults to about this share of all requests."""
    rng, lock = random.Random(seed), threading.Lock()

    def plan(_method: str, _path: str) -> Fault | None:
        with lock:
            return rng.choice(faults) if rng.random() < share else None

    return plan
