"""Each role of the stack may do exactly what is done in its name."""

import logging
from collections.abc import Iterator
from pathlib import Path

import permissions
import pytest
from needs import Need
from scenarios import everything
from stacks import Deployed

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
ROLES = ["ArrivalRole", "BatchRole", "DeployRole", "ExecutionRole", "ScheduleRole", "ServiceRole"]
Done = tuple[Deployed, dict[str, list[Need]]]


@pytest.fixture(scope="module")
def done() -> Iterator[Done]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with everything() as found:
        yield found


@pytest.mark.parametrize("role", ROLES)
def test_all_that_is_done_is_allowed(done: Done, role: str) -> None:
    stack, needed = done
    assert needed[role]
    assert permissions.missing(stack, role, needed[role]) == []


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_allowed_that_is_not_done(done: Done, role: str) -> None:
    stack, needed = done
    assert permissions.unused(stack, role, needed[role]) == []


def test_no_role_is_forgotten(done: Done) -> None:
    stack, needed = done
    roles = {name for name, properties in stack.resources.items() if "AssumeRolePolicyDocument" in properties}
    assert roles == set(needed) == set(ROLES)


def test_what_is_not_allowed_is_noticed(done: Done) -> None:
    stack, needed = done
    bucket = f"arn:aws:s3:::{stack.outputs['BucketName']}"
    foreign = [
        Need("s3:PutObject", f"{bucket}/store/raw/2026.csv", "a test"),
        Need("s3:ListBucket", bucket, "a test", context={"s3:prefix": "another/"}),
        Need("s3:GetObjectVersion", f"{bucket}/store/snapshots/CURRENT", "a test"),
    ]
    assert permissions.missing(stack, "BatchRole", [*needed["BatchRole"], *foreign]) == foreign


def test_the_page_says_what_is_so(done: Done) -> None:
    assert PAGE.read_text() == permissions.page(*done), "PYTHONPATH=. python tests/permissions.py > docs/permissions.md"
