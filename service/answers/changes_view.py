"""The routes that compare the snapshot served with another one."""

from dataclasses import asdict

from flask import Response, request

from service.answers.answer_schemas import Changed
from service.answers.answering import Answering
from service.answers.documented import documented, parameter
from service.answers.parameters import parsed_with

WITH = parameter("with", "query", "Another snapshot in the store than the one before.", type="string")


class ChangesViews:
    """What has changed since another snapshot."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

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
