"""Where a run's events come from: local files and folders, and `s3://` URLs that are staged in scratch space."""

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from segmentation import raw
from segmentation.errors import BadInputError
from segmentation.ingest import LEDGER, ingest, is_ingested, is_whole
from segmentation.progress import Reporter
from segmentation.s3 import SCHEME, Bucket, Object
from segmentation.s3_store import fetch_ingested
from segmentation.scratch import check_room
from segmentation.stage import digest
from segmentation.store import Store


def prepare(sources: Sequence[str], store: Store, work: Path, reporter: Reporter) -> Path:
    """Return a folder of ingested events: the one given, or one in `work` for exactly these raw files.

    Events that the store kept from the same raw files are not read again.
    """
    if len(sources) == 1 and (given := _ingested(sources[0], work, reporter)):
        if not is_whole(given):
            raise BadInputError(f"Of the ingested events in {sources[0]} some are missing; ingest them anew.")
        return given
    local, remote = _found(sources)
    names = sorted(digest(path) for path in local) + sorted(_identity(o) for _, files in remote for o in files)
    key = sha256("".join(names).encode()).hexdigest()[:12]
    folder = work / key
    if not is_ingested(folder):
        store.recall(key, folder)
        if is_whole(folder):
            return folder
        if is_ingested(folder):  # objects of it have expired: what is left would pass for all
            shutil.rmtree(folder)
    ingest([*local, *_stage(remote, work / "raw", reporter)], folder, reporter)
    with reporter.step("Keeping the ingested events"):
        store.keep(key, folder)
    return folder


def stage(sources: Sequence[str], folder: Path, reporter: Reporter) -> list[Path]:
    """Return the raw files among the sources as local ones, those on S3 downloaded into `folder`."""
    local, remote = _found(sources)
    return [*local, *_stage(remote, folder, reporter)]


def _ingested(source: str, work: Path, reporter: Reporter) -> Path | None:
    """Return a local folder if the source is one of ingested events."""
    if not source.startswith(SCHEME):
        return Path(source) if is_ingested(Path(source)) else None
    bucket = Bucket(source)
    if LEDGER not in (o.key for o in bucket.objects(LEDGER)):
        return None
    folder = work / "given"
    with reporter.step(f"Fetching the events in {bucket.url}"):
        fetch_ingested(bucket, "", folder)
    return folder


Remote = list[tuple[Bucket, list[Object]]]


def _found(sources: Sequence[str]) -> tuple[list[Path], Remote]:
    paths = [Path(source) for source in sources if not source.startswith(SCHEME)]
    remote = [raw_objects(source) for source in sources if source.startswith(SCHEME)]
    return raw.find(paths) if paths else [], remote


def raw_objects(url: str) -> tuple[Bucket, list[Object]]:
    """List the raw files at or below a URL."""
    above, _, name = url.rpartition("/")
    if name.endswith(raw.SUFFIXES):
        bucket = Bucket(above)
        found = [o for o in bucket.objects(name) if o.key == name]
    else:
        bucket = Bucket(url)
        found = [o for o in bucket.objects() if o.key.endswith(raw.SUFFIXES)]
    if not found:
        raise BadInputError(f"{url} holds no events: no {', '.join(raw.SUFFIXES)} in it.")
    return bucket, found


def _identity(one: Object) -> str:
    return f"{one.key}:{one.size}:{one.etag}"


def _stage(remote: Remote, folder: Path, reporter: Reporter) -> list[Path]:
    if not remote:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    check_room(sum(o.size for _, objects in remote for o in objects), folder)
    paths = []
    for number, (bucket, objects) in enumerate(remote):
        with reporter.step(f"Fetching {len(objects)} files from {bucket.url}"):
            paths += bucket.download(objects, folder / str(number))
    return paths
