"""Runs that an arriving file has started: of many files that land together, the last one's run reads them all."""

from datetime import UTC, datetime, timedelta
from time import sleep

from segmentation.errors import BadInputError
from segmentation.progress import Reporter
from segmentation.sources import raw_objects


def is_superseded(url: str, arrived: str, quiet: timedelta, reporter: Reporter) -> bool:
    """Wait until nothing has landed below `url` for the time `quiet`; tell whether a later file's run takes over.

    `arrived` is the whole key of the object whose arrival started this run, as S3's events give it. Each of many
    runs decides alone, and all decide for the same one: that of the newest object, by time and then by key.
    """
    while True:
        bucket, objects = raw_objects(url)
        newest = max(objects, key=lambda o: (o.modified, o.key))
        if bucket.whole_key(newest) != arrived:
            if arrived not in map(bucket.whole_key, objects):
                raise BadInputError(f"The file that arrived is not below {url}, or not any more.")
            return True
        wait_s = (newest.modified + quiet - datetime.now(UTC)).total_seconds()
        if wait_s <= 0:
            return False
        reporter.say(f"Waiting {wait_s:.0f} s for further files to land.")
        sleep(wait_s)
