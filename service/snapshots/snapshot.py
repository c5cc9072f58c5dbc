"""What a snapshot answers, as JSON bytes; all that is the same for a persona's clients is encoded once."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from service.common.problems import UnknownPersonaError
from service.snapshots.better import next_better
from service.snapshots.ids import as_json
from service.snapshots.lookup import Lookup
from service.snapshots.tree import Tree

INCLUDABLE = ("features", "reasons")


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot, opened; never changed."""

    manifest: Mapping[str, Any]
    personas: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    lookup: Lookup
    tree: Tree
    report: bytes
    report_policy: str

    @cached_property
    def id(self) -> str:
        """Return the snapshot's id."""
        return str(self.manifest["id"])

    @cached_property
    def as_of(self) -> date:
        """Return the last day that counted."""
        return date.fromisoformat(self.manifest["as_of"])

    @cached_property
    def as_of_s(self) -> float:
        """Return the seconds from 1970 to the beginning of that day in UTC."""
        return datetime(self.as_of.year, self.as_of.month, self.as_of.day, tzinfo=UTC).timestamp()

    def age_days(self, now_s: float) -> int:
        """Return the days from the as-of date to a moment in seconds since 1970."""
        return (datetime.fromtimestamp(now_s, UTC).date() - self.as_of).days

    def place(self, name: str) -> int:
        """Return where a persona stands in their order, or raise the problem that there is none of that name."""
        for place, persona in enumerate(self.personas):
            if persona["name"] == name:
                return place
        raise UnknownPersonaError(f"The personas are {', '.join(persona['name'] for persona in self.personas)}.")

    @cached_property
    def _dated(self) -> dict[str, str]:
        return {"as_of": self.as_of.isoformat(), "snapshot": self.id}

    @cached_property
    def _before(self) -> list[bytes]:
        return [_members({"persona": p["name"], "label": p["label"], "emoji": p["emoji"]}) for p in self.personas]

    @cached_property
    def _after(self) -> list[bytes]:
        return [_members({"advice": p["advice"], **self._dated}) for p in self.personas]

    def segment(self, user_id: int, include: Collection[str] = (), stale: bool = False) -> bytes | None:
        """Return the answer about one client, None about an unknown one."""
        row = self.lookup.row(user_id)
        if row is None:
            return None
        persona, cluster, _, confidence = self.lookup.answer(row)
        more = b',"stale":true' if stale else b""
        if include:
            more += self._included(row, include)
        return b'{"user_id":%b,%b,"confidence":%b,"cluster":%d,%b%b}' % (
            str(as_json((user_id,))[0]).encode(),
            self._before[persona],
            repr(confidence).encode(),
            cluster,
            self._after[persona],
            more,
        )

    def score(self, features: Mapping[str, Any], stale: bool) -> bytes:
        """Return the answer about a client with these features, who need not be in the snapshot."""
        place, confidence = self.tree.answer(features)
        more = {"confidence": confidence, **self._explained(features)}
        stale_too = b',"stale":true' if stale else b""
        return b"{%b,%b,%b%b}" % (self._before[place], _members(more), self._after[place], stale_too)

    def segments(self, user_ids: Sequence[int], rows: Sequence[int | None], stale: bool) -> bytes:
        """Return the answer about many clients, in the order in which they were asked for, from their rows."""
        known = iter(self.lookup.answers_at([row for row in rows if row is not None]))
        answers = [None if row is None else next(known) for row in rows]
        templates = {answer: self._template(answer) for answer in set(answers)}  # few: one for a leaf and cluster
        told = ",".join([templates[answer] % its for answer, its in zip(answers, as_json(user_ids), strict=True)])
        return b'{"clients":[%b],%b%b}' % (told.encode(), _members(self._dated), b',"stale":true' if stale else b"")

    def _template(self, answer: tuple[int, int, bool, float] | None) -> str:
        """Return what is said of a client with this answer, None for an unknown one, but for its id."""
        if answer is None:
            return '{"user_id":%s,"status":"not_found"}'
        persona, cluster, _, confidence = answer
        told = {"status": "found", "persona": self.personas[persona]["name"], "confidence": confidence}
        return f'{{"user_id":%s,{_members({**told, "cluster": cluster}).decode()}}}'

    def dated(self, answer: Mapping[str, Any], stale: bool) -> bytes:
        """Return an answer about the whole snapshot with its as-of date and id."""
        return b"{%b%b}" % (_members({**answer, **self._dated}), b',"stale":true' if stale else b"")

    def _included(self, row: int, include: Collection[str]) -> bytes:
        features = self.lookup.features_of(row)
        parts: dict[str, Any] = {"features": features} if "features" in include else {}
        if "reasons" in include:
            parts |= self._explained(features)
        return b"," + _members(parts)

    def _explained(self, features: Mapping[str, Any]) -> dict[str, Any]:
        better = next_better(self.tree, self.personas, features, self.metrics)
        return {"reasons": self.tree.reasons(features), "better": better}


def _members(value: Mapping[str, Any]) -> bytes:
    """Encode an object without its braces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()
