"""What a snapshot holds, of a model and the clients to whom it gave their segments."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.model.files import load
from segmentation.model.portraits import portraits
from segmentation.report import facts_of, report
from segmentation.snapshot.manifest import canonical
from segmentation.snapshot.publish import Contents
from segmentation.tools.parts import StoredTable


def contents_of(segments: Path, model_files: Mapping[str, bytes], metrics: Mapping[str, Any]) -> Contents:
    """Return what a snapshot of these segments holds."""
    as_of = date.fromisoformat(metrics["parameters"]["as_of"])
    tree = load(dict(model_files)).tree
    table = StoredTable(segments, SEGMENT_SCHEMA, "assign")
    personas = portraits(table, tree, metrics)
    written = json.loads(canonical({"personas": personas, "metrics": metrics}))  # so that the files give the same page
    html = report(facts_of(as_of, **written, tree=tree, segments=table, seed=metrics["parameters"]["seed"]))
    counts = {"events": metrics["events"]["kept"]}
    parameters = {**metrics["parameters"], **({"model": metrics["model"]} if "model" in metrics else {})}
    return Contents(as_of, segments, model_files, personas, metrics, html, parameters, counts)
