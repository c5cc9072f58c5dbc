"""The clients of a persona: in pages, or all of them as one stream in constant memory."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from contract.snapshot import SNAPSHOT_ID
from service.common.problems import BadCursorError, ExpiredCursorError
from service.snapshots.ids import as_json
from service.snapshots.snapshot import Snapshot


def page(snapshot: Snapshot, persona: int, cursor: str | None, limit: int, stale: bool) -> tuple[bytes, int]:
    """Return the answer with the members from a cursor on, ascending by user id, and how many they are."""
    first = _row(snapshot, persona, cursor) if cursor is not None else 0
    rows = list(islice(chain.from_iterable(snapshot.lookup.rows_of(persona, first)), limit + 1))
    following = _cursor(snapshot.id, persona, rows.pop()) if len(rows) > limit else None
    members = ",".join(_filled(snapshot, _JSON_LINE, rows, is_json=True))
    about = {"persona": snapshot.personas[persona]["name"], "next_cursor": following}
    return b'{"clients":[%b],%b' % (members.encode(), snapshot.dated(about, stale)[1:]), len(rows)


def _cursor(snapshot_id: str, persona: int, row: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([snapshot_id, persona, row]).encode()).decode().rstrip("=")


def _row(snapshot: Snapshot, persona: int, cursor: str) -> int:
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        snapshot_id, of_persona, row = told
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursorError from error
    if cursor != _cursor(snapshot_id, persona, row) or of_persona != persona or type(row) is not int or row < 0:
        raise BadCursorError
    if not isinstance(snapshot_id, str) or not SNAPSHOT_ID.fullmatch(snapshot_id):
        raise BadCursorError
    if snapshot_id != snapshot.id:
        raise ExpiredCursorError(snapshot_id)
    return row


_JSON_LINE = '{{"user_id":%s,"persona":"{}","cluster":{},"confidence":{!r}}}'


def _filled(snapshot: Snapshot, template: str, rows: list[int], is_json: bool) -> Iterator[str]:
    """Yield a line for each client; those of one leaf and cluster differ in their id alone."""
    lookup = snapshot.lookup
    shared: dict[tuple[int, int, bool, float], str] = {}
    user_ids = lookup.ids_at(rows)
    for user_id, answer in zip(as_json(user_ids) if is_json else user_ids, lookup.answers_at(rows), strict=True):
        line = shared.get(answer)
        if line is None:
            persona, cluster, _, confidence = answer
            line = shared[answer] = template.format(snapshot.personas[persona]["name"], cluster, confidence)
        yield line % user_id


@dataclass(frozen=True)
class Format:
    """A kind of file: `template` takes persona, cluster and confidence, and then the user id."""

    content_type: str
    head: str
    template: str

    def pieces(self, snapshot: Snapshot, persona: int) -> Iterator[bytes]:
        """Yield the file of a persona's members, ascending by user id."""
        yield self.head.encode()
        for rows in snapshot.lookup.rows_of(persona):
            if rows:
                yield "".join(_filled(snapshot, self.template, rows, is_json=not self.head)).encode()


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", "user_id,persona,cluster,confidence\n", "%s,{},{},{!r}\n"),
    "ndjson": Format("application/x-ndjson", "", f"{_JSON_LINE}\n"),
}
