"""The routes about clients."""

from flask import Response, request

from service.answers.answer_schemas import Members, Scored, Segment, Segments
from service.answers.answering import Answering, fresh
from service.answers.bodies import checked_body
from service.answers.documented import FILES, INCLUDE, NAME, PAGING, USER_ID, documented
from service.answers.exports import Exports
from service.answers.members import FORMATS, page
from service.answers.parameters import parsed_include, parsed_paging, parsed_user_id
from service.answers.schemas import user_ids_schema
from service.answers.sent_features import EXAMPLE, Features, complete
from service.common.problems import EarlyCursorError, ExpiredCursorError, UnknownClientError
from service.common.request import note_clients
from service.metrics.counting import note_members

_MOST_FEATURES_BYTES = 65_536
"""For one client, whose features take about 1,000 bytes."""


class ClientViews:
    """Who a client is: one, or many."""

    features = Features()

    def __init__(self, answering: Answering, max_batch: int, exports: Exports) -> None:
        self._answering = answering
        self._exports = exports
        self.user_ids = user_ids_schema(max_batch)

    @documented(Segment, problems=(404, 503), parameters=(USER_ID, INCLUDE), kept=True)
    def segment(self, user_id: str) -> Response:
        """Tell who one client is."""
        number = parsed_user_id(user_id)
        environ = request.environ  # looked up once: each look through a proxy costs
        include = parsed_include(request.args) if environ["QUERY_STRING"] else ()
        snapshot = self._answering.snapshot()
        stale = self._answering.is_stale(snapshot)
        body = snapshot.segment(number, include, stale)
        note_clients(environ, int(body is not None), int(body is None))
        if body is None:
            raise UnknownClientError(f"The snapshot of {snapshot.as_of} has no such client.")
        return self._answering.kept(body, "+".join((snapshot.id, *include, *(["stale"] if stale else []))))

    @documented(Scored, problems=(413, 415, 422, 503), body="features", example=EXAMPLE)
    def score(self) -> Response:
        """Tell who a client with the features sent is, also one too new for the snapshot."""
        snapshot = self._answering.snapshot()
        features = complete(checked_body(request, self.features, _MOST_FEATURES_BYTES), snapshot.tree.asked)
        return fresh(snapshot.score(features, self._answering.is_stale(snapshot)))

    @documented(Members, problems=(404, 410, 503), parameters=(NAME, *PAGING), others=FILES, kept=True)
    def members(self, name: str) -> Response:
        """Tell who has a persona: a page of them, or all as one file."""
        paging = parsed_paging(request.args)
        snapshot = self._answering.snapshot()
        place = snapshot.place(name)
        stale = "+stale" if self._answering.is_stale(snapshot) else ""
        if not paging.form:
            try:
                body, count = page(snapshot, place, paging.cursor, paging.limit, bool(stale))
            except ExpiredCursorError as error:
                if error.snapshot_id == self._answering.published():
                    raise EarlyCursorError from error
                raise
            note_members(request.environ, count)
            return self._answering.kept(body, f"{snapshot.id}+{paging.limit}+{paging.cursor}{stale}")
        note_members(request.environ, snapshot.personas[place]["clients"])
        form = FORMATS[paging.form]
        response = self._exports.begin(fresh(form.pieces(snapshot, place), form.content_type))
        saved_as = f"{name}-{snapshot.id}{stale.replace('+', '-')}.{paging.form}"
        response.headers["Content-Disposition"] = f'attachment; filename="{saved_as}"'
        return response

    @documented(Segments, problems=(413, 415, 422, 503), body="user_ids", example={"user_ids": [512000896, 7]})
    def segments(self) -> Response:
        """Tell who each of many clients is, in the order in which they are asked for."""
        snapshot = self._answering.snapshot()
        user_ids = checked_body(request, self.user_ids)["user_ids"]
        rows = snapshot.lookup.rows(user_ids)
        unknown = rows.count(None)
        note_clients(request.environ, len(rows) - unknown, unknown)
        return fresh(snapshot.segments(user_ids, rows, self._answering.is_stale(snapshot)))
