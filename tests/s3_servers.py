"""Real S3-compatible servers over HTTP: moto's honours conditional puts, rclone's keeps real files."""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from segmentation.tools.scratch import VARIABLE

PORTS = range(20_000, 32_000)
"""Below those that Linux and macOS hand out by themselves."""
REGION = "eu-west-3"
KEY, SECRET = "menagerie", "a-secret-of-the-tests"


@dataclass(frozen=True)
class S3Server:
    """A server at `endpoint` with one empty bucket; `environment` is what a client needs to find it."""

    endpoint: str
    bucket: str = "shop-events"
    environment: dict[str, str] = field(default_factory=dict)

    def url(self, prefix: str = "store") -> str:
        return f"s3://{self.bucket}/{prefix}"

    @property
    def client(self) -> Any:
        return client_of(self.endpoint)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@cache
def client_of(endpoint: str) -> Any:
    """Return a client of our own; making one takes longer than most requests."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}),
    )


def environment(endpoint: str) -> dict[str, str]:
    """Return the usual AWS variables that lead a client to `endpoint`, and to nothing of the machine's own."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def entered(server: S3Server, monkeypatch: pytest.MonkeyPatch, folder: Path) -> S3Server:
    """Name a server in the environment as a run would find it; scratch space is in a folder of the test."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    (folder / "scratch").mkdir()
    monkeypatch.setenv(VARIABLE, str(folder / "scratch"))
    return server


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """Start moto's server in a thread of this process, empty: all its servers in a process share what they hold."""
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        yield _with_bucket(f"http://{host}:{port}")
    finally:
        running.stop()


@contextmanager
def rclone_server(folder: Path) -> Iterator[S3Server]:
    """Start `rclone serve s3` over a folder, a bucket a folder in it."""
    program = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        raise FileNotFoundError("rclone comes with requirements-dev.txt")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        command = [program, "serve", "s3", "--auth-key", f"{KEY},{SECRET}", "--addr", f"127.0.0.1:{port}", str(folder)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for(port)
            yield _with_bucket(f"http://127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens at, and that the system gives to no connection of another test meanwhile."""
    while True:
        port = random.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _with_bucket(endpoint: str) -> S3Server:
    server = S3Server(endpoint, environment=environment(endpoint))
    server.client.create_bucket(Bucket=server.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return server


def _wait_for(port: int, timeout_s: float = 20) -> None:
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
