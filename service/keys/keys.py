"""API keys: who may ask for what. A key itself is kept nowhere, only its SHA-256; it is random, so that is enough.

`python -m service.keys.keys NAME SCOPE...` makes a new one.
"""

import argparse
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contract.files import read_regular
from service.common.log import JsonLog
from service.common.problems import BadKeyError, MissingScopeError, NoKeyError
from service.common.settings import BadSettingError, Settings
from service.keys.handed_on import HandedOn

SCOPES = ("lookup", "export", "metrics")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LINE = re.compile(rf"({_NAME.pattern}):([a-z]+(?:,[a-z]+)*):([0-9a-fA-F]{{64}})")
_KEY_BYTES = 32
_CHECK_EVERY_S = 1.0


@dataclass(frozen=True)
class Key:
    """What is known of a key: whose it is, what it opens, and its SHA-256."""

    name: str
    scopes: frozenset[str]
    sha256: bytes


class Keys:
    """The keys configured; those in a file are read again when it changes."""

    def __init__(self, settings: Settings, log: JsonLog) -> None:
        """Read them, or raise `BadSettingError`; with none configured anyone may ask for anything."""
        if settings.api_keys and settings.api_keys_file:
            raise BadSettingError("API keys come as --api-keys or in --api-keys-file, not both.")
        self._log = log
        self._last_good = HandedOn()
        self._file = Path(settings.api_keys_file) if settings.api_keys_file else None
        self._seen = self._stamp()
        self._keys = self._read() if self._file else parsed_keys(settings.api_keys) if settings.api_keys else ()

    def __bool__(self) -> bool:
        """Return whether a key is needed."""
        return bool(self._keys)

    @property
    def known(self) -> tuple[Key, ...]:
        """Return the keys that are in force."""
        return self._keys

    def check(self, authorization: str, scope: str) -> str:
        """Return whose key is in this header, or raise the problem with it."""
        return self.key_of(authorization, scope).name

    def key_of(self, authorization: str, scope: str) -> Key:
        """Return the key in this header, or raise the problem with it, in the same time whatever the key."""
        scheme, _, sent = authorization.partition(" ")
        if scheme.lower() != "bearer" or not sent.strip():
            raise NoKeyError
        sha256 = hashlib.sha256(sent.strip().encode()).digest()
        matching = [key for key in self._keys if hmac.compare_digest(sha256, key.sha256)]
        if not matching:
            raise BadKeyError
        for key in matching:
            if scope in key.scopes:
                return key
        raise MissingScopeError(scope, matching[0].name)

    def follow(self) -> float:
        """Read the file if it has changed; return the seconds until the next look at it.

        While it cannot be read the last good keys stay, those that any process of the service has read: what one has
        refused, another that begins later must not let in.
        """
        seen = self._stamp()
        if seen != self._seen:
            self._seen = seen
            try:
                self._keys = self._read()
            except BadSettingError as error:  # better those before than nobody
                if last_good := self._last_good.get():
                    self._keys = parsed_keys(last_good)
                self._log.event("error", "API keys not read, those before stay", reason=str(error))
            else:
                self._log.event("info", "API keys read", names=sorted({key.name for key in self._keys}))
        return _CHECK_EVERY_S

    def _read(self) -> tuple[Key, ...]:
        try:
            text = read_regular(self._file).decode("utf-8", "replace") if self._file else ""
        except OSError as error:
            raise BadSettingError(f"The file of API keys cannot be read: {error.strerror}.") from error
        keys = parsed_keys(text)
        self._last_good.put(text)
        return keys

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            found = None
        return (found.st_ino, found.st_size, found.st_mtime_ns) if found else ()


def parsed_keys(text: str) -> tuple[Key, ...]:
    """Read one key a line, `name:scope[,scope]:sha256`; blank lines and those that begin with # say nothing."""
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    keys = tuple(_parsed(line, number) for number, line in lines if line and not line.startswith("#"))
    if not keys:
        raise BadSettingError("There is no line with an API key.")
    return keys


def _parsed(line: str, number: int) -> Key:
    found = _LINE.fullmatch(line)
    if not found or not set(found[2].split(",")).issubset(SCOPES):
        raise BadSettingError(f"Line {number} of the API keys is not name:scope[,scope]:sha256-of-the-key.")
    return Key(found[1], frozenset(found[2].split(",")), bytes.fromhex(found[3]))


def new_key(name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """Make a random key; return it and the line to configure."""
    key = f"menagerie_{secrets.token_urlsafe(_KEY_BYTES)}"
    return key, f"{name}:{','.join(dict.fromkeys(scopes))}:{hashlib.sha256(key.encode()).hexdigest()}"


def main(arguments: list[str]) -> int:
    """Print a new key and its line."""
    parser = argparse.ArgumentParser(prog="python -m service.keys", description="Make a new API key.")
    parser.add_argument("name", metavar="NAME", help="whose it is: letters, digits, dots, dashes and underscores")
    parser.add_argument("scopes", metavar="SCOPE", nargs="+", choices=SCOPES, help=f"{' or '.join(SCOPES)}")
    given = parser.parse_args(arguments)
    if not _NAME.fullmatch(given.name):
        parser.error("NAME is 1 to 64 letters, digits, dots, dashes and underscores.")
    key, line = new_key(given.name, given.scopes)
    print(f"Key, shown this once: {key}\nLine to configure: {line}")
    return 0
