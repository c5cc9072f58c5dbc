"""The page that shows what has changed since another snapshot."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from itertools import chain, islice
from typing import Any

from flask import Response, request
from werkzeug.datastructures import MultiDict

from languages import Language
from service.answers.parameters import parsed_flow
from service.common.problems import (
    ComparingError,
    DamagedSnapshotError,
    NoPreviousError,
    OtherRulesError,
    ProblemError,
    StoreUnreachableError,
    UnknownSnapshotError,
)
from service.common.request import note_clients
from service.pages.language import PARAMETER, language_of
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
_FIRST_MEMBERS = 20
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
        return self._pages.page("changes.html", **_shown(snapshot, found, language_of(request)))

    def clients(self) -> Response:
        """Show the first clients of one flow, and where to download them all."""
        snapshot = self._pages.answering.snapshot()
        asked = parsed_flow(MultiDict((name, value) for name, value in request.args.items() if name != PARAMETER))
        for name in filter(None, (asked.then, asked.now)):
            snapshot.place(name)
        try:
            found = self._pages.answering.changes(snapshot, asked.other)
        except _TOLD_HERE as problem:
            return self._instead(problem)
        if found.between is None:
            return self._instead(OtherRulesError())
        flow = next((flow for flow in found.flows if (flow.then, flow.now) == (asked.then, asked.now)), None)
        members = list(islice(chain.from_iterable(found.between.clients(flow)), _FIRST_MEMBERS)) if flow else []
        note_clients(request.environ, len(members))
        personas = {persona["name"]: persona for persona in snapshot.personas}
        return self._pages.page("flow.html", found=found, flow=flow, asked=asked, personas=personas, members=members)

    def _instead(self, problem: ProblemError) -> Response:
        status = HTTPStatus.OK if isinstance(problem, _NO_FAULT) else problem.status
        damaged = problem.snapshot_id if isinstance(problem, DamagedSnapshotError) else None
        answer = self._pages.page("no_changes.html", status, kind=problem.kind, damaged=damaged)
        if isinstance(problem, ComparingError):
            answer.headers["Refresh"] = problem.headers["Retry-After"]
        return answer


def _shown(snapshot: Snapshot, found: Changes, say: Language) -> dict[str, Any]:
    personas = {persona["name"]: persona for persona in snapshot.personas}
    labels = {name: say.of(persona["label"]) for name, persona in personas.items()}
    return {
        "found": found,
        "personas": personas,
        "summary": summary(found, labels, say),
        "rules": rules(found, say),
        "warning": warning(found, snapshot.as_of, say),
        "drawings": [
            (kind, sankey(found.flows, list(personas), *size, _TOP))
            for kind, size in (("wide", _WIDE), ("narrow", _NARROW))
        ],
        "linked": found.moved[:_MOST_LINKED],
    }


def summary(found: Changes, labels: Mapping[str, str], say: Language) -> str:
    """Return one sentence about who moved, came and left, and one about the largest move with its money."""
    moved, stayed, came, left = (_count(flows) for flows in (found.moved, found.stayed, found.came, found.left))
    both = moved + stayed
    said = say.gettext(
        "Compared with {day}: {moved} of {both} clients ({share}) changed persona, {came} came, {left} left.",
        day=say.day(found.other_as_of),
        moved=say.whole(moved),
        both=say.whole(both),
        share=say.percent(moved / both if both else 0),
        came=say.whole(came),
        left=say.whole(left),
    )
    return f"{said} {_largest(found, labels, say)}" if moved else said


def rules(found: Changes, say: Language) -> str:
    """Return one sentence about what part the rules have in it."""
    if found.same_rules:
        return say.gettext("The rules are the same in both: all of this is what customers did.")
    if found.same_rules is None:
        return say.gettext("The rules may differ between the two: part of these moves may come from that alone.")
    count = _count(list(found.relabelled))
    return say.ngettext(
        "This is what customers did, by the rules of then. The rules are new since: they alone gave {count} client "
        "another persona.",
        "This is what customers did, by the rules of then. The rules are new since: they alone gave {count} clients "
        "another persona.",
        count,
    )


def warning(found: Changes, as_of: date, say: Language) -> str:
    """Return one sentence for windows that begin before there are events: their money is no whole 7 months'."""
    days = [say.day(day) for day, late in zip((found.other_as_of, as_of), found.late, strict=True) if late]
    if not days:
        return ""
    return say.gettext(
        "Compare with care: there are events from {first} only, so the 7 months up to {ends} are not complete, and "
        "what was spent, who came and who left may differ for that reason alone.",
        first=say.day(max(late for late in found.late if late)),
        ends=say.listed(days),
    )


def _largest(found: Changes, labels: Mapping[str, str], say: Language) -> str:
    flow = found.moved[0]
    moved = {
        "count": say.whole(flow.clients),
        "then": labels[flow.then or ""],
        "now": labels[flow.now or ""],
    }
    if any(found.late):
        return say.gettext("The largest group ({count}) went from “{then}” to “{now}”.", **moved)
    return say.gettext(
        "The largest group ({count}) went from “{then}” to “{now}”, and its spending over 7 months from {before} to "
        "{after}.",
        **moved,
        before=say.whole(flow.value_then),
        after=say.whole(flow.value_now),
    )


def _count(flows: list[Flow]) -> int:
    return sum(flow.clients for flow in flows)
