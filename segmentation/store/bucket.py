"""A bucket in S3, over boto3: objects are listed, read and written whole.

Region, credentials and endpoint come from the usual AWS environment. Uploads carry a checksum that the server
verifies, downloads are verified against the one that it keeps: boto3 does both unless told otherwise.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from segmentation.store.s3_errors import CUT_OFF, is_conflict, is_not_there, told
from segmentation.tools.errors import BadInputError, WrongUsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

SCHEME = "s3://"
ATTEMPTS = 5
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
AT_ONCE = 4
"""Objects, or parts of a large one, that move at the same time."""
PART_BYTES = 16 * 2**20
"""Ten thousand parts, the most that S3 allows, hold 156 GiB."""
COPY_BYTES = 5 * 2**30
"""The most that one request copies: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""

T = TypeVar("T")


class ConflictError(Exception):
    """An object is not, or no longer, what a conditional write expected."""


class ChangedError(BadInputError):
    """An object is not, or no longer, what the listing told."""


@dataclass(frozen=True)
class Object:
    """One object as a listing tells it; `etag` changes with its content, `modified` is in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Bucket:
    """The objects below one `s3://bucket/prefix`; keys are relative to the prefix."""

    def __init__(self, url: str) -> None:
        """Read the URL and the environment's settings; nothing is asked of S3 yet."""
        name, _, prefix = url.removeprefix(SCHEME).partition("/")
        if not name:
            raise WrongUsageError(f"{url!r} names no bucket; what is on S3 is s3://bucket or s3://bucket/prefix.")
        self.url = f"{SCHEME}{name}/{prefix}".rstrip("/")
        self._name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        with told(self.url, "be opened"):
            self._client = _client()
        payer = os.environ.get("MENAGERIE_S3_REQUEST_PAYER")
        self._asked: dict[str, Any] = {"RequestPayer": payer} if payer else {}
        self._written = self._asked | _encryption()

    def whole_key(self, one: Object) -> str:
        """Return an object's key in the bucket, prefix included."""
        return self._prefix + one.key

    def objects(self, under: str = "") -> list[Object]:
        """List all objects whose keys begin with `under`, in the order of their keys."""
        with told(self.url, "be listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=self._prefix + under, **self._asked
            )
            return [
                Object(o["Key"].removeprefix(self._prefix), o["Size"], o["ETag"], o["LastModified"])
                for page in pages
                for o in page.get("Contents", [])
                if not o["Key"].endswith("/")  # what consoles make to show an empty folder
            ]

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Return a small object and its ETag, None when there is none."""
        with told(self.url, f"give {key}"):
            try:
                return self._get(key, lambda answer: (answer["Body"].read(), answer["ETag"]))
            except ClientError as error:
                if is_not_there(error):
                    return None
                raise

    def write(self, key: str, content: bytes, over: str | None) -> None:
        """Write a small object provided that the one there has the ETag `over` (None: that there is none).

        Raises ConflictError when that is not so; a repeated write whose first answer was lost ends there, too.
        """
        condition: dict[str, Any] = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        with told(self.url, f"take {key}"):
            try:
                self._client.put_object(
                    Bucket=self._name, Key=self._prefix + key, Body=content, **condition, **self._written
                )
            except ClientError as error:
                if is_conflict(error) or is_not_there(error):
                    raise ConflictError from error
                raise

    def download(self, objects: Sequence[Object], folder: Path, within: str = "") -> list[Path]:
        """Bring objects into `folder`, under their keys without the beginning `within`; return where they are."""
        targets = [folder / o.key.removeprefix(within) for o in objects]
        for target in targets:
            if not target.resolve().is_relative_to(folder.resolve()):
                raise BadInputError(f"{self.url} holds an object whose key leads out of its folder.")
            target.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._download, objects, targets))
        return targets

    def upload(self, file: Path, key: str) -> None:
        """Write a file as one object, in parts when it is large; a killed upload leaves no object."""
        parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=AT_ONCE)
        with told(self.url, f"take {key}"):
            self._client.upload_file(str(file), self._name, self._prefix + key, ExtraArgs=self._written, Config=parts)

    def copy(self, one: Object, key: str) -> bool:
        """Copy an object within S3, and tell whether it could be: it may be too large, or no longer what was listed."""
        if one.size > COPY_BYTES:
            return False
        with told(self.url, f"take {key}"):
            try:
                self._client.copy_object(
                    Bucket=self._name,
                    Key=self._prefix + key,
                    CopySource={"Bucket": self._name, "Key": self.whole_key(one)},
                    CopySourceIfMatch=one.etag,
                    **self._written,
                )
            except ClientError as error:
                if is_conflict(error) or is_not_there(error):
                    return False
                raise
        return True

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects one by one, in the order given; one that is not there is no error."""
        for key in keys:
            with told(self.url, f"remove {key}"):
                self._client.delete_object(Bucket=self._name, Key=self._prefix + key, **self._asked)

    def _download(self, one: Object, target: Path) -> None:
        def save(answer: "GetObjectOutputTypeDef") -> bool:
            with target.open("wb") as file:
                shutil.copyfileobj(answer["Body"], file, 2**20)
                return file.tell() == one.size

        with told(self.url, f"give {one.key}"):
            try:
                same = self._get(one.key, save, IfMatch=one.etag)
            except ClientError as error:
                if not (is_conflict(error) or is_not_there(error)):
                    raise
                same = False
        if not same:
            raise ChangedError(f"{one.key} in {self.url} changed while it was read.")

    def _get(self, key: str, take: Callable[["GetObjectOutputTypeDef"], T], **condition: Any) -> T:
        # Not download_file: its ranged requests go past the checksum of the whole object.
        cuts = 0
        while True:
            answer = self._client.get_object(Bucket=self._name, Key=self._prefix + key, **condition, **self._asked)
            try:
                return take(answer)
            except CUT_OFF:
                cuts += 1
                if cuts == ATTEMPTS:
                    raise


def _client() -> "S3Client":
    # A server that is not AWS's own answers at one name for all its buckets.
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=_seconds("MENAGERIE_S3_TIMEOUT_S", READ_TIMEOUT_S),
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": "path" if elsewhere else "auto"},
    )
    return boto3.client("s3", config=config)


def _encryption() -> dict[str, str]:
    kind, key = os.environ.get("MENAGERIE_S3_SSE"), os.environ.get("MENAGERIE_S3_KMS_KEY_ID")
    if kind not in (None, "", "AES256", "aws:kms"):
        raise WrongUsageError(f"MENAGERIE_S3_SSE must be AES256 or aws:kms, not {kind!r}.")
    given = {"ServerSideEncryption": kind, "SSEKMSKeyId": key if kind == "aws:kms" else None}
    return {name: value for name, value in given.items() if value}


def _seconds(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not (text.isascii() and text.isdigit() and int(text)):
        raise WrongUsageError(f"{variable} must be a whole number of seconds from 1 up, not {text!r}.")
    return int(text)
