"""What a caller sends, read and checked; everything wrong with it is told at once."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any, NoReturn

from flask import Request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from service.common.problems import MOST_ERRORS, EncodedBodyError, InvalidBodyError, NoJsonError, UnreadableBodyError

_JSON = "application/json"
_AS_IT_IS = "identity"


def checked_body(request: Request, schema: Schema, most_bytes: int | None = None) -> Any:
    """Return the JSON body as `schema` reads it, or raise the problem that it is.

    `most_bytes` is for a body that never needs as much as the service takes: reading JSON lets no other thread work.
    """
    if request.mimetype != _JSON:
        raise NoJsonError
    if request.headers.get("Content-Encoding", _AS_IT_IS).lower() != _AS_IT_IS:
        raise EncodedBodyError
    try:
        sent = _parsed(_whole(request, most_bytes))
    except (ValueError, RecursionError) as error:  # bad UTF-8 and numbers of thousands of digits are ValueErrors
        raise UnreadableBodyError from error
    try:
        return schema.load(_with_few_unknown(sent, schema))
    except ValidationError as error:
        raise InvalidBodyError(_flat(error.messages_dict)) from error


def _whole(request: Request, most_bytes: int | None) -> bytes:
    """Read the body, or raise that it is too large: of one in chunks werkzeug reads what fits, and says nothing."""
    most = min(filter(None, (most_bytes, request.max_content_length)), default=None)
    if most is None:
        return request.get_data(cache=False)
    request.max_content_length = most + 1
    body = request.get_data(cache=False)
    if len(body) > most:
        raise RequestEntityTooLarge
    return body


def _parsed(body: bytes) -> Any:
    """Return what a text in UTF-8 says; half of a character that JSON writes as two is none."""
    text = body.decode("utf-8-sig")
    sent = json.loads(text, parse_constant=_refuse)
    if "\\u" in text:
        json.dumps(sent, ensure_ascii=False).encode()
    return sent


def _with_few_unknown(sent: Any, schema: Schema) -> Any:
    """Leave out members that nobody asks for beyond those that are told of, because each takes its time."""
    if not isinstance(sent, dict):
        return sent
    unknown = islice((name for name in sent if name not in schema.fields), MOST_ERRORS)
    return {name: sent[name] for name in (*(name for name in schema.fields if name in sent), *unknown)}


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _flat(messages: Mapping[Any, Any], above: str = "") -> dict[str, str]:
    """Return marshmallow's messages by JSON pointer (RFC 6901)."""
    found: dict[str, str] = {}
    for name, told in messages.items():
        step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
        found |= _flat(told, above + step) if isinstance(told, Mapping) else {above + step: " ".join(told)}
    return found
