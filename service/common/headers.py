"""Headers on every answer: the request's name, and what tells browsers to be strict."""

import base64
import hashlib
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
_NO_FRAME = "base-uri 'none'; frame-ancestors 'none'"
OWN_FILES = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    f"form-action 'self'; {_NO_FRAME}"
)
"""Files of ours only: no inline script or style, no other site."""

ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),  # an address names a client
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_POLICY = (CONTENT_SECURITY_POLICY, OWN_FILES)
CONSTANT = [_POLICY, *ALWAYS]
_TLS_ONLY = ("Strict-Transport-Security", "max-age=31536000")

StartResponse = Callable[..., Any]


def with_headers(start_response: StartResponse, request_id: str, tls: bool) -> StartResponse:
    """Return a `start_response` that adds the headers and names the request; a policy that is there already stays."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        headers.append(("X-Request-ID", request_id))
        if tls:
            headers.append(_TLS_ONLY)
        for name, _ in headers:
            if name == CONTENT_SECURITY_POLICY:
                headers += ALWAYS
                break
        else:
            headers += CONSTANT
        return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

    return start


def policy_of(page: bytes) -> str:
    """Return the policy of a page that needs nothing but itself: its own inline scripts and styles, by their hashes."""
    inline = _Inline()
    inline.feed(page.decode())
    inline.close()
    styles = [*map(_hash, inline.styles), *(["'unsafe-hashes'"] if inline.attributes else [])]
    styles += map(_hash, sorted(inline.attributes))  # unsafe-hashes lets attributes match, and only these
    return (
        f"default-src 'none'; img-src data:; font-src data:; style-src {' '.join(styles) or _NONE}; "
        f"script-src {' '.join(map(_hash, inline.scripts)) or _NONE}; form-action 'none'; {_NO_FRAME}"
    )


_NONE = "'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class _Inline(HTMLParser):
    """Collects what a page has between script and style tags, and in style attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.attributes: set[str] = set()
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {value or "" for name, value in attrs if name == "style"}
        is_data = tag == "script" and ("type", "application/json") in attrs  # which is never run
        self._into = None if is_data else {"script": self.scripts, "style": self.styles}.get(tag)
        if self._into is not None:
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 (the interface's)
        self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data
