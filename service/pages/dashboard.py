"""The pages about customers: the look-up, one client, one persona."""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import chain, islice
from typing import Any

from flask import Response, request

from languages.trust import said_trust
from service.answers.parameters import parsed_user_id
from service.common.problems import BadUserIdError, TooLargeUserIdError
from service.common.request import note_clients
from service.pages import figures
from service.pages.language import language_of
from service.pages.pages import Pages
from service.snapshots.better import next_better
from service.snapshots.snapshot import Snapshot

_FIRST_MEMBERS = 20
_MOST_TYPED = 64
_SURE, _FAIRLY_SURE = 0.9, 0.7


class Dashboard:
    """What people see of the snapshot."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def home(self) -> Response:
        """Show the look-up, the seven personas and what is served."""
        served = self._pages.snapshot()
        say = language_of(request)
        return self._pages.page("home.html", trust=said_trust(served.metrics, served.personas, say) if served else [])

    def client(self) -> Response:
        """Show who a client is, why, what would change it, and its figures; help if there is no such client."""
        typed = request.args.get("user_id", "").strip()
        snapshot = self._pages.answering.snapshot()
        try:
            user_id = parsed_user_id("".join(typed.split()))
        except BadUserIdError as error:
            return self._instead(HTTPStatus.BAD_REQUEST, typed, too_large=isinstance(error, TooLargeUserIdError))
        row = snapshot.lookup.row(user_id)
        note_clients(request.environ, int(row is not None), int(row is None))
        if row is None:
            return self._instead(HTTPStatus.NOT_FOUND, str(user_id))
        return self._pages.page("client.html", user_id=user_id, **_known(snapshot, row))

    def _instead(self, status: HTTPStatus, typed: str, **values: Any) -> Response:
        return self._pages.page("no_client.html", status, code=int(status), typed=typed[:_MOST_TYPED], **values)

    def persona(self, name: str) -> Response:
        """Show one persona, and to whom its key lets see them its first members."""
        snapshot = self._pages.answering.snapshot()
        place = snapshot.place(name)
        members: list[int] = []
        if self._pages.guard.may("export"):
            rows = islice(chain.from_iterable(snapshot.lookup.rows_of(place)), _FIRST_MEMBERS)
            members = snapshot.lookup.ids_at(list(rows))
            note_clients(request.environ, len(members))
        return self._pages.page(
            "persona.html",
            persona=snapshot.personas[place],
            members=members,
            everyone=_everyone(snapshot),
        )


def _known(snapshot: Snapshot, row: int) -> dict[str, Any]:
    place, _, agrees, confidence = snapshot.lookup.answer(row)
    persona, features = snapshot.personas[place], snapshot.lookup.features_of(row)
    return {
        "persona": persona,
        "hundred": int(round(100 * confidence, 6)),  # downwards: 99.8 in 100 are not all
        "certainty": "low" if not agrees or confidence < _FAIRLY_SURE else "high" if confidence >= _SURE else "medium",
        "agrees": agrees,
        "features": features,
        "reasons": snapshot.tree.reasons(features),
        "better": next_better(snapshot.tree, snapshot.personas, features, snapshot.metrics),
        "compared": figures.compared(features, persona["profile"], snapshot.metrics),
    }


def _everyone(snapshot: Snapshot) -> Mapping[str, Any]:
    """Return the profile over all clients; older snapshots have none."""
    found: Mapping[str, Any] = snapshot.metrics.get("everyone", {})
    return found
