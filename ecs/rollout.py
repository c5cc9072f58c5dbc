"""The ECS service: moved to another revision, and watched until that serves or has failed."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import boto3

from ecs.stack import DeployError, Stack
from ecs.tasks import short

EVENTS_SHOWN = 5


class RolledBackError(DeployError):
    """The deployment circuit breaker has given the new revision up."""


def served(stack: Stack) -> str:
    """Return the revision that the service is meant to run."""
    return _described(stack)["taskDefinition"]


def roll_out(stack: Stack, revision: str, timeout_s: float, interval_s: float) -> None:
    """Move the service to a revision and wait until its tasks have taken over.

    The stack turns the deployment circuit breaker on: ECS itself gives up and goes back when tasks keep failing.
    Here we only have to notice, which a mere wait for a steady service would not: the old revision is steady, too.
    """
    answer = boto3.client("ecs").update_service(
        cluster=stack["ClusterName"], service=stack["ServiceName"], taskDefinition=revision
    )
    ours = _primary(answer["service"]["deployments"])["id"]
    deadline_s = time.monotonic() + timeout_s
    while True:
        service = _described(stack)
        if _is_done(service, ours, revision):
            return
        if time.monotonic() > deadline_s:
            raise DeployError(f"{short(revision)} does not serve yet after {timeout_s:.0f} s; ECS goes on trying.")
        time.sleep(interval_s)


def _is_done(service: Mapping[str, Any], ours: str, revision: str) -> bool:
    deployment = next((entry for entry in service["deployments"] if entry["id"] == ours), None)
    if deployment is None or deployment["rolloutState"] == "FAILED" or deployment["status"] != "PRIMARY":
        runs = short(_primary(service["deployments"])["taskDefinition"])
        reason = (deployment or {}).get("rolloutStateReason", "another deployment has taken its place")
        said = "".join(f"\n  {event['message']}" for event in service["events"][:EVENTS_SHOWN])
        raise RolledBackError(f"{short(revision)} was rolled back, the service runs {runs}: {reason}{said}")
    return deployment["rolloutState"] == "COMPLETED" and deployment["taskDefinition"] == revision


def _primary(deployments: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(entry for entry in deployments if entry["status"] == "PRIMARY")


def _described(stack: Stack) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = boto3.client("ecs").describe_services(
        cluster=stack["ClusterName"], services=[stack["ServiceName"]]
    )
    if not answer["services"]:
        raise DeployError(f"There is no service {stack['ServiceName']} in the cluster {stack['ClusterName']}.")
    return answer["services"][0]
