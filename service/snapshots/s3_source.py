"""Snapshots in S3: `CURRENT` is asked for every few seconds, a snapshot fetched once into a local cache.

Region, credentials and endpoint come from the usual AWS environment. Objects are asked for by their names; they are
listed only to find a snapshot to compare with. No message of an error is passed on: it may hold an address with its
signature.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from contract.snapshot import MANIFEST_NAME, SNAPSHOT_ID
from service.common.settings import BadSettingError, Settings
from service.snapshots.cache import Cache
from service.snapshots.reader import USED, RefusedError, parsed_manifest
from service.snapshots.snapshot import Snapshot
from service.snapshots.source import UnreachableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 10
_ATTEMPTS = 3
_MISSING = {"NoSuchKey", "404"}


class S3Source:
    """A store at `s3://bucket/prefix`."""

    check_every_s = 2.0

    def __init__(self, settings: Settings) -> None:
        self.url = settings.store
        self._bucket, _, prefix = settings.store.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/snapshots/".lstrip("/")
        self._asked: dict[str, Any] = {"RequestPayer": settings.s3_request_payer} if settings.s3_request_payer else {}
        self._cache = _opened_cache(settings)
        self._process_id, self._client = os.getpid(), _new_client()

    def current(self) -> tuple[str, str] | None:
        """Read `CURRENT`; its version is all that S3 says of when it was written."""
        with _told():
            try:
                answer = self._own_client().get_object(Bucket=self._bucket, Key=f"{self._prefix}CURRENT", **self._asked)
                text = answer["Body"].read().decode("ascii", "replace").strip()
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
        return text, f"{answer['ETag']} {answer['LastModified'].isoformat()} {answer.get('VersionId')}"

    def ids(self) -> list[str]:
        """List the snapshots that have a manifest."""
        with _told():
            pages = self._own_client().get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self._bucket, Prefix=self._prefix, **self._asked)
            keys = [entry["Key"].removeprefix(self._prefix) for page in found for entry in page.get("Contents", ())]
        named = [key.partition("/") for key in keys]
        return sorted(first for first, _, rest in named if rest == MANIFEST_NAME and SNAPSHOT_ID.fullmatch(first))

    def manifest(self, snapshot_id: str) -> dict[str, Any]:
        """Read the manifest in the bucket."""
        with _told(), _refused_if_missing(MANIFEST_NAME):
            key = f"{self._prefix}{snapshot_id}/{MANIFEST_NAME}"
            text = self._own_client().get_object(Bucket=self._bucket, Key=key, **self._asked)["Body"].read()
        return parsed_manifest(text)

    def read(self, snapshot_id: str, beside: str | None = None) -> Snapshot:
        """Verify and open a snapshot from the cache, where it is fetched to if need be."""
        return self._cache.read(snapshot_id, lambda folder: self._fetch(snapshot_id, folder), beside)

    def _fetch(self, snapshot_id: str, folder: Path) -> None:
        for name in (MANIFEST_NAME, *USED):
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            key = f"{self._prefix}{snapshot_id}/{name}"
            with _told(), _refused_if_missing(name):
                self._own_client().download_file(self._bucket, key, str(target), ExtraArgs=self._asked)

    def _own_client(self) -> "S3Client":
        """Return this process's client; one made before a fork would share its connections."""
        if self._process_id != os.getpid():
            self._process_id, self._client = os.getpid(), _new_client()
        return self._client


def _opened_cache(settings: Settings) -> Cache:
    name = f"{settings.store.split('/')[2]}-{hashlib.sha256(settings.store.encode()).hexdigest()[:12]}"
    try:
        return Cache(Path(settings.cache_dir) / name)
    except OSError as error:
        raise BadSettingError(f"The cache folder {settings.cache_dir} cannot be used: {error.strerror}.") from error


def _new_client() -> "S3Client":
    # A server that is not AWS's own answers at one name for all its buckets.
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        s3={"addressing_style": "path" if elsewhere else "auto"},
    )
    try:
        return boto3.client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        kind = type(error).__name__
        raise BadSettingError(f"The AWS settings in the environment cannot be used: {kind}.") from error


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise UnreachableError(_code(error)) from error
    except (BotoCoreError, Boto3Error, HTTPError, ConnectionError, TimeoutError) as error:
        raise UnreachableError(type(error).__name__) from error


@contextmanager
def _refused_if_missing(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if _code(error) in _MISSING:
            raise RefusedError(f"{name} is missing") from error
        raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))[:64]
