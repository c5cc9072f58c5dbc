"""Who may ask for what, and how often."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request

from service.common.problems import MissingScopeError, ProblemError
from service.common.request import KEY_NAME
from service.keys.keys import Keys
from service.keys.limits import Limits
from service.keys.sessions import Sessions

COOKIE = "menagerie_session"
"""Holds the session of a person who has signed in; it opens what is read, and nothing that is sent."""

_CHECK_AGAIN = "private, no-cache"
"""What a browser may keep of what a cookie opened: nothing that it shows unasked once somebody has signed out."""


class Guard:
    """Stands before views that need an API key; without keys it lets everyone through."""

    def __init__(self, keys: Keys, sessions: Sessions, limits: Limits) -> None:
        self.keys = keys
        self.sessions = sessions
        self._limits = limits

    def __bool__(self) -> bool:
        """Return whether a key is needed."""
        return bool(self.keys)

    def __call__(self, view: Callable[..., Response], scope: str = "lookup") -> Callable[..., Response]:
        """Return the view for callers whose key has the scope and is not used too often."""
        if not self.keys:
            return view

        @wraps(view)
        def guarded(**values: Any) -> Response:
            environ = request.environ
            sent = environ.get("HTTP_AUTHORIZATION", "")
            by_cookie = not sent and "HTTP_COOKIE" in environ
            try:
                name = self._checked(scope)
            except MissingScopeError as error:
                environ[KEY_NAME] = error.key_name
                raise
            environ[KEY_NAME] = name  # before anything is refused, so that the log tells who asks too often
            self._limits.begin(name, environ)
            answer = view(**values)
            self._limits.end(environ)
            if by_cookie and answer.headers.get("Cache-Control") not in ("no-store", "private, no-store"):
                answer.headers["Cache-Control"] = _CHECK_AGAIN
            return answer

        return guarded

    def may(self, scope: str) -> bool:
        """Return whether whoever asks may have what this scope opens."""
        if not self.keys:
            return True
        try:
            self._checked(scope)
        except ProblemError:
            return False
        return True

    def _checked(self, scope: str) -> str:
        """Return who asks, by the header that was sent, or by the session of a person who reads."""
        sent: str = request.environ.get("HTTP_AUTHORIZATION", "")
        if sent or request.method not in ("GET", "HEAD"):
            return self.keys.check(sent, scope)
        return self.sessions.check(request.cookies.get(COOKIE, ""), scope)
