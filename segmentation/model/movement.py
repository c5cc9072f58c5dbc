"""What has changed since an earlier snapshot: by what clients did, by who came and left, and by new rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from segmentation.model.personas import PERSONA_NAMES

_NOBODY = len(PERSONA_NAMES)


@dataclass(frozen=True)
class Standing:
    """Some clients' ids, ascending, with persona (an index into PERSONAS) and money spent in the longest window."""

    users: np.ndarray
    persona: np.ndarray
    spent: np.ndarray


def movement(then: Standing, now: Standing, by_old_rules: np.ndarray | None) -> dict[str, Any]:
    """Return the flows between two snapshots, split.

    `by_old_rules` has the personas that the rules of then give to today's clients; None where the rules are the same.
    `moved` and `stayed` go from the persona then to that by the old rules, `relabelled` from there to the persona now.
    """
    between = now.persona if by_old_rules is None else by_old_rules
    both, places_then, places_now = np.intersect1d(then.users, now.users, assume_unique=True, return_indices=True)
    before, spent_before = then.persona[places_then], then.spent[places_then]
    after, ruled, spent_now = now.persona[places_now], between[places_now], now.spent[places_now]
    came = np.setdiff1d(np.arange(len(now.users)), places_now, assume_unique=True)
    left = np.setdiff1d(np.arange(len(then.users)), places_then, assume_unique=True)
    return {
        "clients": len(both),
        "same_rules": by_old_rules is None,
        "moved": _told(before, ruled, spent_before, spent_now),
        "stayed": _told(before, ruled, spent_before, spent_now, same=True),
        "relabelled": _told(ruled, after, spent_now, spent_now),
        "came": _told(np.full(len(came), _NOBODY), now.persona[came], np.zeros(len(came)), now.spent[came]),
        "left": _told(then.persona[left], np.full(len(left), _NOBODY), then.spent[left], np.zeros(len(left))),
    }


def _told(
    before: np.ndarray, after: np.ndarray, spent_before: np.ndarray, spent_after: np.ndarray, *, same: bool = False
) -> dict[str, Any]:
    """Return the clients whose persona differs, or is the `same`, in all and by flow, with their money then and now."""
    flows = [flow for flow in _flows(before, after, spent_before, spent_after) if (flow["then"] == flow["now"]) == same]
    return {"clients": sum(flow["clients"] for flow in flows), "flows": flows}


def _flows(
    before: np.ndarray, after: np.ndarray, spent_before: np.ndarray, spent_after: np.ndarray
) -> Iterator[dict[str, Any]]:
    names = (*PERSONA_NAMES, None)
    pairs = before * len(names) + after
    size = len(names) ** 2
    counts = np.bincount(pairs, minlength=size)
    value_then, value_now = (np.bincount(pairs, spent, minlength=size) for spent in (spent_before, spent_after))
    for pair in np.flatnonzero(counts):
        then, now = divmod(int(pair), len(names))
        yield {
            "then": names[then],
            "now": names[now],
            "clients": int(counts[pair]),
            "value_then": round(float(value_then[pair]), 2),
            "value_now": round(float(value_now[pair]), 2),
        }
