"""What the service can be told: each setting with its type, its default and a sentence."""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from storage.bucket import names_a_bucket

PREFIX = "MENAGERIE_"
_DAY_S = 86_400

_CACHE_DIR = str(Path(tempfile.gettempdir()) / f"menagerie-{os.getuid()}")
"""The names that boto3 takes for a bucket."""


class StartError(Exception):
    """The service cannot start; the message is a sentence, `exit_code` what the process ends with."""

    exit_code = 1


class BadSettingError(StartError):
    """A setting has a value that it cannot have."""

    exit_code = 2


def _setting(default: Any, told: str, **allowed: Any) -> Any:
    return field(default=default, metadata={"told": told, **allowed})


_NUMBER = {"least": 0, "most": 1_000_000_000}


@dataclass(frozen=True)
class Settings:
    """All settings; each is also a flag (`--max-age-days`) and a variable (`MENAGERIE_MAX_AGE_DAYS`)."""

    store: str = _setting("store", "The folder or s3://bucket/prefix that holds the snapshots.")
    cache_dir: str = _setting(_CACHE_DIR, "The folder for snapshots fetched from S3.")
    s3_request_payer: str = _setting("", "Who pays for S3 requests, if not the bucket's owner.", choices=("requester",))
    host: str = _setting("127.0.0.1", "The address to listen at; 0.0.0.0 for every network.")
    port: int = _setting(8000, "The port to listen at; 0 for any that is free.", least=0, most=65_535)
    api_keys: str = _setting("", "API keys, a line each: name:scope[,scope]:sha256-of-the-key.")
    api_keys_file: str = _setting("", "A file of API keys, read again when it changes.")
    session_secret: str = _setting("", "What signs people's sessions beside their keys, 32 characters or more.")
    session_hours: int = _setting(12, "For how many hours people stay signed in.", least=1, most=8760)
    allow_anyone: bool = _setting(False, "Whether all who reach the service may ask when there are no API keys.")
    allowed_hosts: str = _setting("", "The names callers may send as Host, separated by commas; * for any.")
    proxies: int = _setting(0, "How many proxies in front set X-Forwarded-For and -Proto.", least=0, most=16)
    requests_per_minute: int = _setting(
        60_000, "How many clients, or requests, an API key may ask for in a minute; 0 for any number.", **_NUMBER
    )
    daily_budget: int = _setting(
        10, "How many times the shop's clients an API key may ask for in a day; 0 for any number.", **_NUMBER
    )
    max_batch: int = _setting(10_000, "How many clients one request may name.", least=1, most=1_000_000)
    max_body_bytes: int = _setting(1_048_576, "How large a request's body may be.", least=1024, most=1_073_741_824)
    workers: int = _setting(2, "How many processes answer.", least=1, most=256)
    threads: int = _setting(4, "How many requests a process answers at the same time.", least=1, most=256)
    max_age_days: int = _setting(
        45, "After how many days from its as-of date a snapshot is called stale.", least=0, most=36_500
    )
    cache_s: int = _setting(60, "For how many seconds a caller may keep an answer.", least=0, most=31_536_000)
    grace_s: int = _setting(8, "For how many seconds open requests may finish when stopped.", least=0, most=3600)
    audit: bool = _setting(False, "Whether to log whose key read how many clients, a line for each request.")
    log_level: str = _setting("info", "The least grave lines to log.", choices=("debug", "info", "warning", "error"))

    @property
    def stale_after_s(self) -> int:
        """Return how many seconds after the beginning of its as-of date a snapshot is stale."""
        return (self.max_age_days + 1) * _DAY_S


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the flags, then for what they leave out the environment, then the defaults."""
    parser = argparse.ArgumentParser(prog="python -m service", description="Answer who a customer is.")
    for setting in fields(Settings):
        told = setting.metadata["told"].replace("%", "%%")
        parser.add_argument(_flag(setting), help=f"{told} [{_variable(setting)}; {_told(setting.default)}]")
    flags = vars(parser.parse_args(arguments))
    given: dict[str, Any] = {}
    for setting in fields(Settings):
        text = flags[setting.name]
        source = _flag(setting)
        if text is None:
            text, source = environment.get(_variable(setting)), _variable(setting)
        if text is not None:
            given[setting.name] = _parsed(setting, text, source)
    return Settings(**given)


def _told(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _flag(setting: "Field[Any]") -> str:
    return f"--{setting.name.replace('_', '-')}"


def _variable(setting: "Field[Any]") -> str:
    return f"{PREFIX}{setting.name.upper()}"


def _parsed(setting: "Field[Any]", text: str, source: str) -> bool | int | str:
    allowed = setting.metadata
    if setting.type is int:
        least, most = allowed["least"], allowed["most"]
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise BadSettingError(f"{source} must be a whole number from {least} to {most}, not {text!r}.")
        return int(text)
    choices = ("true", "false") if setting.type is bool else allowed.get("choices")
    if choices and text not in choices:
        raise BadSettingError(f"{source} must be one of {', '.join(choices)}, not {text!r}.")
    if setting.type is bool:
        return text == "true"
    if not text or "\0" in text:
        raise BadSettingError(f"{source} must not be empty.")
    if setting.name == "store" and "://" in text.removeprefix("file://") and not names_a_bucket(text):
        raise BadSettingError(f"{source} must be a folder or s3://bucket/prefix, not {text!r}.")
    return text
