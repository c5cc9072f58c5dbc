"""What a caller sends, read and checked; everything wrong with it is told at once."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from service.common.problems import InvalidBodyError, NoJsonError, UnreadableBodyError

_JSON = "application/json"


def checked_body(request: Request, schema: Schema) -> Any:
    """Return the JSON body as `schema` reads it, or raise the problem that it is."""
    if request.mimetype != _JSON:
        raise NoJsonError
    try:
        sent = json.loads(_whole(request), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # bad UTF-8 and numbers of thousands of digits are ValueErrors
        raise UnreadableBodyError from error
    try:
        return schema.load(sent)
    except ValidationError as error:
        raise InvalidBodyError(_flat(error.messages_dict)) from error


def _whole(request: Request) -> bytes:
    """Read the body, or raise that it is too large: of one in chunks werkzeug reads what fits, and says nothing."""
    most = request.max_content_length
    if most is None:
        return request.get_data(cache=False)
    request.max_content_length = most + 1
    body = request.get_data(cache=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    return body


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _flat(messages: Mapping[Any, Any], above: str = "") -> dict[str, str]:
    """Return marshmallow's messages by JSON pointer (RFC 6901)."""
    found: dict[str, str] = {}
    for name, told in messages.items():
        step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
        found |= _flat(told, above + step) if isinstance(told, Mapping) else {above + step: " ".join(told)}
    return found
