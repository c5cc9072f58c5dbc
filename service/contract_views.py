"""The routes that show the contract, and a page to try it on."""

import json
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files
from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from service import pages
from service.answering import HTML, JSON, Answering

_SWAGGER_UI = files("flask_swagger_ui") / "dist"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
_ASSETS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "swagger-ui-bundle.js": (_SCRIPT, (_SWAGGER_UI / "swagger-ui-bundle.js").read_bytes),
    "swagger-ui.css": (_STYLE, (_SWAGGER_UI / "swagger-ui.css").read_bytes),
    "start.js": (_SCRIPT, lambda: pages.START_DOCS),
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
        return self._answering.kept(self._contract, pages.version_of(self._contract), JSON)

    def docs(self) -> Response:
        """Show a page to try the routes on."""
        return self._answering.kept(pages.DOCS, pages.version_of(pages.DOCS), HTML)

    def asset(self, name: str) -> Response:
        """Send a file that the page needs."""
        if name not in _ASSETS:
            raise NotFound
        content_type, read = _ASSETS[name]
        body = read()
        return self._answering.kept(body, pages.version_of(body), content_type)
