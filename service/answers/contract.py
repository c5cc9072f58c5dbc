"""The contract: an OpenAPI 3.1 document made of the routes, and of the schemas that they read and answer by."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec_webframeworks.flask import FlaskPlugin
from flask import Flask

from service.answers.answer_schemas import Problem
from service.answers.documented import OPERATION, Operation, Route
from service.common.problem_details import CONTENT_TYPE

_VERSION = "1.0.0"
_ABOUT = "Who is this customer, and why? Every answer comes from one immutable snapshot."
_ALWAYS = (400, 414, 500)
"""400 also when the header Host names somebody else."""
_GUARDED = (401, 403, 429)
_HEADERS = {
    "X-Request-ID": "Names the request, also in the log.",
    "ETag": "What the answer holds, for If-None-Match; a file of members has none.",
    "Retry-After": "Seconds after which to try again.",
    "WWW-Authenticate": "How to send an API key.",
}
_SENT_WITH = {304: "ETag", 401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


def document(app: Flask, routes: Iterable[Route], with_keys: bool) -> dict[str, Any]:
    """Return the OpenAPI document of the routes that say what they answer."""
    spec = APISpec(
        title="Menagerie",
        version=_VERSION,
        openapi_version="3.1.0",
        info={"description": _ABOUT},
        plugins=[FlaskPlugin(), MarshmallowPlugin()],
    )
    if with_keys:
        spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for route in routes:
        operation: Operation | None = getattr(route.view, OPERATION, None)
        if operation is not None:
            described = _described(route, operation, with_keys)
            registered = app.view_functions[route.view.__name__]
            spec.path(view=registered, app=app, operations={route.method.lower(): described})
    return spec.to_dict()


def _described(route: Route, operation: Operation, with_keys: bool) -> dict[str, Any]:
    guarded = route.scope is not None and with_keys
    statuses = {*_ALWAYS, *operation.problems, *(_GUARDED if guarded else ())}
    sentence = (route.view.__doc__ or "").partition("\n")[0]
    good = _answer(200, "ETag" if operation.kept else None) | {"content": operation.content()}
    told: dict[str, Any] = {
        "operationId": route.view.__name__,
        "summary": sentence,
        "parameters": list(operation.parameters),
        "responses": {"200": good} | {str(status): _problem(status) for status in sorted(statuses)},
    }
    if operation.kept:
        told["responses"]["304"] = _answer(304, _SENT_WITH[304])
    if operation.body:
        schema = getattr(getattr(route.view, "__self__"), operation.body)  # noqa: B009 (views are methods)
        content = {"schema": schema, "example": operation.example}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    if guarded:
        told |= {"security": [{"key": []}], "description": f"Needs an API key with the scope {route.scope}."}
    return told


def _problem(status: int) -> dict[str, Any]:
    return _answer(status, _SENT_WITH.get(status)) | {"content": {CONTENT_TYPE: {"schema": Problem}}}


def _answer(status: int, header: str | None) -> dict[str, Any]:
    """Return an answer with the headers that tell a caller something, but without content."""
    headers = {
        name: {"description": _HEADERS[name], "required": (name, status) != ("ETag", 200), "schema": {"type": "string"}}
        for name in ("X-Request-ID", header)
        if name
    }
    return {"description": HTTPStatus(status).phrase, "headers": headers}
