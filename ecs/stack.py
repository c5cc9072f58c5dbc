"""What the deployed stack says of itself: its outputs, its parameters, and whether it runs the service yet."""

from collections.abc import Mapping
from dataclasses import dataclass

import boto3


class DeployError(Exception):
    """A deployment that cannot go on, told in one sentence."""


@dataclass(frozen=True)
class Stack:
    """A stack's outputs and parameters, by name."""

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        try:
            return self.outputs[name]
        except KeyError:
            raise DeployError(f"The stack {self.name} has no output {name}.") from None

    @property
    def runs(self) -> bool:
        """Whether the ECS service exists: it does not until the stack's parameter `Running` is `yes`."""
        return self.parameters.get("Running", "yes") == "yes"


def read_stack(name: str) -> Stack:
    """Ask CloudFormation for the stack."""
    found = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", [])}
    parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in found.get("Parameters", [])}
    return Stack(name, outputs, parameters)
