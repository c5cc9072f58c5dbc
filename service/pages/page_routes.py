"""The routes of the pages for people; they stand beside the contract, which is for programs."""

from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException

from service.answers.asset_view import asset_view
from service.answers.documented import Route
from service.common.problems import ProblemError
from service.pages.changes_page import ChangesPage
from service.pages.dashboard import Dashboard
from service.pages.pages import SIGN_IN, Pages
from service.pages.sign_in import SignIn


def add_pages(app: Flask, pages: Pages) -> None:
    """Register every page; what goes wrong in one is told on a page, too."""
    dashboard, changes, sign_in = Dashboard(pages), ChangesPage(pages), SignIn(pages)
    blueprint = Blueprint("pages", "service")
    routes = [
        Route("/", dashboard.home),
        Route("/client", dashboard.client, "lookup"),
        Route("/persona/<name>", dashboard.persona, "lookup"),
        Route("/changes", changes.changes, "lookup"),
        Route("/changes/clients", changes.clients, "export"),
        Route("/assets/<name>", asset_view(pages.answering)),
    ]
    if pages.guard:
        routes += [
            Route(SIGN_IN, sign_in.form),
            Route(SIGN_IN, sign_in.enter, method="POST"),
            Route("/sign-out", sign_in.leave, method="POST"),
        ]
    for route in routes:
        view = route.view if route.scope is None else pages.guard(route.view, route.scope)
        blueprint.add_url_rule(route.rule, view_func=view, methods=[route.method])
    blueprint.register_error_handler(ProblemError, pages.explained)
    blueprint.register_error_handler(HTTPException, pages.explained)
    app.register_blueprint(blueprint)
