"""The container engine that DOCKER_HOST names, by its own command line; each image is built once for all tests."""

import atexit
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

CHECKOUT = Path(__file__).parent.parent
OURS = f"menagerie-test-{uuid4().hex[:8]}"
RESTRICTED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "10001:10001")
NO_DEBIAN_PROGRAMS = ("--tmpfs", "/usr/bin")  # nor a shell: /bin is a link to it, and Python is in /usr/local/bin
AS_OF = "2020-04-30"


def docker(
    *arguments: str, timeout_s: float = 600, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run one command of Docker's and return what came of it, whether it succeeded or not."""
    return subprocess.run(
        ["docker", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def output(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run one command of Docker's that must succeed, and return what it printed."""
    done = docker(*arguments, environment=environment)
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def need_engine() -> None:
    """Skip the test where there is no engine, or where its own command, build or compose is missing."""
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    for command in (("version",), ("buildx", "version"), ("compose", "version")):
        done = docker(*command, timeout_s=30)
        if done.returncode != 0:
            pytest.skip(f"`docker {' '.join(command)}` fails: {done.stderr.strip()}")


@cache
def built(target: str) -> str:
    """Build a target of the Dockerfile, and return the image's name; it is removed when the tests end."""
    name = f"{OURS}-{target}"
    output("build", "--quiet", "--target", target, "--tag", name, ".")
    atexit.register(docker, "image", "rm", "--force", name)
    return name


def inspect(name: str) -> dict[str, Any]:
    """Return what the engine knows about an image or a container."""
    found: list[dict[str, Any]] = json.loads(output("inspect", name))
    return found[0]


def layers(image: str) -> list[str]:
    """Return the digests of an image's layers, uncompressed, from the lowest up."""
    digests: list[str] = inspect(image)["RootFS"]["Layers"]
    return digests


@contextmanager
def volume() -> Iterator[str]:
    """Make a named volume, and remove it."""
    name = output("volume", "create", f"{OURS}-{uuid4().hex[:8]}")
    try:
        yield name
    finally:
        docker("volume", "rm", "--force", name)


@contextmanager
def started(image: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """Start a container in the background, and remove it with its volumes."""
    container = output("run", "--detach", *options, image, *arguments)
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


def segment(store: str, *arguments: str, options: tuple[str, ...] = RESTRICTED) -> str:
    """Run the batch image with the sample over a volume, and return what it printed."""
    mount = ("--volume", f"{store}:/store", *options)
    return output("run", "--rm", *mount, built("sample"), *arguments)


def wait_until(holds: Callable[[], bool], within_s: float, what: Callable[[], object]) -> float:
    """Ask again and again until it holds, and return the seconds it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within_s, f"Not within {within_s} s: {what()}"
        time.sleep(0.05)
    return time.monotonic() - began


def logs(container: str) -> str:
    """Return what a container has said so far, errors included."""
    done = docker("logs", container)
    return done.stdout + done.stderr
