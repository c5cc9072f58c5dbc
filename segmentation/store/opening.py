"""A store is a folder, or what lies below the URL of a bucket."""

from pathlib import Path

from contract.errors import WrongUsageError
from segmentation.store.local import LocalStore
from segmentation.store.protocol import Store
from segmentation.store.remote import RemoteStore
from segmentation.tools.files import check_folder
from storage.bucket import BACKENDS, is_bucket, open_bucket


def open_store(url: str) -> Store:
    """Open the store at a folder's path (or `file://` URL), or at the URL of a bucket; it may be empty yet."""
    scheme, separator, rest = url.partition("://")
    if not separator and url:
        return _local(Path(url))
    if scheme == "file" and rest.startswith("/"):
        return _local(Path(rest))
    if is_bucket(url):
        return RemoteStore(open_bucket(url))
    known = " nor ".join(f"an {kind}:// URL" for kind in BACKENDS)
    raise WrongUsageError(f"The store {url!r} is neither a folder nor {known}.")


def _local(folder: Path) -> LocalStore:
    check_folder(folder, "The store")
    return LocalStore(folder)
