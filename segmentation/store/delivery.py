"""A file that is either whole or not there, at a path or in a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.tools.scratch import scratch
from storage.bucket import is_bucket, open_bucket


@contextmanager
def delivered(out: str) -> Iterator[Path]:
    """Give a file to write, and put it at a path or below a bucket's URL once it is whole."""
    if is_bucket(out):
        above, _, name = out.rpartition("/")
        bucket = open_bucket(above)
        with scratch() as folder:
            yield folder / "draft"
            bucket.upload(folder / "draft", name)
        return
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.tmp")
    yield draft
    draft.replace(target)
