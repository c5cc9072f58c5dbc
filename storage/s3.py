"""A bucket in S3, over boto3: objects are listed, read and written whole.

Region, credentials and endpoint come from the usual AWS environment. Uploads carry a checksum that the server
verifies, downloads are verified against the one that it keeps: boto3 does both unless told otherwise.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from contract.errors import BadInputError, WrongUsageError
from storage.bucket import AT_ONCE, ChangedError, ConflictError, Content, Object, Patience
from storage.s3_errors import CUT_OFF, is_conflict, is_not_there, told

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

CONNECT_S, READ_S, ATTEMPTS = 5, 60, 5
PART_BYTES = 16 * 2**20
"""Ten thousand parts, the most that S3 allows, hold 156 GiB."""
COPY_BYTES = 5 * 2**30
"""The most that one request copies: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""

T = TypeVar("T")


class S3Bucket:
    """The objects below one `s3://bucket/prefix`; keys are relative to the prefix."""

    def __init__(self, url: str, variables: Mapping[str, str], patience: Patience | None) -> None:
        """Read the URL and the variables; nothing is asked of S3 yet."""
        name, _, prefix = url.removeprefix("s3://").partition("/")
        self.url = f"s3://{name}/{prefix}".rstrip("/")
        self._name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        read_s = _seconds(variables, "MENAGERIE_S3_TIMEOUT_S", READ_S)
        self._patience = patience or Patience(CONNECT_S, read_s, ATTEMPTS)
        payer = variables.get("MENAGERIE_S3_REQUEST_PAYER")
        self._asked: dict[str, Any] = {"RequestPayer": payer} if payer else {}
        self._written = self._asked | _encryption(variables)
        with told(self.url, "be opened"):
            self._process_id, self._own_client = os.getpid(), _new_client(self._patience)

    @property
    def _client(self) -> "S3Client":
        """This process's client; one made before a fork would share its connections."""
        if self._process_id != os.getpid():
            self._process_id, self._own_client = os.getpid(), _new_client(self._patience)
        return self._own_client

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

    def read(self, key: str) -> Content | None:
        """Return a small object, None when there is none."""
        with told(self.url, f"give {key}"):
            try:
                return self._get(key, _content)
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

    def fetch(self, key: str, target: Path) -> bool:
        """Bring an object as it is now, and tell whether there is one."""
        with told(self.url, f"give {key}"):
            try:
                self._get(key, lambda answer: _saved(answer, target))
            except ClientError as error:
                if is_not_there(error):
                    return False
                raise
        return True

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
        with told(self.url, f"give {one.key}"):
            try:
                same = self._get(one.key, lambda answer: _saved(answer, target), IfMatch=one.etag) == one.size
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
                if cuts == self._patience.attempts:
                    raise


def _content(answer: "GetObjectOutputTypeDef") -> Content:
    version = f"{answer['ETag']} {answer['LastModified'].isoformat()} {answer.get('VersionId')}"
    return Content(answer["Body"].read(), answer["ETag"], version)


def _saved(answer: "GetObjectOutputTypeDef", target: Path) -> int:
    """Write what arrives to a file, and return how much that was."""
    with target.open("wb") as file:
        shutil.copyfileobj(answer["Body"], file, 2**20)
        return file.tell()


def _new_client(patience: Patience) -> "S3Client":
    # A server that is not AWS's own answers at one name for all its buckets.
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=patience.connect_s,
        read_timeout=patience.read_s,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        s3={"addressing_style": "path" if elsewhere else "auto"},
    )
    return boto3.client("s3", config=config)


def _encryption(variables: Mapping[str, str]) -> dict[str, str]:
    kind, key = variables.get("MENAGERIE_S3_SSE"), variables.get("MENAGERIE_S3_KMS_KEY_ID")
    if kind not in (None, "", "AES256", "aws:kms"):
        raise WrongUsageError(f"MENAGERIE_S3_SSE must be AES256 or aws:kms, not {kind!r}.")
    given = {"ServerSideEncryption": kind, "SSEKMSKeyId": key if kind == "aws:kms" else None}
    return {name: value for name, value in given.items() if value}


def _seconds(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text)):
        raise WrongUsageError(f"{name} must be a whole number of seconds from 1 up, not {text!r}.")
    return int(text)
