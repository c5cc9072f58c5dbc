"""A file that is either whole or not there, at a path or in S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.store.bucket import SCHEME, Bucket
from segmentation.tools.scratch import scratch


@contextmanager
def delivered(out: str) -> Iterator[Path]:
    """Give a file to write, and put it at a path or an `s3://` URL once it is whole."""
    if out.startswith(SCHEME):
        above, _, name = out.rpartition("/")
        bucket = Bucket(above)
        with scratch() as folder:
            yield folder / "draft"
            bucket.upload(folder / "draft", name)
        return
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.tmp")
    yield draft
    draft.replace(target)
