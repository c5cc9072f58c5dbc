"""A command of `segmentation`, run as a task of the batch's newest revision and followed to its end."""

from collections.abc import Callable, Sequence
from typing import Any

import boto3
from botocore.exceptions import WaiterError

from ecs.stack import DeployError, Stack
from ecs.tasks import family

CONTAINER = "batch"
LINES_SHOWN = 100


def run(stack: Stack, command: Sequence[str], timeout_s: float, interval_s: float, tell: Callable[[str], None]) -> int:
    """Run `segmentation COMMAND`, tell its log's last lines, and return its exit code."""
    task = _started(stack, command)
    tell(f"Started {task}")
    try:
        boto3.client("ecs").get_waiter("tasks_stopped").wait(
            cluster=stack["ClusterName"],
            tasks=[task],
            WaiterConfig={"Delay": interval_s, "MaxAttempts": int(timeout_s / max(interval_s, 1)) + 1},
        )
    except WaiterError:
        raise DeployError(f"The task still runs after {timeout_s:.0f} s, and goes on: {task}") from None
    for line in _log(stack, task):
        tell(line)
    return _exit_code(stack, task)


def _started(stack: Stack, command: Sequence[str]) -> str:
    network = {
        "subnets": stack["TaskSubnets"].split(","),
        "securityGroups": [stack["BatchSecurityGroup"]],
        "assignPublicIp": stack["AssignPublicIp"],
    }
    answer = boto3.client("ecs").run_task(
        cluster=stack["ClusterName"],
        taskDefinition=family("batch", stack),
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
        overrides={"containerOverrides": [{"name": CONTAINER, "command": list(command)}]},
    )
    if answer["failures"]:
        raise DeployError(f"ECS did not start the task: {answer['failures'][0]['reason']}.")
    return answer["tasks"][0]["taskArn"]


def _log(stack: Stack, task: str) -> list[str]:
    logs = boto3.client("logs")
    stream = f"ecs/{CONTAINER}/{task.rpartition('/')[2]}"
    try:
        events = logs.get_log_events(logGroupName=stack["BatchLogGroup"], logStreamName=stream, limit=LINES_SHOWN)
    except logs.exceptions.ResourceNotFoundException:
        return []  # the container never ran
    return [event["message"] for event in events["events"]]


def _exit_code(stack: Stack, task: str) -> int:
    found: dict[str, Any] = boto3.client("ecs").describe_tasks(cluster=stack["ClusterName"], tasks=[task])["tasks"][0]
    code = found["containers"][0].get("exitCode")
    if code is None:
        raise DeployError(f"The task never ran: {found.get('stoppedReason', 'no reason given')}")
    return code
