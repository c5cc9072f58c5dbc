"""The files that pages need: styles, a little script, and a colour for each persona."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from service.answers.answering import Answering
from service.common.problems import NoSnapshotError

SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
_OWN = {"style.css": STYLE, "changes.css": STYLE, "script.js": SCRIPT, "icon.svg": "image/svg+xml"}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"[a-z]+")


@cache
def own_file(name: str) -> bytes:
    """Return a file of ours."""
    return (files("service") / "assets" / name).read_bytes()


def version_of(body: bytes) -> str:
    """Return what tells a body from the one of another version."""
    return sha256(body).hexdigest()[:16]


def asset_view(answering: Answering) -> Callable[[str], Response]:
    """Return the view that sends one of these files."""

    def asset(name: str) -> Response:
        if name == "personas.css":
            body, content_type = _colours(answering), STYLE
        elif name in _OWN:
            body, content_type = own_file(name), _OWN[name]
        else:
            raise NotFound
        return answering.kept(body, version_of(body), content_type)

    return asset


def _colours(answering: Answering) -> bytes:
    try:
        personas: Sequence[Mapping[str, Any]] = answering.snapshot().personas
    except NoSnapshotError:
        personas = ()
    told = {persona["name"]: persona.get("colour", "") for persona in personas}
    rules = (f".persona-{n}{{--persona:{c}}}" for n, c in told.items() if _NAME.fullmatch(n) and _COLOUR.fullmatch(c))
    return "\n".join(rules).encode()
