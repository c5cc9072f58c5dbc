"""Publishing through a proxy that disturbs, and what came of it: the snapshot served then, as S3 itself tells it."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, cycle, islice
from unittest.mock import patch

from fault_plans import Fault, Hold, Plan, Seen, undisturbed
from faults import FaultyProxy
from s3_servers import KEY, SECRET, S3Server
from snapshots import NOW, client, contents

from contract.errors import MenagerieError
from segmentation.snapshot.catalog import check
from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from segmentation.store.protocol import Store

USER_ID = 712345670000
"""What no error may tell: the first of the user ids published here."""
AT_ONCE = 16
"""Publishes at the same time: most of each is waiting between attempts."""
SECRETS = (KEY, SECRET, str(USER_ID)[:8], "Traceback", "127.0.0.1", "Signature")


@dataclass(frozen=True)
class Outcome:
    """What a disturbed publish ended with, and what S3 serves afterwards, verified."""

    published: str | None
    error: MenagerieError | None
    before: str
    own: str
    after: str
    repaired: bool
    disturbed: list[Seen]

    def is_sound(self) -> bool:
        """Tell whether it succeeded and is served, or ended in a clean sentence that says what is."""
        if self.error is None:
            return self.after == self.published
        served = self.after == self.before or (self.after == self.own and self.is_in_doubt())
        return served and is_a_sentence(str(self.error))

    def is_in_doubt(self) -> bool:
        """Tell whether the error says that nobody can know: S3 may have switched, and its answer is lost."""
        return "It is not known whether" in str(self.error)


def is_a_sentence(told: str) -> bool:
    """Tell whether a message is one line that ends as a sentence does, and that gives nothing away."""
    return told.endswith(".") and "\n" not in told and not any(secret in told for secret in SECRETS)


class Shop:
    """A shop's store on S3, reached past the proxy and through it; `disturb` sets the plan for its requests alone."""

    def __init__(self, server: S3Server, proxy: FaultyProxy, name: str, plans: dict[str, Plan]) -> None:
        self._name = name
        self._proxy = proxy
        self._plans = plans
        self._numbers = count()
        self.direct = opened(server.environment, server.url(name))
        self.disturbed = opened({**server.environment, "AWS_ENDPOINT_URL": proxy.endpoint}, server.url(name))
        self._served = publish(contents(), self.direct, NOW)

    def attempt(self, plan: Plan) -> Outcome:
        """Publish another snapshot under a plan, see what is served, and after an error publish it undisturbed."""
        before, seen = self._served, len(self._proxy.log)
        mine = contents(client(USER_ID + next(self._numbers), "owl"))
        self._plans[self._name] = plan
        published = error = None
        try:
            published = publish(mine, self.disturbed, NOW)
        except MenagerieError as told:
            error = told
        self._plans[self._name] = undisturbed
        after = check(self.direct).id
        disturbed = [s for s in self._proxy.log[seen:] if s.fault and self._name in s.path]
        self._served = publish(mine, self.direct, NOW) if error else after  # it verifies what is there afterwards
        repaired = self.direct.current() == self._served != before
        return Outcome(published, error, before, self._served, after, repaired, disturbed)


def attempts(server: S3Server, proxy: FaultyProxy, name: str, plans: Sequence[Plan]) -> list[Outcome]:
    """Publish once under each plan, in shops of that name, many at the same time."""
    places = _shops(server, proxy, [f"{name}-{number:02}-shop" for number in range(AT_ONCE)])

    def in_turn(place: int) -> list[Outcome]:
        return [places[place].attempt(plan) for plan in plans[place::AT_ONCE]]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        of_each = [iter(found) for found in pool.map(in_turn, range(AT_ONCE))]
    return [next(found) for found in islice(cycle(of_each), len(plans))]


def _shops(server: S3Server, proxy: FaultyProxy, names: list[str]) -> list[Shop]:
    """Open shops that share the proxy, each with a plan of its own."""
    plans: dict[str, Plan] = {}

    def plan(method: str, path: str) -> Fault | Hold | None:
        return next((its(method, path) for name, its in plans.items() if name in path), None)

    proxy.plan = plan
    return [Shop(server, proxy, name, plans) for name in names]


def opened(environment: Mapping[str, str], url: str) -> Store:
    """Open a store as a process with this environment would."""
    with patch.dict(os.environ, {**environment, "MENAGERIE_S3_TIMEOUT_S": "2"}):
        return open_store(url)
