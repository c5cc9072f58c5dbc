"""The routes that show the contract, and a page to try it on."""

import json
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files
from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from service.answers.answering import HTML, JSON, Answering
from service.answers.asset_view import SCRIPT, STYLE, own_file, version_of

_SWAGGER_UI = files("flask_swagger_ui") / "dist"
_ASSETS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "swagger-ui-bundle.js": (SCRIPT, (_SWAGGER_UI / "swagger-ui-bundle.js").read_bytes),
    "swagger-ui.css": (STYLE, (_SWAGGER_UI / "swagger-ui.css").read_bytes),
    "start.js": (SCRIPT, lambda: own_file("docs.js")),
}


class ContractViews:
    """The contract, made when it is first asked for; `document` makes it."""

    def __init__(self, answering: Answering, document: Callable[[], dict[str, Any]]) -> None:
        self._answering = answering
        self._document = document

    @cached_property
    def _contract(self) -> bytes:
        return json.dumps(self._document(), ensure_ascii=False).encode()

    def openapi(self) -> Response:
        """Show the contract as OpenAPI 3.1."""
        return self._answering.kept(self._contract, version_of(self._contract), JSON)

    def docs(self) -> Response:
        """Show a page to try the routes on."""
        page = own_file("docs.html")
        return self._answering.kept(page, version_of(page), HTML)

    def asset(self, name: str) -> Response:
        """Send a file that the page needs."""
        if name not in _ASSETS:
            raise NotFound
        content_type, read = _ASSETS[name]
        body = read()
        return self._answering.packed(body, version_of(body), content_type)
