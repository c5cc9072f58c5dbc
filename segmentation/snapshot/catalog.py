"""The snapshots of a store: what is there, which is served, and serving another."""

from pathlib import Path

from contract.errors import BadInputError
from contract.snapshot import MANIFEST_NAME
from segmentation.snapshot.manifest import Manifest, read_manifest
from segmentation.snapshot.verify import verify
from segmentation.store.protocol import Store, checked_id, told_in_a_sentence
from segmentation.tools.errors import BadSnapshotError


def snapshots(store: Store) -> list[Manifest]:
    """Return the manifests of all snapshots, the oldest first; broken ones are left out."""
    found = []
    with told_in_a_sentence(store.url):
        for snapshot_id in store.ids():
            try:
                found.append(read_manifest(store.fetch(snapshot_id, [MANIFEST_NAME])))
            except BadSnapshotError:
                continue
    return sorted(found, key=lambda manifest: (manifest.created_at, manifest.id))


def show(store: Store, snapshot_id: str | None = None) -> Manifest:
    """Return the manifest of one snapshot, by default of the one served."""
    with told_in_a_sentence(store.url):
        return read_manifest(store.fetch(_known(store, snapshot_id), [MANIFEST_NAME]))


def check(store: Store, snapshot_id: str | None = None) -> Manifest:
    """Verify one snapshot, by default the one served."""
    return verified(store, snapshot_id)[0]


def verified(store: Store, snapshot_id: str | None = None) -> tuple[Manifest, Path]:
    """Verify one snapshot, by default the one served, and return its manifest and a local folder with its files."""
    with told_in_a_sentence(store.url):
        folder = store.fetch(_known(store, snapshot_id))
        return verify(folder), folder


def serve(snapshot_id: str, store: Store, expected: str | None) -> None:
    """Verify a snapshot and make it the one served, provided that `expected` or itself still is."""
    with told_in_a_sentence(store.url):
        if check(store, snapshot_id).id != snapshot_id:
            raise BadSnapshotError(f"Snapshot {snapshot_id} holds another one.")
        store.set_current(snapshot_id, expected)


def rollback(store: Store) -> str:
    """Serve the snapshot created just before the one served, and return its id."""
    with told_in_a_sentence(store.url):
        served = store.current()
    ids = [manifest.id for manifest in snapshots(store)]
    if served not in ids or ids.index(served) == 0:
        raise BadInputError(f"The store {store.url} has no snapshot before {served or 'the first'}.")
    previous = ids[ids.index(served) - 1]
    serve(previous, store, served)
    return previous


def prune(store: Store, keep: int) -> list[str]:
    """Remove all but the newest `keep` snapshots and the one served, if any is, and return their ids."""
    with told_in_a_sentence(store.url):
        served = store.current()
        old = [manifest.id for manifest in snapshots(store)][:-keep] if served else []
        return [snapshot_id for snapshot_id in old if snapshot_id != served and store.remove(snapshot_id)]


def _known(store: Store, snapshot_id: str | None) -> str:
    known = store.ids()
    chosen = snapshot_id or store.current()
    if chosen is None:
        raise BadInputError(f"The store {store.url} serves no snapshot yet.")
    if checked_id(chosen) not in known:
        raise BadInputError(f"The store {store.url} has no snapshot {chosen}.")
    return chosen
