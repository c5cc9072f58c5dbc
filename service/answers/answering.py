"""What every route needs: the snapshot to answer from, and answers with the right headers."""

import gzip
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from flask import Response, request

from service.common.problems import NoSnapshotError
from service.common.settings import Settings
from service.snapshots.changes import Changes
from service.snapshots.provider import Provider
from service.snapshots.snapshot import Snapshot

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

JSON = "application/json"
HTML = "text/html; charset=utf-8"
_LEVEL = 6
"""Compresses 5 MB in about 0.15 s; more makes it hardly smaller."""


class Answer(Response):
    """A whole answer, sent as it is: its headers are complete and its body is bytes."""

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Skip what a response does for bodies and headers that may still change."""
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else cast(list[bytes], self.response)


class Answering:
    """Makes answers; `clock` gives the seconds since 1970."""

    def __init__(self, provider: Provider, settings: Settings, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._clock = clock
        self._stale_after_s = settings.stale_after_s
        self._cache_control = f"private, max-age={settings.cache_s}"

    def snapshot(self) -> Snapshot:
        """Return the snapshot to answer from, or raise the problem that there is none."""
        snapshot = self._provider.current()
        if snapshot is None:
            raise NoSnapshotError
        return snapshot

    def changes(self, snapshot: Snapshot, other: str | None) -> Changes:
        """Return what has changed since another snapshot, by default the one before; raise the problem with it."""
        return self._provider.comparisons.of(snapshot, other)

    def age_days(self, snapshot: Snapshot) -> int:
        """Return the days since the snapshot's as-of date."""
        return snapshot.age_days(self._clock())

    def published(self) -> str | None:
        """Return the id of the snapshot that the store says is current, None when it does not answer."""
        return self._provider.published()

    def store_is_reachable(self) -> bool:
        """Return whether the last look at the store got an answer."""
        return not self._provider.unreachable

    def is_stale(self, snapshot: Snapshot) -> bool:
        """Return whether the snapshot is past the set age."""
        return self._clock() - snapshot.as_of_s >= self._stale_after_s

    def dated(self, snapshot: Snapshot, answer: Mapping[str, object], variant: str = "") -> Response:
        """Answer about the snapshot, with its as-of date and id; `variant` tells such answers apart."""
        stale = self.is_stale(snapshot)
        return self.kept(snapshot.dated(answer, stale), f"{snapshot.id}{variant}{'+stale' * stale}")

    def kept(self, body: bytes, tag: str, content_type: str = JSON) -> Response:
        """Answer with what a caller may keep for a while, or that what it has still holds."""
        headers = [
            ("Content-Type", content_type),
            ("ETag", f'"{tag}"'),
            ("Cache-Control", self._cache_control),
        ]
        if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(tag):
            answer = Answer(status=304, headers=headers[1:])
            del answer.headers["Content-Type"]  # a response without one is given a default
            return answer
        headers.append(("Content-Length", str(len(body))))
        return Answer([body], headers=headers)

    def packed(self, body: bytes, tag: str, content_type: str) -> Response:
        """Answer with something large that a caller may keep, compressed for those who take it so."""
        zipped = request.accept_encodings["gzip"] > 0
        answer = (
            self.kept(_gzipped(body), f"{tag}+gzip", content_type) if zipped else self.kept(body, tag, content_type)
        )
        answer.headers["Vary"] = "Accept-Encoding"
        if zipped and answer.status_code == HTTPStatus.OK:
            answer.headers["Content-Encoding"] = "gzip"
        return answer


@lru_cache(maxsize=4)
def _gzipped(body: bytes) -> bytes:
    """Compress once what is asked for again: the report of the snapshot served, and the files of /docs."""
    return gzip.compress(body, _LEVEL, mtime=0)


def fresh(body: bytes | Iterable[bytes], content_type: str = JSON) -> Response:
    """Answer with what nobody should keep."""
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
