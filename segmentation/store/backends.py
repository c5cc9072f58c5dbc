"""The kinds of store, chosen by the scheme of a URL; each is one module, and one line of `BACKENDS`."""

from importlib import import_module
from pathlib import Path
from typing import cast

from segmentation.store.local import LocalStore
from segmentation.store.protocol import Store
from segmentation.tools.errors import WrongUsageError

BACKENDS = {"s3": "segmentation.store.s3:S3Store"}
"""By scheme, the class that is given the URL. It is imported when it is used, and its cloud's library with it."""


def open_store(url: str) -> Store:
    """Open the store at a folder's path (or `file://` URL), or at a URL of one of `BACKENDS`; it may be empty yet."""
    scheme, separator, rest = url.partition("://")
    if not separator and url:
        return LocalStore(Path(url))
    if scheme == "file" and rest.startswith("/"):
        return LocalStore(Path(rest))
    if scheme in BACKENDS:
        module, _, name = BACKENDS[scheme].partition(":")
        return cast(Store, getattr(import_module(module), name)(url))
    known = " nor ".join(f"an {kind}:// URL" for kind in BACKENDS)
    raise WrongUsageError(f"The store {url!r} is neither a folder nor {known}.")
