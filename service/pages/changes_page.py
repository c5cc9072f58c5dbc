"""The page that shows what has changed since another snapshot."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from flask import Response, request

from service.common.problems import (
    ComparingError,
    DamagedSnapshotError,
    NoPreviousError,
    ProblemError,
    StoreUnreachableError,
    UnknownSnapshotError,
)
from service.pages.language import Wording, wording_of
from service.pages.pages import Pages
from service.pages.sankey import sankey
from service.snapshots.changes import Changes, Flow
from service.snapshots.snapshot import Snapshot

_TOLD_HERE = (ComparingError, DamagedSnapshotError, NoPreviousError, StoreUnreachableError, UnknownSnapshotError)
_NO_FAULT = (ComparingError, NoPreviousError)
_TOP = 58.0
"""Room above the bars for the dates, and for what a ribbon says."""
_WIDE = (1000.0, 130.0)
_NARROW = (360.0, 108.0)
"""Width and margins of the diagram on a desk and on a phone."""
_MOST_LINKED = 12
"""Of the ribbons, the largest can be reached by keyboard; the table has them all."""


class ChangesPage:
    """Who moved since another snapshot: in a sentence, as a Sankey diagram, and in a table."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def changes(self) -> Response:
        """Show it, or say why it cannot be shown."""
        snapshot = self._pages.answering.snapshot()
        try:
            found = self._pages.answering.changes(snapshot, request.args.get("with"))
        except _TOLD_HERE as problem:
            return self._instead(problem)
        return self._pages.page("changes.html", **_shown(snapshot, found, wording_of(request)))

    def _instead(self, problem: ProblemError) -> Response:
        status = HTTPStatus.OK if isinstance(problem, _NO_FAULT) else problem.status
        damaged = problem.snapshot_id if isinstance(problem, DamagedSnapshotError) else None
        answer = self._pages.page("no_changes.html", status, kind=problem.kind, damaged=damaged)
        if isinstance(problem, ComparingError):
            answer.headers["Refresh"] = problem.headers["Retry-After"]
        return answer


def _shown(snapshot: Snapshot, found: Changes, words: Wording) -> dict[str, Any]:
    personas = {persona["name"]: persona for persona in snapshot.personas}
    labels = {name: words.of(persona["label"]) for name, persona in personas.items()}
    return {
        "found": found,
        "personas": personas,
        "summary": summary(found, labels, words),
        "warning": warning(found, snapshot.as_of, words),
        "drawings": [
            (kind, sankey(found.flows, list(personas), *size, _TOP))
            for kind, size in (("wide", _WIDE), ("narrow", _NARROW))
        ],
        "linked": found.moved[:_MOST_LINKED],
    }


def summary(found: Changes, labels: Mapping[str, str], words: Wording) -> str:
    """Return one sentence about who moved, came and left, and the largest move with its money."""
    moved, stayed, came, left = (_count(flows) for flows in (found.moved, found.stayed, found.came, found.left))
    day, both = words.date(found.other_as_of), moved + stayed
    share = words.percent(moved / both if both else 0)
    return words.say(
        f"Compared with {day}, {words.whole(moved)} of {words.whole(both)} clients ({share}) changed persona, "
        f"{words.whole(came)} came and {words.whole(left)} left",
        f"Par rapport au {day}, {_french(moved, words, 'client')} sur {words.whole(both)} ({share}) "
        f"{'a' if moved < 2 else 'ont'} changé de persona, {_french(came, words, 'est arrivé', 'sont arrivés')} "
        f"et {_french(left, words, 'est parti', 'sont partis')}",
    ) + (_largest(found, labels, words) if moved else ".")


def warning(found: Changes, as_of: date, words: Wording) -> str:
    """Return one sentence for windows that begin before there are events: their money is no whole 7 months'."""
    days = [words.date(day) for day, late in zip((found.other_as_of, as_of), found.late, strict=True) if late]
    if not days:
        return ""
    first = words.date(max(late for late in found.late if late))
    ends = words.say(" and ", " et au ").join(days)
    return words.say(
        f"Compare with care: there are events from {first} only, so the 7 months up to {ends} are not complete, and "
        "what was spent, who came and who left may differ for that reason alone.",
        f"À comparer avec prudence : il n’y a d’événements qu’à partir du {first}, les 7 mois jusqu’au {ends} ne sont "
        "donc pas complets ; dépenses, arrivées et départs peuvent différer pour cette seule raison.",
    )


def _french(count: int, words: Wording, one: str, many: str = "") -> str:
    """Return a count with its words, which are those for one up to below two."""
    return f"{words.whole(count)} {one if count < 2 else many or f'{one}s'}"


def _largest(found: Changes, labels: Mapping[str, str], words: Wording) -> str:
    flow, full = found.moved[0], not any(found.late)
    then, now = labels[flow.then or ""], labels[flow.now or ""]
    count, before, after = words.whole(flow.clients), words.whole(flow.value_then), words.whole(flow.value_now)
    of = "d’" if then[0] in "AEÉIOUY" else "de "
    return words.say(
        f"; the largest group, {count}, went from {then} to {now}"
        + (f", and its spending over 7 months from {before} to {after}." if full else "."),
        f" ; le plus grand groupe ({count}) est passé {of}{then} à {now}"
        + (f", et ses dépenses sur 7 mois de {before} à {after}." if full else "."),
    )


def _count(flows: list[Flow]) -> int:
    return sum(flow.clients for flow in flows)
