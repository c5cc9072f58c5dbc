"""The routes: which view answers what, and which scope of API key it asks for."""

from collections.abc import Callable
from typing import Any

from flask import Flask

from service.answers.answering import Answering
from service.answers.changes_view import ChangesViews
from service.answers.client_views import ClientViews
from service.answers.contract_views import ContractViews
from service.answers.documented import Route
from service.answers.exports import Exports
from service.answers.metrics_view import MetricsView
from service.answers.snapshot_views import SnapshotViews
from service.common.settings import Settings
from service.keys.guard import Guard
from service.pages.page_routes import add_pages
from service.pages.pages import Pages
from service.snapshots.provider import Provider


class Routes:
    """The routes of one application; `clock` gives the seconds since 1970."""

    def __init__(self, provider: Provider, guard: Guard, settings: Settings, clock: Callable[[], float]) -> None:
        self._guard = guard
        self._answering = Answering(provider, settings, clock)
        self.pages = Pages(self._answering, guard)
        exports = Exports(settings.threads)
        clients = ClientViews(self._answering, settings.max_batch, exports)
        changes = ChangesViews(self._answering, exports)
        snapshots = SnapshotViews(self._answering)
        self._routes = (
            Route("/segment/<user_id>", clients.segment, "lookup"),
            Route("/segment", clients.score, "lookup", "POST"),
            Route("/segments", clients.segments, "lookup", "POST"),
            Route("/personas", snapshots.personas, "lookup"),
            Route("/personas/<name>", snapshots.persona, "lookup"),
            Route("/personas/<name>/clients", clients.members, "export"),
            Route("/snapshot", snapshots.snapshot, "lookup"),
            Route("/snapshot/changes", changes.changes, "lookup"),
            Route("/snapshot/changes/clients", changes.clients, "export"),
            Route("/report", snapshots.report, "lookup"),
            Route("/healthz", snapshots.healthz),
            Route("/readyz", snapshots.readyz),
            Route("/metrics", MetricsView(provider.metrics, settings, clock).metrics, "metrics"),
        )

    def add_to(self, app: Flask) -> None:
        """Register every route, and the contract that they make together."""

        def contract() -> dict[str, Any]:
            from service.answers.contract import document  # noqa: PLC0415 (slow to read, and seldom needed)

            return document(app, self._routes, bool(self._guard))

        views = ContractViews(self._answering, contract)
        shown = (
            Route("/openapi.json", views.openapi),
            Route("/docs", views.docs),
            Route("/docs/<name>", views.asset),
        )
        for route in (*self._routes, *shown):
            view = route.view if route.scope is None else self._guard(route.view, route.scope)
            app.add_url_rule(route.rule, view_func=view, methods=[route.method])
        add_pages(app, self.pages)
