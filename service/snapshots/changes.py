"""What has changed between two snapshots: how many clients went from which persona to which, and their money."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from service.snapshots.coverage import begins_late
from service.snapshots.lookup import Lookup
from service.snapshots.snapshot import Snapshot

_ROWS_AT_ONCE = 16_384
_PAUSE_S = 0.0001
"""Between two chunks, each a millisecond or so, to let requests have the interpreter's lock."""

_Sums = npt.NDArray[np.float64]
_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """Clients that had persona `then` and have persona `now`, None for those not in that snapshot.

    The values are what they had spent in the 7 months before each snapshot, together: 0 where they are not.
    """

    then: str | None
    now: str | None
    clients: int
    value_then: float
    value_now: float


@dataclass(frozen=True)
class Changes:
    """All flows between another snapshot and the one served, those without a client left out.

    `flows` are what clients did, by the rules of then, and `relabelled` whom new rules alone gave another persona.
    `same_rules` is None where that cannot be told apart: then `flows` are both. `others` are all with which the one
    served can be compared, the latest first. `late` are the days of the first event
    then and now, each None unless the 7 months begin well before it.
    """

    other: str
    other_as_of: date
    flows: tuple[Flow, ...]
    others: tuple[str, ...]
    late: tuple[date | None, date | None]
    same_rules: bool | None = None
    relabelled: tuple[Flow, ...] = ()
    between: "Between | None" = None
    """Who the clients of the flows are; None where the rules differ: whom the old ones would give what is not kept."""

    @property
    def moved(self) -> list[Flow]:
        """Return the flows of clients in both snapshots whose persona changed, the largest first."""
        return _largest_first(flow for flow in self.flows if flow.then and flow.now and flow.then != flow.now)

    @property
    def stayed(self) -> list[Flow]:
        """Return the flows of clients whose persona stayed, the largest first."""
        return _largest_first(flow for flow in self.flows if flow.then == flow.now)

    @property
    def came(self) -> list[Flow]:
        """Return the flows of clients who are in the snapshot served only, the largest first."""
        return _largest_first(flow for flow in self.flows if not flow.then)

    @property
    def left(self) -> list[Flow]:
        """Return the flows of clients who are in the other snapshot only, the largest first."""
        return _largest_first(flow for flow in self.flows if not flow.now)


@dataclass(frozen=True)
class Between:
    """The clients of two snapshots, whose personas have these names."""

    then: Lookup
    names_then: Sequence[str]
    now: Lookup
    names_now: Sequence[str]

    def clients(self, flow: Flow) -> Iterator[list[int]]:
        """Yield the ids of a flow's clients, ascending, a handful at a time."""
        before = self.names_then.index(flow.then) if flow.then else len(self.names_then)
        after = self.names_now.index(flow.now) if flow.now else len(self.names_now)
        shape = len(self.names_then) + 1, len(self.names_now) + 1
        for part_then, part_now in _chunks(self.then, self.now):
            ids, (was, then_is), _ = _aligned(self.then, self.now, part_then, part_now, shape)
            yield ids[(was == before) & (then_is == after)].tolist()


def _largest_first(flows: Iterable[Flow]) -> list[Flow]:
    return sorted(flows, key=lambda flow: -flow.clients)


def changes(then: Snapshot, now: Snapshot, others: Iterable[str]) -> Changes:
    """Compare two snapshots of several, in time and memory that do not keep requests waiting."""
    late = begins_late(then.metrics, then.as_of), begins_late(now.metrics, now.as_of)
    movement = now.metrics.get("movement", {})
    if movement.get("since") == then.id and not movement["same_rules"]:
        did, relabelled = (
            tuple(Flow(**flow) for name in names for flow in movement[name]["flows"])
            for names in (("moved", "stayed", "came", "left"), ("relabelled",))
        )
        return Changes(then.id, then.as_of, did, tuple(others), late, same_rules=False, relabelled=relabelled)
    names_then, names_now = ([persona["name"] for persona in snapshot.personas] for snapshot in (then, now))
    found = tuple(flows(then.lookup, names_then, now.lookup, names_now))
    between = Between(then.lookup, names_then, now.lookup, names_now)
    same_rules = _same_rules(then, now)
    return Changes(then.id, then.as_of, found, tuple(others), late, same_rules=same_rules, between=between)


def _same_rules(then: Snapshot, now: Snapshot) -> bool | None:
    """Tell whether both snapshots have one model; None where they have two, or an older one does not say which."""
    ids = {snapshot.metrics.get("model", {}).get("id") for snapshot in (then, now)}
    return True if len(ids) == 1 and None not in ids else None


def flows(then: Lookup, names_then: Sequence[str], now: Lookup, names_now: Sequence[str]) -> Iterator[Flow]:
    """Yield the flows between the clients then and now, whose personas have these names."""
    clients, value_then, value_now = _sums(then, now, (len(names_then) + 1, len(names_now) + 1))
    for i, before in enumerate((*names_then, None)):
        for j, after in enumerate((*names_now, None)):
            if clients[i, j]:
                yield Flow(before, after, int(clients[i, j]), round(value_then[i, j], 2), round(value_now[i, j], 2))


def _sums(then: Lookup, now: Lookup, shape: tuple[int, int]) -> tuple[_Sums, _Sums, _Sums]:
    """Return clients, value then and value now by persona then (rows) and now; the last of each stands for none."""
    clients, value_then, value_now = (np.zeros(shape) for _ in range(3))
    for part_then, part_now in _chunks(then, now):
        _, (persona_then, persona_now), (money_then, money_now) = _aligned(then, now, part_then, part_now, shape)
        pairs = persona_then * shape[1] + persona_now
        for sums, weights in ((clients, None), (value_then, money_then), (value_now, money_now)):
            np.add(sums, np.bincount(pairs, weights, minlength=sums.size).reshape(shape), out=sums)
        time.sleep(_PAUSE_S)
    return clients, value_then, value_now


def _chunks(of_then: Lookup, of_now: Lookup) -> Iterator[tuple[slice, slice]]:
    """Yield slices of two lookups that hold the same range of ids, each of at most so many rows."""
    then, now = of_then.user_ids, of_now.user_ids
    i = j = 0
    while i < len(then) or j < len(now):
        of_then.held.check()
        of_now.held.check()
        ends = [ids[at + _ROWS_AT_ONCE] for ids, at in ((then, i), (now, j)) if at + _ROWS_AT_ONCE < len(ids)]
        to_i, to_j = (
            at + int(np.searchsorted(ids[at : at + _ROWS_AT_ONCE], min(ends))) if ends else len(ids)
            for ids, at in ((then, i), (now, j))
        )
        yield slice(i, to_i), slice(j, to_j)
        i, j = to_i, to_j


def _aligned(
    then: Lookup, now: Lookup, part_then: slice, part_now: slice, shape: tuple[int, int]
) -> tuple[_Ids, tuple[_Ids, _Ids], tuple[_Sums, _Sums]]:
    """Return the ids of every client in either chunk, once, and their personas and money then and now."""
    ids = np.union1d(then.user_ids[part_then], now.user_ids[part_now])
    personas, money = [], []
    for lookup, part, nobody in ((then, part_then, shape[0] - 1), (now, part_now, shape[1] - 1)):
        places = np.searchsorted(ids, lookup.user_ids[part])
        persona = np.full(len(ids), nobody)
        persona[places] = lookup.answers["persona"][part]
        value = np.zeros(len(ids))
        value[places] = lookup.features["total_purchase_value"][part]
        personas.append(persona)
        money.append(value)
    return ids, (personas[0], personas[1]), (money[0], money[1])
