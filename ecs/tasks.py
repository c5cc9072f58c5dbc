"""The task definitions: filled in from the stack, registered, and withdrawn.

The newest active revision of a family is always the one that is meant to run: the stack names families only, and so
do schedules. A revision that proved bad is therefore withdrawn, and the one before is the newest again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Revision:
    """A revision of a task definition, and its image."""

    arn: str
    image: str

    def __str__(self) -> str:
        return f"{short(self.arn)} ({short(self.image)})"


def way_back(part: Part, stack: Stack) -> tuple[list[Revision], Revision]:
    """Return the active revisions of the newest image, newest first, and the newest one that has another image.

    Releasing a commit again registers its image again: a step back by one revision would change nothing.
    """
    newest: list[Revision] = []
    for revision in _active(part, stack):
        if newest and revision.image != newest[0].image:
            return newest, revision
        newest.append(revision)
    raise DeployError(f"There is no revision of {family(part, stack)} with an earlier image to go back to.")


def _active(part: Part, stack: Stack) -> Iterator[Revision]:
    ecs = boto3.client("ecs")
    found = ecs.list_task_definitions(familyPrefix=family(part, stack), status="ACTIVE", sort="DESC")
    for arn in sorted(found["taskDefinitionArns"], key=_revision, reverse=True):
        described = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        yield Revision(arn, described["containerDefinitions"][0]["image"])


def withdraw(revision: str) -> None:
    """Make a revision inactive; what still runs it runs on."""
    boto3.client("ecs").deregister_task_definition(taskDefinition=revision)


def short(revision: str) -> str:
    """Return the last part of an ARN or of an image's name: `family:revision`, `repository:tag`."""
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
