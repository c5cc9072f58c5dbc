"""The deploy script against moto's ECS, CloudFormation and Logs over HTTP, and against a service that runs."""

import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.ecs.models import EC2ContainerServiceBackend
from s3_servers import S3Server, environment, moto_server
from serving import running
from snapshots import publish_small

from ecs.deploy import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
OUTPUTS = {
    "Region": "eu-west-3",
    "ServiceRepositoryUri": "123456789012.dkr.ecr.eu-west-3.amazonaws.com/shop-service",
    "BatchRepositoryUri": "123456789012.dkr.ecr.eu-west-3.amazonaws.com/shop-batch",
    "ClusterName": "shop",
    "ServiceName": "shop-service",
    "ServiceTaskFamily": "shop-service",
    "BatchTaskFamily": "shop-batch",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "ServiceRoleArn": "arn:aws:iam::123456789012:role/service",
    "BatchRoleArn": "arn:aws:iam::123456789012:role/batch",
    "StoreUrl": "s3://shop-bucket/store",
    "ServiceLogGroup": "/menagerie/shop/service",
    "BatchLogGroup": "/menagerie/shop/batch",
    "ApiKeysSecretArn": "arn:aws:secretsmanager:eu-west-3:123456789012:secret:ApiKeys-x1Y2z3",
    "ServiceUrl": "http://127.0.0.1:1",
    "AssignPublicIp": "ENABLED",
    "ServiceCpu": "512",
    "ServiceMemory": "1024",
    "BatchCpu": "2048",
    "BatchMemory": "8192",
    "BatchScratchGiB": "50",
    "Shop": "corner-shop",
}
NO_WAIT = ("--interval", "0")


def method(bound: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that a class hands its instance to, which a bound method would swallow."""

    def called(instance: Any, *call: Any, **named: Any) -> Any:
        return bound(instance, *call, **named)

    return called


class Fargate:
    """What moto's ECS leaves out: deployments that take a look or two and a circuit breaker, tasks that say something.

    Images tagged `broken` never become healthy, those tagged `gone` neither, and their deployment is soon forgotten;
    images tagged `slow` take for ever.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exit_code: int | None = 0
        self.says = ["reading 3 files", "published 2020-04-30-000000000000"]
        self._number = 0
        self._update, self._describe = (
            EC2ContainerServiceBackend.update_service,
            EC2ContainerServiceBackend.describe_services,
        )
        self._run = EC2ContainerServiceBackend.run_task
        monkeypatch.setattr(EC2ContainerServiceBackend, "update_service", method(self.update_service))
        monkeypatch.setattr(EC2ContainerServiceBackend, "describe_services", method(self.describe))
        monkeypatch.setattr(EC2ContainerServiceBackend, "run_task", method(self.run_task))
        # moto adds up the containers' memory, which tasks on Fargate may leave to the task.
        monkeypatch.setattr(
            EC2ContainerServiceBackend, "_calculate_task_resource_requirements", lambda *_: {"CPU": 0, "MEMORY": 0}
        )

    def update_service(self, backend: Any, wanted: dict[str, Any]) -> Any:
        service: Any = self._update(backend, wanted)
        self._begin(service, service.task_definition, "IN_PROGRESS")
        return service

    def describe(self, backend: Any, *call: Any) -> Any:
        services, failures = self._describe(backend, *call)
        for service in services:
            self._go_on(backend, service)
        return services, failures

    def run_task(self, backend: Any, *call: Any, **named: Any) -> Any:
        tasks: Any = self._run(backend, *call, **named)
        group, stream = OUTPUTS["BatchLogGroup"], f"ecs/batch/{tasks[0].id}"
        tasks[0].containers[0].exitCode = self.exit_code
        if self.says:
            logs: Any = boto3.Session().client("logs")
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            events: list[Any] = [
                {"timestamp": int(time.time() * 1000) + at, "message": m} for at, m in enumerate(self.says)
            ]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        else:
            tasks[0].stopped_reason = "CannotPullContainerError: not found"
        return tasks

    def _begin(self, service: Any, revision: str, state: str) -> None:
        self._number += 1
        earlier = [{**entry, "status": "ACTIVE"} for entry in service.deployments]
        new = {**earlier[0], "id": f"ecs-svc/{self._number}", "status": "PRIMARY", "taskDefinition": revision}
        service.deployments = [{**new, "rolloutState": state, "rolloutStateReason": f"it is {state}"}, *earlier]

    def _go_on(self, backend: Any, service: Any) -> None:
        newest, *earlier = service.deployments
        if newest["rolloutState"] != "IN_PROGRESS":
            return
        tag = backend.describe_task_definition(newest["taskDefinition"]).container_definitions[0]["image"]
        if newest.pop("looked", None) is None:
            newest["looked"] = True
        elif tag.endswith((":broken", ":gone")):
            newest |= {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start."}
            service.task_definition = earlier[0]["taskDefinition"]
            self._begin(service, service.task_definition, "IN_PROGRESS")
            if tag.endswith(":gone"):
                del service.deployments[1]
        elif not tag.endswith(":slow"):
            newest["rolloutState"] = "COMPLETED"
            service.deployments = [newest]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with moto_server() as started, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(started.endpoint).items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        yield started


@pytest.fixture
def aws(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Fargate:
    """An account with nothing in it."""
    monkeypatch.setenv("MENAGERIE_STACK", "shop")
    monkeypatch.delenv("MENAGERIE_SMOKE_KEY", raising=False)
    connection = HTTPConnection(server.endpoint.removeprefix("http://"))
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().read()
    connection.close()
    return Fargate(monkeypatch)


@pytest.fixture
def shop(aws: Fargate, capsys: pytest.CaptureFixture[str]) -> Fargate:
    """The account with the stack `shop`, which runs revision 1 of the service."""
    make_stack("no")
    assert main(["release", "--tag", "first"]) == 0
    ecs = boto3.client("ecs")
    ecs.create_service(cluster="shop", serviceName="shop-service", taskDefinition="shop-service", desiredCount=0)
    make_stack("yes")
    capsys.readouterr()
    return aws


def make_stack(running: str) -> None:
    """Make, or update, a stack with the outputs of ecs/stack.yaml."""
    ec2, ecs, cloud = boto3.client("ec2"), boto3.client("ecs"), boto3.client("cloudformation")
    subnets = ",".join(subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2])
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    values = OUTPUTS | {"TaskSubnets": subnets, "BatchSecurityGroup": group}
    template = {
        "Parameters": {"Running": {"Type": "String"}},
        "Resources": {
            "BatchLogs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": values["BatchLogGroup"]}}
        },
        "Outputs": {name: {"Value": value} for name, value in values.items()},
    }
    change: Callable[..., Any] = cloud.create_stack if running == "no" else cloud.update_stack
    change(
        StackName="shop",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Running", "ParameterValue": running}],
    )
    ecs.create_cluster(clusterName="shop")


def active(family: str) -> list[str]:
    found = boto3.client("ecs").list_task_definitions(familyPrefix=family, status="ACTIVE")
    return [arn.rpartition("/")[2] for arn in found["taskDefinitionArns"]]


def served() -> str:
    found = boto3.client("ecs").describe_services(cluster="shop", services=["shop-service"])
    return found["services"][0]["taskDefinition"].rpartition("/")[2]


def described(family: str) -> dict[str, Any]:
    found: Any = boto3.client("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]
    return found


@pytest.mark.usefixtures("shop")
def test_the_service_is_registered_as_it_may_run() -> None:
    task = described("shop-service")
    (container,) = task["containerDefinitions"]
    assert {key: task[key] for key in ("family", "cpu", "memory", "networkMode", "requiresCompatibilities")} == {
        "family": "shop-service",
        "cpu": "512",
        "memory": "1024",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
    }
    assert (task["executionRoleArn"], task["taskRoleArn"]) == (
        "arn:aws:iam::123456789012:role/execution",
        "arn:aws:iam::123456789012:role/service",
    )
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}
    assert task["volumes"] == [{"name": "cache"}]
    assert {key: container[key] for key in container if key in UNPRIVILEGED} == UNPRIVILEGED
    assert container["image"] == "123456789012.dkr.ecr.eu-west-3.amazonaws.com/shop-service:first"
    assert container["mountPoints"] == [{"sourceVolume": "cache", "containerPath": "/cache", "readOnly": False}]
    assert [(port["containerPort"], port["protocol"]) for port in container["portMappings"]] == [(8000, "tcp")]
    assert {entry["name"]: entry["value"] for entry in container["environment"]} == {
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "MENAGERIE_STORE": "s3://shop-bucket/store",
        "MENAGERIE_HOST": "0.0.0.0",  # noqa: S104
        "MENAGERIE_PORT": "8000",
        "MENAGERIE_PROXIES": "1",  # the load balancer
        "MENAGERIE_CACHE_DIR": "/cache",
        "TMPDIR": "/cache",
    }
    assert container["secrets"] == [{"name": "MENAGERIE_API_KEYS", "valueFrom": OUTPUTS["ApiKeysSecretArn"]}]
    assert container["healthCheck"]["command"] == ["CMD", "python", "-m", "service.healthcheck"]
    assert container["stopTimeout"] > 10  # the service's own grace
    assert container["logConfiguration"]["options"] == {
        "awslogs-group": "/menagerie/shop/service",
        "awslogs-region": "eu-west-3",
        "awslogs-stream-prefix": "ecs",
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }


@pytest.mark.usefixtures("shop")
def test_the_batch_is_registered_as_it_may_run() -> None:
    task = described("shop-batch")
    (container,) = task["containerDefinitions"]
    assert (task["cpu"], task["memory"], task["ephemeralStorage"]) == ("2048", "8192", {"sizeInGiB": 50})
    assert task["taskRoleArn"] == "arn:aws:iam::123456789012:role/batch"
    assert task["volumes"] == [{"name": "scratch"}]
    assert {key: container[key] for key in container if key in UNPRIVILEGED} == UNPRIVILEGED
    assert container["image"] == "123456789012.dkr.ecr.eu-west-3.amazonaws.com/shop-batch:first"
    assert container["mountPoints"] == [{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": False}]
    assert {entry["name"]: entry["value"] for entry in container["environment"]} == {
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "MENAGERIE_STORE": "s3://shop-bucket/store",
        "MENAGERIE_EVENTS": "s3://shop-bucket/store/raw",
        "MENAGERIE_METRICS": "corner-shop",
        "MENAGERIE_SCRATCH": "/scratch",
        "TMPDIR": "/scratch",
    }
    assert container["logConfiguration"]["options"]["mode"] == "blocking"


UNPRIVILEGED = {
    "user": "10001:10001",
    "readonlyRootFilesystem": True,
    "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
}


@pytest.mark.parametrize("part", ["service", "batch"])
def test_the_stack_gives_all_that_a_task_definition_asks_for(part: str) -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", (ROOT / "ecs" / f"{part}-task.json").read_text()))
    outputs = (ROOT / "ecs" / "stack.yaml").read_text().partition("\nOutputs:\n")[2]
    assert asked - {"Image"} <= set(re.findall(r"^  (\w+):", outputs, re.MULTILINE))


@pytest.mark.usefixtures("shop")
def test_a_release_updates_the_service_and_waits_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "--tag", "second", *NO_WAIT]) == 0
    assert served() == "shop-service:2"
    assert described("shop-batch")["containerDefinitions"][0]["image"].endswith(":second")
    assert capsys.readouterr().out.splitlines() == [
        "Registered shop-service:2",
        "The service runs shop-service:2",
        "Registered shop-batch:2",
    ]


@pytest.mark.usefixtures("aws")
def test_a_release_before_the_service_exists_registers_only(capsys: pytest.CaptureFixture[str]) -> None:
    make_stack("no")
    assert main(["release", "--tag", "first"]) == 0
    assert (active("shop-service"), active("shop-batch")) == (["shop-service:1"], ["shop-batch:1"])
    assert main(["smoke"]) == 0
    assert capsys.readouterr().out.count("The stack does not run the service yet: its parameter Running is no.\n") == 2


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("tag", "reason"), [("broken", "tasks failed to start."), ("gone", "another deployment has taken its place.")]
)
def test_a_release_that_is_rolled_back_fails_and_leaves_no_trace(
    tag: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", "--tag", tag, *NO_WAIT]) == 1
    error = f"error: shop-service:2 was rolled back, the service goes to shop-service:1: {reason}\n"
    assert capsys.readouterr().err == error
    assert (active("shop-service"), active("shop-batch")) == (["shop-service:1"], ["shop-batch:1"])
    assert served() == "shop-service:1"


@pytest.mark.usefixtures("shop")
def test_a_release_that_takes_too_long_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "--tag", "slow", "--timeout", "0", *NO_WAIT]) == 1
    assert "shop-service:2 does not serve yet after 0 s" in capsys.readouterr().err
    assert active("shop-batch") == ["shop-batch:1"]


@pytest.mark.usefixtures("shop")
def test_a_rollback_of_the_service_goes_to_the_revision_before() -> None:
    main(["release", "--tag", "second", *NO_WAIT])
    assert main(["rollback", "service", *NO_WAIT]) == 0
    assert (served(), active("shop-service")) == ("shop-service:1", ["shop-service:1"])
    assert main(["release", "--tag", "third", *NO_WAIT]) == 0
    assert served() == "shop-service:3"


@pytest.mark.usefixtures("shop")
def test_a_rollback_goes_to_another_image_though_the_newest_was_released_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        main(["release", "--tag", "second", *NO_WAIT])
    capsys.readouterr()
    assert main(["rollback", "service", *NO_WAIT]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Withdrew shop-service:3 (shop-service:second)",
        "Withdrew shop-service:2 (shop-service:second)",
        "shop-service:1 (shop-service:first) is the newest again",
    ]
    assert (served(), active("shop-service")) == ("shop-service:1", ["shop-service:1"])


@pytest.mark.usefixtures("shop")
def test_a_rollback_of_the_batch_withdraws_its_newest_revision() -> None:
    main(["release", "--tag", "second", *NO_WAIT])
    assert main(["rollback", "batch"]) == 0
    assert (active("shop-batch"), served()) == (["shop-batch:1"], "shop-service:2")


@pytest.mark.usefixtures("shop")
def test_the_first_image_cannot_be_rolled_back(capsys: pytest.CaptureFixture[str]) -> None:
    main(["release", "--tag", "first", *NO_WAIT])
    assert main(["rollback", "batch"]) == 1
    told = "error: There is no revision of shop-batch with an earlier image to go back to.\n"
    assert capsys.readouterr().err == told
    assert active("shop-batch") == ["shop-batch:1", "shop-batch:2"]


def test_a_batch_runs_as_a_task_and_is_followed_to_its_end(shop: Fargate, capsys: pytest.CaptureFixture[str]) -> None:
    shop.exit_code = 4
    assert main(["batch", *NO_WAIT, "--", "run", "--as-of", "2020-04-30", "--seed", "7"]) == 4
    started, *said = capsys.readouterr().out.splitlines()
    assert said == shop.says
    task = started.removeprefix("Started ")
    (found,) = boto3.client("ecs").describe_tasks(cluster="shop", tasks=[task])["tasks"]
    command = ["run", "--as-of", "2020-04-30", "--seed", "7"]
    assert found["overrides"]["containerOverrides"] == [{"name": "batch", "command": command}]
    assert (found["launchType"], found["lastStatus"]) == ("FARGATE", "STOPPED")
    assert found["taskDefinitionArn"].endswith("/shop-batch:1")


def test_a_batch_that_never_ran_says_why(shop: Fargate, capsys: pytest.CaptureFixture[str]) -> None:
    shop.exit_code, shop.says = None, []
    assert main(["batch", *NO_WAIT, "--", "run", "--as-of", "2020-04-30"]) == 1
    assert capsys.readouterr().err == "error: The task never ran: CannotPullContainerError: not found\n"


@pytest.mark.usefixtures("shop")
def test_a_batch_that_takes_too_long_is_left_running(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "--timeout", "0", *NO_WAIT, "--", "run", "--as-of", "2020-04-30"]) == 1
    assert "still runs after 0 s, and goes on" in capsys.readouterr().err


@pytest.mark.usefixtures("shop")
def test_the_outputs_are_printed_for_a_workflow(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outputs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {f"{name}={value}" for name, value in OUTPUTS.items()} < set(lines)


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_is_told_in_a_sentence() -> None:
    command = [sys.executable, "-m", "ecs.deploy", "--stack", "nowhere", "outputs"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: .*nowhere does not exist\n", done.stderr)


def test_smoke_looks_a_client_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish_small(tmp_path)
    with running(tmp_path, tmp_path / "log") as service:
        url = f"http://127.0.0.1:{service.port}"
        snapshot = json.loads(service.get("/readyz")[2])["snapshot"]
        said = f"{url} answers from snapshot {snapshot}\n"
        assert (main(["smoke", "--url", url]), capsys.readouterr().out) == (0, said)
        assert (main(["smoke", "--url", url, "--user-id", "512363741"]), capsys.readouterr().out) == (0, said)
        assert main(["smoke", "--url", url, "--user-id", "1"]) == 1
        assert "error: The lookup got status 404: " in capsys.readouterr().err


def test_smoke_shows_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_small(tmp_path)
    keys = f"smoke:lookup:{hashlib.sha256(b'a-key').hexdigest()}"
    with running(tmp_path, tmp_path / "log", environment={"MENAGERIE_API_KEYS": keys}) as service:
        asks = ["smoke", "--url", f"http://127.0.0.1:{service.port}", "--user-id", "512363741"]
        monkeypatch.setenv("MENAGERIE_SMOKE_KEY", "another-key")
        assert main(asks) == 1
        told = capsys.readouterr().err
        assert told.startswith("error: The lookup got status 401: ")
        assert told.endswith(" Set MENAGERIE_SMOKE_KEY to a key with the scope lookup.\n")
        monkeypatch.setenv("MENAGERIE_SMOKE_KEY", "a-key")
        assert main(asks) == 0


def test_smoke_gives_up_on_a_service_that_is_not_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path, tmp_path / "log") as service:
        url = f"http://127.0.0.1:{service.port}"
        assert main(["smoke", "--url", url, "--timeout", "0"]) == 1
        assert capsys.readouterr().err == f"error: {url}/readyz is not ready after 0 s: status 503\n"


@pytest.mark.usefixtures("shop")
def test_smoke_asks_where_the_stack_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smoke", "--timeout", "0"]) == 1
    assert capsys.readouterr().err.startswith("error: http://127.0.0.1:1/readyz is not ready after 0 s: ")
    assert main(["smoke", "--url", "file:///etc/passwd"]) == 1
