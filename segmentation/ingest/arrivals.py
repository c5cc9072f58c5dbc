"""Runs that an arriving file has started: of many files that land together, the last one's run reads them all."""

from datetime import UTC, datetime, timedelta
from time import sleep

from contract.errors import BadInputError
from segmentation.ingest.sources import raw_objects
from segmentation.tools.progress import Reporter


def is_superseded(url: str, key: str, landed: datetime, quiet: timedelta, reporter: Reporter) -> bool:
    """Wait until nothing has landed below `url` for the time `quiet`; tell whether a later file's run takes over.

    `key`, whole, and `landed` are those of the object whose arrival started this run, as S3's event gives them. The
    object's own LastModified will not do: it is when an upload in parts began. So a file may be older than it looks,
    never younger: two runs may both go on, but each file is read by a run that began after it had landed.
    """
    while True:
        bucket, objects = raw_objects(url)
        others = {bucket.whole_key(o): o.modified.replace(microsecond=0) for o in objects}  # as S3's event tells it
        if others.pop(key, None) is None:
            raise BadInputError(f"The file that arrived is not below {url}, or not any more.")
        if any((modified, other) > (landed, key) for other, modified in others.items()):
            return True
        wait_s = (landed + quiet - datetime.now(UTC)).total_seconds()
        if wait_s <= 0:
            return False
        reporter.say(f"Waiting {wait_s:.0f} s for further files to land.")
        sleep(wait_s)
