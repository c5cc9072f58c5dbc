"""Which names the service answers to."""

import re
from functools import lru_cache
from ipaddress import ip_address

from service.common.settings import Settings

_PORT = re.compile(r":\d{1,5}\Z", re.ASCII)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Hosts:
    """The names that a request may send as `Host`; werkzeug's own check knows no IPv6 address and no capitals."""

    def __init__(self, settings: Settings, has_keys: bool) -> None:
        """Take those of the settings; without, any, unless all who reach a service here may ask.

        Then a page of another site could ask it from a browser here, had that site's name been moved to loopback.
        """
        names = [name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()]
        if not names and not has_keys and not settings.allow_anyone:
            names = [*_LOOPBACK, settings.host.lower()]
        self.know = lru_cache(maxsize=256)(self._know)  # callers send the same few
        self._any = not names or "*" in names
        self._names = frozenset(map(_bracketed, names))
        self._endings = tuple(name for name in names if name.startswith("."))

    def _know(self, host: str) -> bool:
        """Return whether to answer a request for this host, with its port or not."""
        if self._any:
            return True
        name = _PORT.sub("", host.lower())
        return name in self._names or name.endswith(self._endings)


def _bracketed(name: str) -> str:
    try:
        return f"[{name}]" if ip_address(name).version == 6 else name
    except ValueError:
        return name
