"""Sessions of people who have signed in: a signed name in a cookie, never the key.

A session is signed with what is known of its API key (its SHA-256) and with `session_secret`. It therefore ends when
the key is rotated away, when it expires, and when the secret changes; all tasks with the same keys and the same secret
know each other's sessions.
"""

import hashlib
import hmac

from itsdangerous import BadData, URLSafeTimedSerializer

from service.common.problems import BadKeyError, MissingScopeError, NoKeyError
from service.common.settings import BadSettingError, Settings
from service.keys.keys import Key, Keys

_SALT = "menagerie.session"
_LEAST_SECRET = 32
_HOUR_S = 3600


class Sessions:
    """Begins sessions and checks them; `lasts_s` is how long one is good, in seconds."""

    def __init__(self, keys: Keys, settings: Settings) -> None:
        """Raise `BadSettingError` for a secret that could be guessed."""
        if settings.session_secret and len(settings.session_secret) < _LEAST_SECRET:
            raise BadSettingError(f"--session-secret must have at least {_LEAST_SECRET} characters.")
        self._keys = keys
        self._secret = settings.session_secret.encode()
        self.lasts_s = settings.session_hours * _HOUR_S

    def begin(self, authorization: str, scope: str) -> str:
        """Return a new session for the key in this header, or raise the problem with it."""
        key = self._keys.key_of(authorization, scope)
        return str(self._serializer(key).dumps(key.name))

    def check(self, session: str, scope: str) -> str:
        """Return whose session this is, or raise the problem with it."""
        if not session:
            raise NoKeyError
        own = [key for key in self._keys.known if self._is_of(session, key)]
        if not own:
            raise BadKeyError
        for key in own:
            if scope in key.scopes:
                return key.name
        raise MissingScopeError(scope, own[0].name)

    def _is_of(self, session: str, key: Key) -> bool:
        try:
            return bool(self._serializer(key).loads(session, max_age=self.lasts_s) == key.name)
        except BadData:
            return False

    def _serializer(self, key: Key) -> URLSafeTimedSerializer:
        secret = hmac.digest(key.sha256, self._secret, hashlib.sha256)
        return URLSafeTimedSerializer(secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256})
