"""A snapshot published before a column was added is served, explained and reported, without that column."""

import json
import tarfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_before import BEFORE, served, some_client

from contract.columns import COLUMN
from contract.snapshot import CLIENTS, CLUSTERS, CURRENT, FEATURES, METRICS, PERSONAS, SNAPSHOTS, TREE, WORDS
from languages import LANGUAGES
from segmentation.commands.cli import main
from segmentation.snapshot.manifest import describe, read_manifest, write_manifest

LATER = ("number_of_views_5m", "most_active_day")
"""Columns that might have come later: one that the model looks at, one of a profile's favourites."""
PROFILED_LATER = ("number_of_carts_7m", *LATER)
"""Of these, and of one that was there, profiles say nothing."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the store of an earlier version, as a version without the columns of `LATER` would have left it."""
    with tarfile.open(BEFORE[-1]) as packed:
        packed.extractall(tmp_path / SNAPSHOTS, filter="data")
    snapshots = tmp_path / SNAPSHOTS
    folder = snapshots / (snapshots / CURRENT).read_text().strip()
    without(folder, LATER)
    manifest = read_manifest(folder)
    created = datetime.fromisoformat(manifest.created_at)
    own = describe(folder, date.fromisoformat(manifest.as_of), created, manifest.counts, manifest.parameters)
    write_manifest(folder, own)
    folder.rename(snapshots / own.id)
    (snapshots / CURRENT).write_text(own.id)
    return tmp_path


def without(folder: Path, columns: tuple[str, ...]) -> None:
    features = np.load(folder / FEATURES)
    kept = [name for name in features.dtype.names or () if name not in columns]
    fewer = np.empty(len(features), [(name, features.dtype[name]) for name in kept])
    for name in kept:
        fewer[name] = features[name]
    np.save(folder / FEATURES, fewer)
    pq.write_table(pq.read_table(folder / CLIENTS).drop_columns(list(columns)), folder / CLIENTS)
    changed(folder / WORDS, lambda words: {name: own for name, own in words.items() if name not in columns})
    changed(folder / CLUSTERS, lambda model: model | {"inputs": [n for n in model["inputs"] if n not in columns]})
    changed(folder / TREE, lambda tree: fewer_features(tree, columns))
    profiled = {f"{of}_{name}" for of in ("median", "quartiles", "top") for name in PROFILED_LATER}
    changed(folder / PERSONAS, lambda found: [p | {"profile": unprofiled(p["profile"], profiled)} for p in found])
    changed(folder / METRICS, lambda metrics: fewer_metrics(metrics, columns, profiled))


def changed(file: Path, change: Callable[[Any], Any]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def unprofiled(profile: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name not in names}


def fewer_metrics(metrics: dict[str, Any], columns: tuple[str, ...], profiled: set[str]) -> dict[str, Any]:
    loadings = [unprofiled(loading, set(columns)) for loading in metrics["pca"]["loadings"]]
    return metrics | {
        "everyone": unprofiled(metrics["everyone"], profiled),
        "pca": metrics["pca"] | {"loadings": loadings},
    }


def fewer_features(tree: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    """Return a tree that knows fewer columns; a node that asked about one of them asks about the first one left."""
    before = [feature["name"] for feature in tree["features"]]
    features = [feature for feature in tree["features"] if feature["name"] not in columns]
    left = [feature["name"] for feature in features]
    asked = [-1 if n < 0 else left.index(before[n]) if before[n] in left else 0 for n in tree["nodes"]["feature"]]
    return tree | {"features": features, "nodes": tree["nodes"] | {"feature": asked}}


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("code", LANGUAGES)
def test_its_pages_are_shown(store: Path, code: str) -> None:
    http = served(store)
    client = some_client(http)
    for path in ("/", "/client", "/persona/owl", "/report"):
        assert http.get(path, query_string={"lang": code, "user_id": client}).status_code == 200, path


def test_programs_are_told_what_it_knows(store: Path) -> None:
    http = served(store)
    features = http.get(f"/segment/{some_client(http)}?include=features,reasons").json["features"]
    assert set(LATER) < COLUMN.keys() - features.keys()
    assert "total_purchase_value" in features


def test_its_report_is_made_of_what_it_knows(store: Path, tmp_path: Path) -> None:
    assert main(["report", "--store", str(store), "--out", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert all(f'<div class="report" id="{code}"' in page for code in LANGUAGES)
