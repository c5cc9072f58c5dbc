"""A store is a folder, or what lies below the URL of a bucket."""

from pathlib import Path

from service.common.settings import Settings
from service.snapshots.folder_source import FolderSource
from service.snapshots.remote_source import RemoteSource
from service.snapshots.source import Source
from storage.bucket import is_bucket


def open_source(settings: Settings) -> Source:
    """Open the store that the settings name, or raise `BadSettingError` if it can never be opened."""
    if is_bucket(settings.store):
        return RemoteSource(settings)
    return FolderSource(Path(settings.store.removeprefix("file://")))
