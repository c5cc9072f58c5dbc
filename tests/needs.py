"""What the code asks of AWS, recorded call by call, and which permissions that takes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import boto3
from stacks import Deployed

AT = "eu-west-3:123456789012"
OF_S3 = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
    "CopyObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "DeleteObject": "s3:DeleteObject",
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
OF_ECS = ("task-definition/{family}", "task-definition/{family}:*")
"""AWS's reference names the revision; a call that gives the family alone may be judged by that:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html"""


PASSED = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}


@dataclass(frozen=True)
class Need:
    """An action on a resource, and what needs it."""

    action: str
    resource: str
    by: str
    call: str = ""
    context: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call of AWS's API as boto3 made it."""

    service: str
    operation: str
    asked: dict[str, Any]
    found: bool


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Note every call that is answered; clients made here share the session that boto3 makes for all."""
    calls: list[Call] = []
    session = boto3.Session()

    def begin(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = {**params}

    def end(http_response: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        service = model.service_model.service_name
        calls.append(Call(service, model.name, context["asked"], http_response.status_code != 404))

    session.events.register("before-parameter-build", begin)
    session.events.register("after-call", end)
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, session
    try:
        yield calls
    finally:
        boto3.DEFAULT_SESSION = before


def needs(calls: Iterable[Call], program: str, stack: Deployed) -> list[Need]:
    """Return what the calls of a program need, each thing once."""
    found = {str(need): need for call in calls for need in _of_call(call, program, stack)}
    return list(found.values())


def _of_call(call: Call, program: str, stack: Deployed) -> Iterator[Need]:
    action, by = f"{call.service}:{call.operation}", (program, call.operation)
    if call.service == "s3":
        yield from _of_s3(call, program)
    elif call.service == "ecs":
        yield from of_ecs(call, program, stack)
    elif call.service == "logs":
        stream = stream_of(call.asked["logGroupName"], call.asked["logStreamName"])
        yield Need(action, stream, *by)
    else:
        (described,) = stack.client(call.service).describe_stacks(StackName=call.asked["StackName"])["Stacks"]
        yield Need(action, described["StackId"], *by)


def _of_s3(call: Call, program: str) -> Iterator[Need]:
    bucket, action = f"arn:aws:s3:::{call.asked['Bucket']}", OF_S3[call.operation]
    if action == "s3:ListBucket":
        yield Need(action, bucket, program, call.operation, {"s3:prefix": call.asked["Prefix"]})
        return
    key = call.asked["Key"]
    if source := call.asked.get("CopySource"):
        yield Need("s3:GetObject", f"arn:aws:s3:::{unquote(source)}", program, call.operation)
    yield Need(action, f"{bucket}/{key}", program, call.operation)
    if not call.found:  # S3 says so only to who may list:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, https://github.com/ceph/ceph/pull/68577
        yield Need("s3:ListBucket", bucket, program, f"{call.operation} of what is not there", {"s3:prefix": key})


def of_ecs(call: Call, program: str, stack: Deployed) -> Iterator[Need]:
    """Return what a call of ECS needs, the roles that it hands over among it."""
    asked, action, by = call.asked, f"ecs:{call.operation}", (program, call.operation)
    if call.operation in {"RegisterTaskDefinition", "RunTask"}:
        family = asked.get("family") or asked["taskDefinition"]
        cluster = {"ecs:cluster": f"arn:aws:ecs:{AT}:cluster/{asked['cluster']}"} if "cluster" in asked else {}
        yield from (Need(action, f"arn:aws:ecs:{AT}:{form.format(family=family)}", *by, cluster) for form in OF_ECS)
        part = "Service" if family == stack.outputs["ServiceTaskFamily"] else "Batch"
        for role in ("Execution", part):  # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
            yield Need("iam:PassRole", stack.outputs[f"{role}RoleArn"], *by, PASSED)
    elif call.operation in {"DescribeServices", "UpdateService"}:
        (name,) = asked.get("services") or [asked["service"]]
        yield Need(action, f"arn:aws:ecs:{AT}:service/{asked['cluster']}/{name}", *by)
    elif call.operation == "DescribeTasks":
        yield from (Need(action, task, *by) for task in asked["tasks"])
    else:
        yield Need(action, "*", *by)  # the action knows no resource


def stream_of(group: str, stream: str) -> str:
    """Return the ARN of a log stream."""
    return f"arn:aws:logs:{AT}:log-group:{group}:log-stream:{stream}"
