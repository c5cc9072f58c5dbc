"""Who may not do what, and who may deploy. test_least_privilege.py holds each role to what it needs."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from stacks import NAME, Deployed, deployed

pytestmark = pytest.mark.slow

AT = "eu-west-3:123456789012"
BATCH = f"arn:aws:ecs:{AT}:task-definition/{NAME}-batch"
SERVICE = f"arn:aws:ecs:{AT}:task-definition/{NAME}-service"
CLUSTER = {"ecs:cluster": f"arn:aws:ecs:{AT}:cluster/{NAME}"}
TO_TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
ROLES = ["ScheduleRole", "ArrivalRole", "ExecutionRole", "ServiceRole", "BatchRole", "DeployRole"]
FOR_ALL_RESOURCES = {"RegistryToken", "ReadTaskDefinitions", "WithdrawTaskDefinitions"}
"""Statements of actions that know no resource:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployed]:
    with deployed(GitHubOwnerId="123456", GitHubRepositoryId="456789") as (_, one):
        yield one


def _values(node: Any) -> list[str]:
    return node if isinstance(node, list) else [node]


def _holds(conditions: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    assert conditions.keys() <= {"StringEquals", "StringLike", "ArnEquals", "ArnLike"}
    return all(
        any(fnmatchcase(context.get(key, ""), value) for value in _values(wanted))
        for keys in conditions.values()
        for key, wanted in keys.items()
    )


def _may(stack: Deployed, role: str, action: str, resource: str, context: dict[str, str] | None = None) -> bool:
    named = resource.format(bucket=f"arn:aws:s3:::{stack.outputs['BucketName']}", **stack.outputs)
    return any(
        action in _values(statement["Action"])
        and any(fnmatchcase(named, one) for one in _values(statement["Resource"]))
        and _holds(statement.get("Condition", {}), context or {})
        for statement in stack.statements(role)
    )


def _prefix(text: str) -> dict[str, str]:
    return {"s3:prefix": text}


@pytest.mark.parametrize(
    ("role", "action", "resource", "context"),
    [
        ("ServiceRole", "s3:GetObject", "{bucket}/store/raw/2026.csv", None),
        ("ServiceRole", "s3:PutObject", "{bucket}/store/snapshots/CURRENT", None),
        ("ServiceRole", "s3:ListBucket", "{bucket}", _prefix("store/raw/")),
        ("ServiceRole", "s3:ListBucket", "{bucket}", None),
        ("BatchRole", "s3:PutObject", "{bucket}/store/raw/2026.csv", None),
        ("BatchRole", "s3:DeleteObject", "{bucket}/store/raw/2026.csv", None),
        ("BatchRole", "s3:DeleteObjectVersion", "{bucket}/store/snapshots/x/manifest.json", None),
        ("BatchRole", "s3:GetObject", "{bucket}/elsewhere", None),
        ("BatchRole", "secretsmanager:GetSecretValue", "{ApiKeysSecretArn}", None),
        ("ExecutionRole", "s3:GetObject", "{bucket}/store/raw/2026.csv", None),
        ("ScheduleRole", "ecs:RunTask", f"{SERVICE}:7", CLUSTER),
        ("ScheduleRole", "ecs:RunTask", f"{BATCH}-of-another:7", CLUSTER),
        ("ScheduleRole", "ecs:RunTask", f"{BATCH}:7", {"ecs:cluster": f"arn:aws:ecs:{AT}:cluster/another"}),
        ("ScheduleRole", "iam:PassRole", "{ServiceRoleArn}", TO_TASKS),
        ("ScheduleRole", "iam:PassRole", "{BatchRoleArn}", {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("DeployRole", "iam:PassRole", "{DeployRoleArn}", TO_TASKS),
        ("DeployRole", "ecs:UpdateService", f"arn:aws:ecs:{AT}:service/{NAME}/another", None),
        ("DeployRole", "s3:GetObject", "{bucket}/store/raw/2026.csv", None),
        ("DeployRole", "secretsmanager:GetSecretValue", "{ApiKeysSecretArn}", None),
    ],
)
def test_what_is_not_needed_is_denied(
    stack: Deployed, role: str, action: str, resource: str, context: dict[str, str] | None
) -> None:
    assert not _may(stack, role, action, resource, context)


@pytest.mark.parametrize("role", ROLES)
def test_policies_name_their_actions_and_resources(stack: Deployed, role: str) -> None:
    statements = stack.statements(role)
    assert statements
    assert len({statement["Sid"] for statement in statements}) == len(statements)
    assert not [action for statement in statements for action in _values(statement["Action"]) if "*" in action]
    assert {one["Sid"] for one in statements if "*" in _values(one["Resource"])} <= FOR_ALL_RESOURCES


@pytest.mark.parametrize(
    ("subject", "trusted"),
    [
        ("repo:shop/menagerie:environment:production", True),
        ("repo:shop@123456/menagerie@456789:environment:production", True),
        ("repo:shop@123456/menagerie@999999:environment:production", False),
        ("repo:shop/menagerie:environment:staging", False),
        ("repo:shop/menagerie:ref:refs/heads/main", False),
        ("repo:shop/another:environment:production", False),
    ],
)
def test_only_the_repositorys_environment_may_deploy(stack: Deployed, subject: str, trusted: bool) -> None:
    role = stack.outputs["DeployRoleArn"].rpartition("/")[2]
    (statement,) = stack.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    (provider,) = stack.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert statement["Principal"] == {"Federated": provider["Arn"]}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    issuer = "token.actions.githubusercontent.com"
    assert _holds(statement["Condition"], {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}) is trusted
    assert not _holds(statement["Condition"], {f"{issuer}:aud": "another", f"{issuer}:sub": subject})
