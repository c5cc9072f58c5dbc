"""All that the batch, the service and the deploy script do on AWS, done once in the stack as moto makes it."""

import contextlib
import gzip
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fault_plans import Fault, from_the
from faults import faulty_proxy
from needs import Need, needs, recorded
from needs_of_aws import documented
from s3_servers import environment
from stacks import NAME, Deployed, deployed
from test_deploy import NO_WAIT, OUTPUTS, Fargate

from contract.errors import MenagerieError
from ecs import deploy
from segmentation.commands import cli
from segmentation.tools.progress import SILENT
from service.common.log import JsonLog
from service.common.settings import read_settings
from service.snapshots.comparisons import Comparisons
from service.snapshots.opening import open_source
from simulator import Shop, simulate
from storage import s3
from storage.bucket import open_bucket

AREAS = ("events", "rejects", "snapshots")
"""Of the store, where the batch uploads files."""


@contextmanager
def everything() -> Iterator[tuple[Deployed, dict[str, list[Need]]]]:
    """Give the stack, and what each of its roles needs."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder, deployed() as (_, stack):
        endpoint = stack.client("s3").meta.endpoint_url
        for name, value in (environment(endpoint) | stack_environment(stack, Path(folder))).items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            needed = done(stack, Path(folder), patch)
        yield stack, needed


def done(stack: Deployed, folder: Path, patch: pytest.MonkeyPatch) -> dict[str, list[Need]]:
    """Do it all, and return what each role needs."""
    of_aws = documented(stack)
    with recorded() as serving:
        assert not service(stack, folder)
    with recorded() as batching:
        batch(stack, folder, patch)
    with recorded() as serving_later:
        assert service(stack, folder)
    with recorded() as deploying:
        release(stack, patch)
    return of_aws | {
        "BatchRole": needs(batching, "segmentation", stack),
        "ServiceRole": needs([*serving, *serving_later], "service", stack),
        "DeployRole": needs(deploying, "ecs.deploy", stack) + of_aws["DeployRole"],
    }


def stack_environment(stack: Deployed, folder: Path) -> dict[str, str]:
    """Return the variables that the task definitions give."""
    url = stack.outputs["StoreUrl"]
    scratch = {"MENAGERIE_SCRATCH": str(folder), "MENAGERIE_CACHE_DIR": str(folder / "cache")}
    return {"MENAGERIE_STORE": url, "MENAGERIE_EVENTS": f"{url}/raw", "MENAGERIE_QUIET_S": "0", **scratch}


def service(stack: Deployed, folder: Path) -> bool:
    """Look at what is served, and compare it with the one before, as the service does; tell whether there are any."""
    given = {"MENAGERIE_STORE": stack.outputs["StoreUrl"], "MENAGERIE_CACHE_DIR": str(folder / "cache")}
    source = open_source(read_settings([], given))
    found = source.current()
    if found is None:
        return False
    served = source.read(found[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.snapshots.comparisons._PATIENCE_S", 60.0)
        return Comparisons(source, JsonLog("error")).of(served).other != served.id


def batch(stack: Deployed, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Run, run again, look, go back, prune, export, run on one more file; then upload, which once fails."""
    arrived = raw_files(stack, folder / "shop")
    run = ("run", "--as-of", "2020-04-30")
    for command in (
        (*run, "--arrived", *arrived),
        (*run, "--seed", "1"),
        (*run, "--seed", "2"),
        ("snapshots", "list"),
        ("snapshots", "rollback"),
        ("snapshots", "verify"),
        ("personas",),
        ("export", "--persona", "fox", "--out", str(folder / "foxes.csv")),
        (*run, "--seed", "3", "--keep", "1"),
        (*run, "--seed", "4"),
    ):
        assert cli.main(command) == 0, command
    one_more_raw_file(stack, folder / "shop")
    assert cli.main(run) == 0
    patch.setattr(s3, "PART_BYTES", 5 * 2**20)
    (folder / "large").write_bytes(random.Random(3).randbytes(6 * 2**20))
    for area in AREAS:
        open_bucket(stack.outputs["StoreUrl"]).upload(folder / "large", f"{area}/large")
    with faulty_proxy(stack.client("s3").meta.endpoint_url) as proxy, patch.context() as through:
        through.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        proxy.plan = from_the(1, Fault.CONFLICT, "PUT .*partNumber=1", float("inf"))  # not tried again
        for area in AREAS:
            with pytest.raises(MenagerieError):
                open_bucket(stack.outputs["StoreUrl"]).upload(folder / "large", f"{area}/large")


def raw_files(stack: Deployed, folder: Path) -> tuple[str, str]:
    """Put a small shop's files, one row of which is bad, where they land; return the key of the last, and when."""
    simulate(Shop(clients=300, seed=3, visitors_per_client=0.2, browsing=0.3), folder, SILENT)
    files = sorted(folder.glob("*.csv.gz"))
    text = gzip.decompress(files[0].read_bytes())
    files[0].write_bytes(gzip.compress(text + b"yesterday" + text.splitlines()[1][19:] + b"\n"))
    keys = [land(stack, file) for file in files]
    return keys[-1], datetime.now(UTC).isoformat()


def one_more_raw_file(stack: Deployed, folder: Path) -> None:
    """Put a file of one event where the others are, so that the other months stay as they are."""
    header, event, *_ = gzip.decompress(next(folder.glob("*.csv.gz")).read_bytes()).splitlines(keepends=True)
    (folder / "more.csv").write_bytes(header + event)
    land(stack, folder / "more.csv")


def land(stack: Deployed, file: Path) -> str:
    """Upload a raw file; return its key."""
    key = f"{stack.outputs['StoreUrl'].split('/', 3)[3]}/raw/{file.name}"
    stack.client("s3").upload_file(str(file), stack.outputs["BucketName"], key)
    return key


def release(stack: Deployed, patch: pytest.MonkeyPatch) -> None:
    """Release, go back, and run the batch."""
    Fargate(patch)
    patch.setitem(OUTPUTS, "BatchLogGroup", stack.outputs["BatchLogGroup"])
    for command in (
        ("outputs",),
        ("release", "--tag", "2", *NO_WAIT),
        ("rollback", "service", *NO_WAIT),
        ("batch", *NO_WAIT, "--", "run", "--as-of", "2020-04-30"),
    ):
        assert deploy.main(("--stack", NAME, *command)) == 0, command
