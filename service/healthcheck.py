"""`python -m service.healthcheck`: does the service on this machine have a snapshot to answer from?

For a container's health check: it reads the same variables as the service, starts in no time, and needs no key.
"""

import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from service.common.settings import Settings, StartError, read_settings

_TIMEOUT_S = 4.0
"""A service that is slow under load is alive: killing its container would only add to the load of the others. The
container's health check has 5 s."""

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what the service listens at, asked from here)


def main(environment: Mapping[str, str]) -> int:
    """Say in a sentence whether the service is ready; return 0 if it is, 1 if not."""
    try:
        settings = read_settings([], environment)
        status = _status(settings)
    except StartError as error:
        verdict, ready = str(error), False
    except (OSError, HTTPException) as error:
        verdict, ready = f"No answer at port {settings.port}: {type(error).__name__}.", False
    else:
        ready = status == HTTPStatus.OK
        verdict = "Ready." if ready else f"Not ready: /readyz answers {status}."
    print(f"menagerie: {verdict}", file=sys.stderr)
    return int(not ready)


def _status(settings: Settings) -> int:
    host = _EVERY_ADDRESS.get(settings.host, settings.host)
    connection = HTTPConnection(host, settings.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(os.environ))
