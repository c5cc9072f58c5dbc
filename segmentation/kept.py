"""Models that are kept: in a snapshot, in a folder, in a bucket; and what is said of where they come from."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contract.errors import BadInputError, WrongUsageError
from contract.snapshot import CLUSTERS, MANIFEST_NAME, METRICS, SNAPSHOT_ID, TREE
from segmentation.features.statistics import statistics
from segmentation.features.table import with_origin
from segmentation.model.files import load
from segmentation.model.fit import Fitted
from segmentation.store.protocol import Store
from storage.bucket import is_bucket, open_bucket

_ID_CHARACTERS = 12
FILES = (CLUSTERS, TREE, METRICS)
"""Of a model in a snapshot; a folder that `fit` wrote has the first two without their folder."""


def model_id(files: Mapping[str, bytes]) -> str:
    """Return the id of a model: the beginning of the hash of its files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()[:_ID_CHARACTERS]


def of_snapshot(store: Store, snapshot_id: str) -> Fitted:
    """Return the model of a snapshot; raise BadInputError where none can be read."""
    folder = store.fetch(snapshot_id, (*FILES, MANIFEST_NAME))
    return _kept(lambda name: _bytes(folder / name), f"snapshot {snapshot_id}")


def named(given: str, store: Store | None) -> Fitted:
    """Return the model that a snapshot's id, a folder or a bucket's URL names; raise BadInputError for any other."""
    if SNAPSHOT_ID.fullmatch(given):
        if store is None:
            raise WrongUsageError(f"Name the store of snapshot {given} with --store.")
        if given not in store.ids():
            raise BadInputError(f"The store {store.url} has no snapshot {given}.")
        return of_snapshot(store, given)
    if is_bucket(given):
        bucket = open_bucket(given)

        def read(name: str) -> bytes | None:
            content = bucket.read(name)
            return None if content is None else content.content

        return _kept(read, given)
    return _kept(lambda name: _bytes(Path(given) / name), Path(given).name)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadInputError(f"{path.name} cannot be read: {error.strerror}.") from error


def _kept(read: Callable[[str], bytes | None], where: str) -> Fitted:
    files = {}
    for name in FILES:
        content = read(name) or read(name.rpartition("/")[2])
        if content is None:
            raise BadInputError(f"{where} holds no model: {name} is missing; `segmentation fit` makes one.")
        files[name.rpartition("/")[2]] = content
    try:
        metrics = json.loads(files.pop(METRICS))
        record = metrics.get("model") or _older_record(metrics)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInputError(f"{METRICS} of {where} is damaged.") from error
    return Fitted(load(files), metrics | {"model": record | {"id": model_id(files)}})


def _older_record(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a model of before records were kept: each run learnt its own."""
    return record(metrics, metrics, None)


def recorded(
    metrics: Mapping[str, Any], clients: Path, seed: int, files: Mapping[str, bytes], before: Fitted | None
) -> dict[str, Any]:
    """Add to a model's metrics what its clients were made of, and its record, unless that was kept with it."""
    told = with_origin(metrics, clients, seed) | {"columns": statistics(clients)}
    if "model" not in told:
        told["model"] = {"id": model_id(files)} | record(told, told, before.metrics["model"]["id"] if before else None)
    return told


def record(metrics: Mapping[str, Any], origin: Mapping[str, Any], started_from: str | None) -> dict[str, Any]:
    """Return when and on what a model was fitted; `origin` is that of its clients, `metrics` those of the fit."""
    return {
        "fitted_as_of": origin["parameters"]["as_of"],
        "fitted_on": {
            "clients": metrics.get("sample_clients", metrics["clients"]),
            "events": origin["events"]["kept"],
        },
        "started_from": started_from,
    }
