"""The batch side of Menagerie: a shop's events in, a published snapshot of seven personas out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmentation.library import client_table, load_model, run

VERSION = "0.1.0"
__all__ = ["VERSION", "client_table", "load_model", "run"]


def __getattr__(name: str) -> Any:
    """Bring what programs call when it is called for, so that `--help` answers at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from segmentation import library  # noqa: PLC0415 (it reads all libraries)

    return getattr(library, name)
