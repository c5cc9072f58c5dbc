"""Where a run's events come from: local files and folders, and buckets' URLs, which are staged in scratch space."""

import shutil
from collections.abc import Sequence, Set
from pathlib import Path

from contract.errors import BadInputError, MenagerieError
from segmentation.ingest import raw
from segmentation.ingest.ingest import ingest
from segmentation.ingest.ingested import account, is_ingested, is_unfinished, is_whole
from segmentation.ingest.mapping import Mapping
from segmentation.ingest.source_file import identities
from segmentation.store import lineage
from segmentation.store.lineage import LEDGER, STAGED
from segmentation.store.protocol import Store
from segmentation.store.remote import fetch_ingested
from segmentation.tools.progress import Reporter
from segmentation.tools.scratch import check_room
from storage.bucket import Bucket, Object, is_bucket, open_bucket

DIGESTS = "digests.json"
"""In the folder of ingested events, so that a daily run does not read all raw files to tell which are new."""


def prepare(
    sources: Sequence[str], store: Store, work: Path, reporter: Reporter, mapping: Mapping | None = None
) -> Path:
    """Return a folder of ingested events: the one given, or one in `work` for exactly these raw files.

    Of what the store keeps, the events of the most of these raw files are reused, if it keeps none of others with
    them. Only the rest is fetched and ingested.
    """
    if len(sources) == 1 and (given := _ingested(sources[0], work, reporter)):
        if not is_whole(given):
            raise BadInputError(f"Of the ingested events in {sources[0]} some are missing; ingest them anew.")
        return given
    local, remote, passed_over = _found(sources, reporter, mapping is not None)

    def identity(one: Object) -> str:
        return mapping.identity(_identity(one)) if mapping else _identity(one)

    hashed = list(zip(identities(local, mapping, work / DIGESTS), local, strict=True))
    wanted = {sha256 for sha256, _ in hashed} | {identity(o) for _, objects in remote for o in objects}
    folder = work / lineage.key_of(wanted)
    held = _recalled(wanted, folder, store)
    if held:
        reporter.say(_reused(len(held), len(wanted - held)))
    if held == wanted:
        return folder
    fresh = [(bucket, [o for o in objects if identity(o) not in held]) for bucket, objects in remote]
    try:
        staged = _fetch(fresh, work / "raw", reporter)
        fresh_files = [*(path for sha256, path in hashed if sha256 not in held), *staged]
        ingest(fresh_files, folder, reporter, passed_over, mapping)
    except MenagerieError:
        _put_back(folder, held)
        raise
    finally:
        shutil.rmtree(work / "raw", ignore_errors=True)
    lineage.write(folder, wanted)
    with reporter.step("Keeping the ingested events"):
        store.keep(folder.name, folder)
    return folder


def _recalled(wanted: Set[str], folder: Path, store: Store) -> Set[str]:
    """Bring the events of the most of the files wanted that the store keeps into `folder`; return whose they are."""
    if not folder.exists():  # or else a run was killed at it
        subsets = {key: raw for key, raw in store.kept().items() if raw <= wanted and lineage.key_of(raw) == key}
        if subsets:
            store.recall(max(subsets, key=lambda key: (len(subsets[key]), key)), folder)
    held = lineage.read(folder)
    if (held or is_ingested(folder)) and not _is_sound(folder, held == wanted):
        shutil.rmtree(folder)  # what is left would pass for all
        return frozenset()
    return held


def _is_sound(folder: Path, should_be_finished: bool) -> bool:
    try:
        return is_whole(folder) and not (should_be_finished and is_unfinished(folder))
    except BadInputError:
        return False


def _put_back(folder: Path, held: Set[str]) -> None:
    """Give the folder its old key again if nothing new is in it: a file that cannot be read will be replaced."""
    if held and _is_sound(folder, should_be_finished=False):
        found = account(folder)
        if found.events == sum(file.rows_kept for file in found.files):
            shutil.rmtree(folder / STAGED, ignore_errors=True)
            if not is_unfinished(folder):
                folder.rename(folder.with_name(lineage.key_of(held)))


def _reused(files: int, new: int) -> str:
    told = f"Reusing the events of {files} {'file' if files == 1 else 'files'}"
    return f"{told}; {new} {'is' if new == 1 else 'are'} new." if new else f"{told}."


def fetch(sources: Sequence[str], folder: Path, reporter: Reporter, has_mapping: bool = False) -> raw.Found:
    """Return the raw files among the sources as local ones, those on S3 downloaded into `folder`."""
    local, remote, passed_over = _found(sources, reporter, has_mapping)
    return raw.Found([*local, *_fetch(remote, folder, reporter)], passed_over)


def _ingested(source: str, work: Path, reporter: Reporter) -> Path | None:
    """Return a local folder if the source is one of ingested events."""
    if not is_bucket(source):
        return Path(source) if is_ingested(Path(source)) else None
    bucket = open_bucket(source)
    if LEDGER not in (o.key for o in bucket.objects(LEDGER)):
        return None
    folder = work / "given"
    with reporter.step(f"Fetching the events in {bucket.url}"):
        fetch_ingested(bucket, "", folder)
    return folder


Remote = list[tuple[Bucket, list[Object]]]


def _found(sources: Sequence[str], reporter: Reporter, has_mapping: bool) -> tuple[list[Path], Remote, list[str]]:
    paths = [Path(source) for source in sources if not is_bucket(source)]
    listed = [_listed(source) for source in sources if is_bucket(source)]
    for bucket, _, others in listed:
        if others:
            reporter.say(f"Passed over in {bucket.url}: {', '.join(others)}.")
    remote = [(bucket, objects) for bucket, objects, _ in listed]
    local = raw.find(paths, reporter, has_mapping) if paths else raw.Found([], [])
    beside = [f"{bucket.url}/{other}" for bucket, _, others in listed for other in others]
    return local.paths, remote, [*local.passed_over, *beside]


def raw_objects(url: str) -> tuple[Bucket, list[Object]]:
    """List the raw files at or below a URL."""
    bucket, found, _ = _listed(url)
    return bucket, found


def _listed(url: str) -> tuple[Bucket, list[Object], list[str]]:
    """List the raw files at or below a URL, and the keys of what else is there, but for what nobody would miss."""
    above, _, name = url.rpartition("/")
    others: list[str] = []
    if raw.is_raw(name):
        bucket = open_bucket(above)
        found = [o for o in bucket.objects(name) if o.key == name]
    else:
        bucket = open_bucket(url)
        every = bucket.objects()
        found = [o for o in every if raw.is_raw(o.key.rpartition("/")[2])]
        others = [o.key for o in every if raw.is_missed(o.key.rpartition("/")[2])]
    if not found:
        raise BadInputError(f"{url} holds no events: no {', '.join(raw.SUFFIXES)} in it.")
    return bucket, found, others


def _identity(one: Object) -> str:
    return f"{one.key}:{one.size}:{one.etag}"


def _fetch(remote: Remote, folder: Path, reporter: Reporter) -> list[Path]:
    remote = [(bucket, objects) for bucket, objects in remote if objects]
    if not remote:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    check_room(sum(o.size for _, objects in remote for o in objects), folder)
    paths = []
    for number, (bucket, objects) in enumerate(remote):
        with reporter.step(f"Fetching {len(objects)} files from {bucket.url}"):
            paths += bucket.download(objects, folder / str(number))
    return paths
