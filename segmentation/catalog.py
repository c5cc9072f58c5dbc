"""The snapshots of a store: what is there, which is served, and serving another."""

from pathlib import Path

from segmentation.errors import BadInputError
from segmentation.manifest import BadSnapshotError, Manifest, read_manifest
from segmentation.store import Store, checked_id, told_in_a_sentence
from segmentation.verify import verify


def snapshots(store: Store) -> list[Manifest]:
    """Return the manifests of all snapshots, the oldest first; broken ones are left out."""
    found = []
    with told_in_a_sentence(store.url):
        for snapshot_id in store.ids():
            try:
                found.append(read_manifest(store.fetch(snapshot_id)))
            except BadSnapshotError:
                continue
    return sorted(found, key=lambda manifest: (manifest.created_at, manifest.id))


def show(store: Store, snapshot_id: str | None = None) -> Manifest:
    """Return the manifest of one snapshot, by default of the one served."""
    return read_manifest(_folder(store, snapshot_id))


def check(store: Store, snapshot_id: str | None = None) -> Manifest:
    """Verify one snapshot, by default the one served."""
    with told_in_a_sentence(store.url):
        return verify(_folder(store, snapshot_id))


def serve(snapshot_id: str, store: Store, expected: str | None) -> None:
    """Verify a snapshot and make it the one served, provided that `expected` or itself still is."""
    with told_in_a_sentence(store.url):
        if verify(_folder(store, snapshot_id)).id != snapshot_id:
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


def _folder(store: Store, snapshot_id: str | None) -> Path:
    with told_in_a_sentence(store.url):
        known = store.ids()
        chosen = snapshot_id or store.current()
        if chosen is None:
            raise BadInputError(f"The store {store.url} serves no snapshot yet.")
        if checked_id(chosen) not in known:
            raise BadInputError(f"The store {store.url} has no snapshot {chosen}.")
        return store.fetch(chosen)
