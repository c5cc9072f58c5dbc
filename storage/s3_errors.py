"""What goes wrong with S3, told in a sentence that holds no credentials, signatures or addresses."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from urllib3.exceptions import HTTPError

from contract.errors import BadInputError, MenagerieError, WrongUsageError

CUT_OFF = (IncompleteReadError, FlexibleChecksumError, HTTPClientError, HTTPError)
"""A body that did not arrive whole, or not as it was stored; boto3 repeats requests, but not a body half read."""

_NOT_THERE = {"NoSuchKey", "404", "NotFound"}
_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_BAD_CREDENTIALS = {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "403"}
_SETTINGS = (NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound, ValueError)
_NO_ANSWER = (NoConnectionError, ConnectTimeoutError, HTTPClientError, HTTPError)


def is_not_there(error: ClientError) -> bool:
    """Tell whether S3 says that there is no such object."""
    return _code(error) in _NOT_THERE


def is_conflict(error: ClientError) -> bool:
    """Tell whether S3 says that the object is not, or no longer, the one that a condition named."""
    return _code(error) in _CONFLICTS


@contextmanager
def told(url: str, what: str) -> Iterator[None]:
    """Turn what boto3 raises into an error that a person can read; `what` is what the URL cannot do, if it cannot."""
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error, HTTPError, ValueError) as error:
        raise _sentence(f"{url} cannot {what}", error) from error


def _sentence(failed: str, error: BaseException) -> MenagerieError:
    causes = [cause for cause in (error, error.__cause__, error.__context__) if cause]
    refusal = next((cause for cause in causes if isinstance(cause, ClientError)), None)
    if refusal:
        return _refusal(failed, _code(refusal))
    if isinstance(error, _SETTINGS):
        return WrongUsageError(f"{failed}: {str(error).splitlines()[0].rstrip('.')}.")
    if any(isinstance(cause, CUT_OFF[:2]) for cause in causes):
        return MenagerieError(f"{failed}: what arrives is cut short or damaged, also when asked again.")
    if any(isinstance(cause, _NO_ANSWER) for cause in causes):
        return MenagerieError(f"{failed}: S3 cannot be reached, or does not answer in time.")
    return MenagerieError(f"{failed}: {type(error).__name__}.")


def _refusal(failed: str, code: str) -> MenagerieError:
    if code == "NoSuchBucket":
        return BadInputError(f"{failed}: there is no such bucket.")
    if code in _BAD_CREDENTIALS:
        return BadInputError(f"{failed}: the AWS credentials are refused ({code}).")
    if code in _DENIED:
        return BadInputError(f"{failed}: the AWS role or user may not do that ({code}).")
    return MenagerieError(f"{failed}: S3 answers {code or 'an error'}, also when asked again.")


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
