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
    return _described(boto3.client("ecs"), stack)["taskDefinition"]


def roll_out(stack: Stack, revision: str, timeout_s: float, interval_s: float) -> None:
    """Move the service to a revision and wait until its tasks have taken over.

    The stack turns the deployment circuit breaker on: ECS itself gives up and goes back when tasks keep failing.
    Here we only have to notice, which a mere wait for a steady service would not: the old revision is steady, too.
    """
    ecs = boto3.client("ecs")
    answer = ecs.update_service(cluster=stack["ClusterName"], service=stack["ServiceName"], taskDefinition=revision)
    ours = _primary(answer["service"]["deployments"])["id"]
    deadline_s, seen = time.monotonic() + timeout_s, False
    while True:
        service = _described(ecs, stack)
        deployment = next((entry for entry in service["deployments"] if entry["id"] == ours), None)
        if _failed(deployment, seen):
            raise _rolled_back(revision, deployment or {}, service)
        if deployment and deployment["rolloutState"] == "COMPLETED":
            return
        if time.monotonic() > deadline_s:
            raise DeployError(f"{short(revision)} does not serve yet after {timeout_s:.0f} s; ECS goes on trying.")
        seen = seen or deployment is not None
        time.sleep(interval_s)


def _failed(deployment: Mapping[str, Any] | None, seen: bool) -> bool:
    """Say whether a deployment has failed: it says so, has made way for another, or was there and is gone."""
    if deployment is None:
        return seen  # what ECS tells may lag behind what it was told
    return deployment["rolloutState"] == "FAILED" or deployment["status"] != "PRIMARY"


def _rolled_back(revision: str, deployment: Mapping[str, Any], service: Mapping[str, Any]) -> RolledBackError:
    runs = short(_primary(service["deployments"])["taskDefinition"])
    reason = deployment.get("rolloutStateReason", "another deployment has taken its place.")
    said = "".join(f"\n  {event['message']}" for event in service["events"][:EVENTS_SHOWN])
    return RolledBackError(f"{short(revision)} was rolled back, the service goes to {runs}: {reason}{said}")


def _primary(deployments: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(entry for entry in deployments if entry["status"] == "PRIMARY")


def _described(ecs: Any, stack: Stack) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = ecs.describe_services(cluster=stack["ClusterName"], services=[stack["ServiceName"]])
    if not answer["services"]:
        raise DeployError(f"There is no service {stack['ServiceName']} in the cluster {stack['ClusterName']}.")
    return answer["services"][0]
