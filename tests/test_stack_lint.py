"""cfn-lint and checkov find nothing in the stack."""

import os
import subprocess
from pathlib import Path

import pytest
from checkers import checker
from stacks import TEMPLATE, template

pytestmark = pytest.mark.checkers


def _run(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_DEFAULT_REGION": "eu-west-3"}
    command = [checker(name), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=120
    )


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    done = _run("cfn-lint", str(TEMPLATE), folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_checkov_finds_nothing_but_what_the_template_excuses(tmp_path: Path) -> None:
    command = ["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--file", str(TEMPLATE)]
    done = _run("checkov", *command, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Failed checks: 0" in done.stdout
    excused = [
        skip
        for resource in template()["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert f"Skipped checks: {len(excused)}" in done.stdout, "an excuse in the template is not needed any more"
    assert all(skip["comment"] for skip in excused)
