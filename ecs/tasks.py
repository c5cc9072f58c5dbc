"""The task definitions: filled in from the stack, registered, and withdrawn.

The newest active revision of a family is always the one that is meant to run: the stack names families only, and so
do schedules. A revision that proved bad is therefore withdrawn, and the one before is the newest again.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, Literal

import boto3

from ecs.stack import DeployError, Stack

Part = Literal["service", "batch"]
_OUTPUTS_OF: dict[Part, str] = {"service": "Service", "batch": "Batch"}


def family(part: Part, stack: Stack) -> str:
    """Return the name of a part's task definitions."""
    return stack[f"{_OUTPUTS_OF[part]}TaskFamily"]


def definition(part: Part, stack: Stack, tag: str) -> dict[str, Any]:
    """Return a part's task definition for the image of that tag, as RegisterTaskDefinition takes it."""
    file = Path(__file__).with_name(f"{part}-task.json")
    image = f"{stack[f'{_OUTPUTS_OF[part]}RepositoryUri']}:{tag}"
    try:
        filled: dict[str, Any] = _filled(
            json.loads(file.read_text()), {**stack.parameters, **stack.outputs, "Image": image}
        )
    except KeyError as missing:
        raise DeployError(f"{file.name} asks for {missing}, which the stack {stack.name} does not give.") from None
    if "ephemeralStorage" in filled:  # the only number that the API does not take as text
        filled["ephemeralStorage"]["sizeInGiB"] = int(filled["ephemeralStorage"]["sizeInGiB"])
    return filled


def register(part: Part, stack: Stack, tag: str) -> str:
    """Register a part's task definition and return its ARN."""
    answer = boto3.client("ecs").register_task_definition(**definition(part, stack, tag))
    return answer["taskDefinition"]["taskDefinitionArn"]


def newest_two(part: Part, stack: Stack) -> tuple[str, str]:
    """Return the newest active revision and the one before."""
    found = boto3.client("ecs").list_task_definitions(familyPrefix=family(part, stack), status="ACTIVE", sort="DESC")
    arns = sorted(found["taskDefinitionArns"], key=_revision, reverse=True)
    if len(arns) < 2:
        raise DeployError(f"There is no earlier revision of {family(part, stack)} to go back to.")
    return arns[0], arns[1]


def withdraw(revision: str) -> None:
    """Make a revision inactive; what still runs it runs on."""
    boto3.client("ecs").deregister_task_definition(taskDefinition=revision)


def short(revision: str) -> str:
    """Return `family:revision` of an ARN."""
    return revision.rpartition("/")[2]


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    """Put values in the place of `${Name}` in every text of a JSON document."""
    if isinstance(template, str):
        return Template(template).substitute(values)
    if isinstance(template, dict):
        return {key: _filled(entry, values) for key, entry in template.items()}
    if isinstance(template, list):
        return [_filled(entry, values) for entry in template]
    return template
