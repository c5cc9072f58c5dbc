"""One lookup against a running service, as a caller would make it."""

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ecs.stack import DeployError

ANSWER = {"user_id", "persona", "label", "confidence", "cluster", "advice", "as_of", "snapshot"}
NOBODY = -(2**63)  # the smallest user id that there can be: no shop counts down to it
PATIENCE_S = 5.0


def look_up(url: str, user_id: int | None, key: str | None, timeout_s: float, interval_s: float) -> str:
    """Wait until the service is ready, look a client up, and return the id of the snapshot that answered.

    Without a user id a client who does not exist is asked for: the problem `unknown-client` comes from the snapshot
    as well.
    """
    ready = _ready(url, timeout_s, interval_s)
    wanted = NOBODY if user_id is None else user_id
    status, answer = _get(f"{url}/segment/{wanted}", key)
    if user_id is None and status == 404 and answer.get("type") == "urn:menagerie:unknown-client":
        return ready
    if status != 200:
        said = answer.get("detail") or answer.get("title")
        hint = " Set MENAGERIE_SMOKE_KEY to a key with the scope lookup." if status == 401 else ""
        raise DeployError(f"The lookup got status {status}: {said}{hint}")
    if missing := ANSWER - answer.keys():
        raise DeployError(f"The answer lacks {', '.join(sorted(missing))}.")
    return str(answer["snapshot"])


def _ready(url: str, timeout_s: float, interval_s: float) -> str:
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            status, answer = _get(f"{url}/readyz")
            said = f"status {status}"
            if status == 200 and answer.get("snapshot"):
                return str(answer["snapshot"])
        except OSError as error:
            said = str(error)
        if time.monotonic() > deadline_s:
            raise DeployError(f"{url}/readyz is not ready after {timeout_s:.0f} s: {said}")
        time.sleep(interval_s)


def _get(url: str, key: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = Request(url, headers=headers)  # noqa: S310 (the command line takes http and https only)
    try:
        with urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
            return response.status, _read(response.read())
    except HTTPError as error:
        return error.code, _read(error.read())


def _read(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}  # a load balancer's own page
    return answer if isinstance(answer, dict) else {}
