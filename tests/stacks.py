"""The CloudFormation stack, created in moto's server.

moto resolves the whole template, but makes only some resource types of it, and of some only a few properties. What it
lacks is left out of the stack and made through the service's own API instead, from the properties that moto resolved.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer
from s3_servers import KEY, REGION, SECRET

from ecs.stack import Stack
from ecs.tasks import Part, definition

TEMPLATE = Path(__file__).parents[1] / "ecs" / "stack.yaml"
NAME = "menagerie"
PARTS: tuple[Part, ...] = ("service", "batch")
STAND_INS = {
    "ApiKeys": f"arn:aws:secretsmanager:{REGION}:123456789012:secret:api-keys",
    "GitHubProvider": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    "LoadBalancer.LoadBalancerFullName": "app/menagerie/0123456789abcdef",
    "LoadBalancer.CanonicalHostedZoneID": "Z3Q77PNBQS71R4",
    "TargetGroup.TargetGroupFullName": "targetgroup/menagerie/0123456789abcdef",
}
"""What moto's CloudFormation cannot refer to, and what stands in its place."""


def _lower_camel(node: Any) -> Any:
    if isinstance(node, dict):
        return {name[0].lower() + name[1:]: _lower_camel(value) for name, value in node.items()}
    return [_lower_camel(value) for value in node] if isinstance(node, list) else node


def _as_the_api_writes_it(node: Any) -> Any:
    names = {"AwsvpcConfiguration": "awsvpcConfiguration", "ClientIdList": "ClientIDList"}
    if isinstance(node, dict):
        return {names.get(name, name): _as_the_api_writes_it(value) for name, value in node.items()}
    return [_as_the_api_writes_it(value) for value in node] if isinstance(node, list) else node


MADE_BY_API: dict[str, Callable[[Any, dict[str, Any]], object]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": lambda c, p: c("application-autoscaling").register_scalable_target(
        **p
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": lambda c, p: c("application-autoscaling").put_scaling_policy(**p),
    "AWS::CloudWatch::Alarm": lambda c, p: c("cloudwatch").put_metric_alarm(**p),
    "AWS::ECS::Service": lambda c, p: c("ecs").create_service(**_lower_camel(p)),  # moto's stack: only name and family
    "AWS::IAM::OIDCProvider": lambda c, p: c("iam").create_open_id_connect_provider(**p),
    "AWS::Logs::MetricFilter": lambda c, p: c("logs").put_metric_filter(filterName="one", **_lower_camel(p)),
    "AWS::S3::BucketPolicy": lambda *_: None,  # moto would deny all, being blind to conditions
    "AWS::SNS::Subscription": lambda c, p: c("sns").subscribe(**p),
    "AWS::SNS::TopicPolicy": lambda c, p: c("sns").set_topic_attributes(
        TopicArn=p["Topics"][0], AttributeName="Policy", AttributeValue=json.dumps(p["PolicyDocument"])
    ),
    "AWS::SQS::QueuePolicy": lambda c, p: c("sqs").set_queue_attributes(
        QueueUrl=p["Queues"][0], Attributes={"Policy": json.dumps(p["PolicyDocument"])}
    ),
    "AWS::Scheduler::Schedule": lambda c, p: c("scheduler").create_schedule(**p),
    "AWS::SecretsManager::Secret": lambda c, p: c("secretsmanager").create_secret(Name="api-keys", **p),
}


@dataclass
class Deployed:
    """The stack in moto, and what it resolved to; `client(service)` asks moto's APIs."""

    client: Callable[[str], Any]
    parameters: dict[str, str]
    outputs: dict[str, str]
    resources: dict[str, dict[str, Any]]
    """The resolved properties of each resource that the stack has now, by logical name."""
    things: set[str] = field(default_factory=set)
    """The ECS services, rules and schedules that there are."""

    def statements(self, role: str) -> list[dict[str, Any]]:
        """Return the statements of a role's policies, as resolved: moto's IAM gives documents back as Python's repr."""
        properties = self.resources[role]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if "ManagedPolicyArns" in properties:
            (arn,) = properties["ManagedPolicyArns"]
            version = self.client("iam").get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
            documents.append(version["Document"])
        return [statement for document in documents for statement in document["Statement"]]


@cache
def _as_json() -> str:
    loads = import_module("cfnlint.decode.cfn_yaml").loads  # not above, because importing it takes seconds
    return json.dumps(loads(TEMPLATE.read_text()))


def template() -> dict[str, Any]:
    """Return the template in CloudFormation's JSON form."""
    found: dict[str, Any] = json.loads(_as_json())
    return found


def _for_moto(running: bool) -> dict[str, Any]:
    found = _without_references(template())
    del found["Rules"]  # moto knows none
    resources = found["Resources"]
    if not running:  # moto does not add, on an update, what only a condition brings in
        resources = {name: one for name, one in resources.items() if one.get("Condition") != "IsRunning"}
    for name, one in resources.items():
        found["Outputs"][f"Properties{name}"] = {"Value": {"Fn::ToJsonString": one["Properties"]}}
        if "Condition" in one:
            found["Outputs"][f"Properties{name}"]["Condition"] = one["Condition"]
    found["Resources"] = {name: one for name, one in resources.items() if one["Type"] not in MADE_BY_API}
    for name in ("ServiceRepository", "BatchRepository"):  # moto's own names for these are not lower-case
        found["Resources"][name]["Properties"]["RepositoryName"] = name.lower()
    return found


def _without_references(node: Any) -> Any:
    """Put values in the place of references that moto cannot follow."""
    if isinstance(node, dict):
        reference = ".".join(node["Fn::GetAtt"]) if "Fn::GetAtt" in node else str(node.get("Ref"))
        return STAND_INS.get(reference) or {name: _without_references(value) for name, value in node.items()}
    if isinstance(node, str):
        for reference, value in STAND_INS.items():
            node = node.replace(f"${{{reference}}}", value)
        return node
    return [_without_references(value) for value in node] if isinstance(node, list) else node


def _without_nulls(node: Any) -> Any:
    """Drop what moto leaves of AWS::NoValue in a list."""
    if isinstance(node, dict):
        return {name: _without_nulls(value) for name, value in node.items()}
    return [_without_nulls(value) for value in node if value is not None] if isinstance(node, list) else node


@contextmanager
def deployed(**parameters: str) -> Iterator[tuple[Deployed, Deployed]]:
    """Create the stack with Running=no; then register the task definitions, set it to yes, and give both states."""
    with _moto() as endpoint:
        session: Any = boto3.Session(aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name=REGION)

        def client(service: str) -> Any:
            return session.client(service, endpoint_url=endpoint)

        given = _surroundings(client) | parameters
        first = _put(client, "create", given, running=False)
        first.things = _things(client)
        _register(client, first)
        stack = _put(client, "update", given, running=True)
        types = {name: one["Type"] for name, one in template()["Resources"].items()}
        for name, properties in stack.resources.items():
            if types[name] in MADE_BY_API:
                MADE_BY_API[types[name]](client, _as_the_api_writes_it(properties))
        stack.things = _things(client)
        yield first, stack


@contextmanager
def _moto() -> Iterator[str]:
    """Start an empty moto server and leave an empty one: all servers of a process share what they hold."""
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    reset = Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    try:
        urlopen(reset).close()  # noqa: S310 (our own server)
        yield f"http://{host}:{port}"
    finally:
        urlopen(reset).close()  # noqa: S310
        running.stop()


def _things(client: Callable[[str], Any]) -> set[str]:
    """Name what runs or makes something run."""
    return {
        *client("ecs").list_services(cluster=NAME)["serviceArns"],
        *(rule["Name"] for rule in client("events").list_rules()["Rules"]),
        *(schedule["Name"] for schedule in client("scheduler").list_schedules()["Schedules"]),
    }


def _surroundings(client: Callable[[str], Any]) -> dict[str, str]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for number, zone in enumerate("abab")
    ]
    ids = [subnet["SubnetId"] for subnet in subnets]
    certificate = client("acm").request_certificate(DomainName="who.example.com")["CertificateArn"]
    return {
        "VpcId": vpc,
        "LoadBalancerSubnets": ",".join(ids[:2]),
        "TaskSubnets": ",".join(ids[2:]),
        "DomainName": "who.example.com",
        "CertificateArn": certificate,
        "GitHubRepository": "shop/menagerie",
        "AlarmEmail": "on-call@example.com",
    }


def _put(client: Callable[[str], Any], verb: str, given: dict[str, str], *, running: bool) -> Deployed:
    parameters = given | {"Running": "yes" if running else "no"}
    formation = client("cloudformation")
    getattr(formation, f"{verb}_stack")(
        StackName=NAME,
        TemplateBody=json.dumps(_for_moto(running)),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = formation.describe_stacks(StackName=NAME)["Stacks"]
    assert stack["StackStatus"] == f"{verb.upper()}_COMPLETE"
    told = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resources = {
        name.removeprefix("Properties"): _without_nulls(json.loads(value))
        for name, value in told.items()
        if name.startswith("Properties")
    }
    outputs = {name: value for name, value in told.items() if not name.startswith("Properties")}
    return Deployed(client, parameters, outputs, resources)


def _register(client: Callable[[str], Any], stack: Deployed) -> None:
    described = Stack(NAME, stack.outputs, stack.parameters)
    for part in PARTS:
        filled = definition(part, described, "1")
        filled["containerDefinitions"][0]["memory"] = int(filled["memory"])  # moto adds up the containers' memory
        client("ecs").register_task_definition(**filled)
