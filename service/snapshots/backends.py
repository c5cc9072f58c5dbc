"""The kinds of store, chosen by the scheme of a URL; each is one module, and one line of `BACKENDS`."""

from importlib import import_module
from pathlib import Path
from typing import cast

from service.common.settings import Settings
from service.snapshots.folder_source import FolderSource
from service.snapshots.source import Source

BACKENDS = {"s3": "service.snapshots.s3_source:S3Source"}
"""By scheme, the class that is given the settings. It is imported when it is used, and its cloud's library with it."""


def open_source(settings: Settings) -> Source:
    """Open the store that the settings name, or raise `BadSettingError` if it can never be opened."""
    scheme, separator, _ = settings.store.partition("://")
    if separator and scheme in BACKENDS:
        module, _, name = BACKENDS[scheme].partition(":")
        return cast(Source, getattr(import_module(module), name)(settings))
    return FolderSource(Path(settings.store.removeprefix("file://")))
