"""A client of the service: this one file, without dependencies, to copy.

menagerie = Client("https://menagerie.example", key="menagerie_…")
menagerie.segment(512363741)["persona"]
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypedDict
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen


class Segment(TypedDict, total=False):
    """Who a client is; docs/service.md says what each member means, and when it is there.

    Ids beyond 2^53 are strings.
    """

    user_id: int | str
    persona: str
    label: dict[str, str]
    emoji: str
    confidence: float
    cluster: int
    advice: dict[str, str]
    as_of: str
    snapshot: str
    stale: bool
    features: dict[str, Any]
    reasons: dict[str, list[str]]
    better: dict[str, Any] | None


class Member(TypedDict):
    """One client of a persona."""

    user_id: int | str
    persona: str
    cluster: int
    confidence: float


class RefusedError(Exception):
    """The service did not do what it was asked; `problem` is what it says (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail", f"HTTP status {status}"))
        self.status = status
        self.problem = problem


class Client:
    """Asks one service."""

    def __init__(self, url: str, key: str = "", timeout_s: float = 10.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("The service's address begins with http:// or https://.")
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._timeout_s = timeout_s

    def segment(self, user_id: int | str, *include: str) -> Segment | None:
        """Return who a client is, None when the snapshot does not know it; `include` "features" or "reasons"."""
        query = f"?include={','.join(include)}" if include else ""
        try:
            return self._read(f"/segment/{user_id}{query}")
        except RefusedError as error:
            if error.problem.get("type") == "urn:menagerie:unknown-client":
                return None
            raise

    def segments(self, user_ids: Iterable[int | str]) -> list[dict[str, Any]]:
        """Return who many clients are, in their order; each answer has a status, found or not_found."""
        return self._read("/segments", {"user_ids": list(user_ids)})["clients"]

    def score(self, features: Mapping[str, Any]) -> Segment:
        """Return who a client with these features is."""
        return self._read("/segment", features)

    def members(self, persona: str) -> Iterator[Member]:
        """Yield all clients of a persona, as they arrive."""
        with self._open(f"/personas/{quote(persona, safe='')}/clients?format=ndjson") as answer:
            yield from map(json.loads, answer)

    def _read(self, path: str, body: Any = None) -> Any:
        with self._open(path, body) as answer:
            return json.load(answer)

    def _open(self, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        try:
            return urlopen(Request(self._url + path, sent, self._headers), timeout=self._timeout_s)  # noqa: S310
        except HTTPError as error:
            with error:
                text = error.read()
            told = json.loads(text) if error.headers.get_content_type() == "application/problem+json" else {}
            raise RefusedError(error.code, told) from None
