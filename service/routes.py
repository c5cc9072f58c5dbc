"""The routes: which view answers what, and which scope of API key it asks for."""

from collections.abc import Callable

from flask import Flask, Response

from service.answering import Answering
from service.client_views import ClientViews
from service.guard import Guard
from service.provider import Provider
from service.settings import Settings
from service.snapshot_views import SnapshotViews

View = Callable[..., Response]


class Routes:
    """The routes of one application; `clock` gives the seconds since 1970."""

    def __init__(self, provider: Provider, guard: Guard, settings: Settings, clock: Callable[[], float]) -> None:
        answering = Answering(provider, settings, clock)
        self._guard = guard
        self._clients = ClientViews(answering, settings.max_batch)
        self._snapshots = SnapshotViews(answering)

    def add_to(self, app: Flask) -> None:
        """Register every route; those about clients need a key, if there are any."""
        clients, snapshots = self._clients, self._snapshots
        for rule, view in (
            ("/segment/<user_id>", clients.segment),
            ("/personas", snapshots.personas),
            ("/personas/<name>", snapshots.persona),
            ("/snapshot", snapshots.snapshot),
            ("/report", snapshots.report),
        ):
            app.add_url_rule(rule, view_func=self._guard(view))
        for rule, view in (("/", snapshots.home), ("/healthz", snapshots.healthz), ("/readyz", snapshots.readyz)):
            app.add_url_rule(rule, view_func=view)
        app.add_url_rule("/personas/<name>/clients", view_func=self._guard(clients.members, "export"))
        app.add_url_rule("/segment", view_func=self._guard(clients.nobody), strict_slashes=False)
        app.add_url_rule("/segment", view_func=self._guard(clients.score), methods=["POST"])
        app.add_url_rule("/segments", view_func=self._guard(clients.segments), methods=["POST"])
