"""Who may ask for what, and how often."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request

from service.keys import Keys
from service.limits import RequestLimit
from service.problems import MissingScopeError
from service.request import KEY_NAME


class Guard:
    """Stands before views that need an API key; without keys it lets everyone through."""

    def __init__(self, keys: Keys, limit: RequestLimit) -> None:
        self._keys = keys
        self._limit = limit

    def __bool__(self) -> bool:
        """Return whether a key is needed."""
        return bool(self._keys)

    def __call__(self, view: Callable[..., Response], scope: str = "lookup") -> Callable[..., Response]:
        """Return the view for callers whose key has the scope and is not used too often."""
        if not self._keys:
            return view

        @wraps(view)
        def guarded(**values: Any) -> Response:
            environ = request.environ
            try:
                name = self._keys.check(environ.get("HTTP_AUTHORIZATION", ""), scope)
            except MissingScopeError as error:
                environ[KEY_NAME] = error.key_name
                raise
            environ[KEY_NAME] = name  # before anything is refused, so that the log tells who asks too often
            self._limit.count(name)
            return view(**values)

        return guarded
