"""The routes that compare the snapshot served with another one."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from flask import Response, request

from service.answers.answer_schemas import Changed
from service.answers.answering import Answering, fresh
from service.answers.documented import FILES, documented, parameter
from service.answers.exports import Exports
from service.answers.members import FORMATS
from service.answers.parameters import NOBODY, parsed_flow, parsed_with
from service.common.problems import OtherRulesError
from service.metrics.counting import note_members
from service.snapshots.changes import Between, Flow
from service.snapshots.ids import as_json

WITH = parameter("with", "query", "Another snapshot in the store than the one before.", type="string")


ENDS = tuple(
    {**parameter(end, "query", f"The persona that they {have}, or none.", "fox", type="string"), "required": True}
    for end, have in (("then", "had"), ("now", "have"))
)
FORMAT = parameter("format", "query", "The kind of file (default csv).", type="string", enum=list(FORMATS))
_HEADS = {"csv": "user_id,then,now\n", "ndjson": ""}
_LINES = {"csv": "%s,{},{}\n", "ndjson": '{{"user_id":%s,"then":{},"now":{}}}\n'}


class ChangesViews:
    """What has changed since another snapshot."""

    def __init__(self, answering: Answering, exports: Exports) -> None:
        self._answering = answering
        self._exports = exports

    @documented(None, problems=(404, 409, 503), parameters=(*ENDS, WITH, FORMAT), others=FILES)
    def clients(self) -> Response:
        """Tell who went from one persona to another since another snapshot, all as one file."""
        snapshot = self._answering.snapshot()
        asked = parsed_flow(request.args)
        for name in filter(None, (asked.then, asked.now)):
            snapshot.place(name)
        found = self._answering.changes(snapshot, asked.other)
        if found.between is None:
            raise OtherRulesError
        flow = next(
            (flow for flow in found.flows if (flow.then, flow.now) == (asked.then, asked.now)),
            Flow(asked.then, asked.now, 0, 0.0, 0.0),
        )
        note_members(request.environ, flow.clients)
        form = FORMATS[asked.form]
        response = self._exports.begin(fresh(_pieces(found.between, flow, asked.form), form.content_type))
        names = "-".join(end or NOBODY for end in (asked.then, asked.now))
        saved_as = f"{names}-{found.other}-{snapshot.id}.{asked.form}"
        response.headers["Content-Disposition"] = f'attachment; filename="{saved_as}"'
        return response

    @documented(Changed, problems=(404, 409, 503), parameters=(WITH,), kept=True)
    def changes(self) -> Response:
        """Tell how many clients went from which persona to which since another snapshot, and their money."""
        other = parsed_with(request.args)
        snapshot = self._answering.snapshot()
        found = self._answering.changes(snapshot, other)
        answer = {
            "other": {"snapshot": found.other, "as_of": found.other_as_of.isoformat()},
            "flows": [asdict(flow) for flow in found.flows],
            "same_rules": found.same_rules,
            "relabelled": [asdict(flow) for flow in found.relabelled],
        }
        return self._answering.dated(snapshot, answer, f"+{found.other}")


def _pieces(between: Between, flow: Flow, form: str) -> Iterator[bytes]:
    """Yield the file of a flow's clients, ascending by user id."""
    ends = [(end or "") if form == "csv" else json.dumps(end) for end in (flow.then, flow.now)]
    line = _LINES[form].format(*ends)
    yield _HEADS[form].encode()
    for ids in between.clients(flow) if flow.clients else ():
        if ids:
            yield "".join([line % user_id for user_id in (as_json(ids) if form == "ndjson" else ids)]).encode()
