"""Memory does not grow with the number of clients: the table that is published is never held whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from kinds import some_clients

from segmentation.features.columns import SEGMENT_SCHEMA
from segmentation.model.assign import assign
from segmentation.model.files import dump
from segmentation.model.fit import Fitted, fit

pytestmark = pytest.mark.slow

FEW, MANY = 250_000, 750_000
BYTES_A_CLIENT = 150
"""What some single columns take; the whole table takes four times as much."""
EVENTS = {"kept": 9, "rows_read": 9, "duplicates": 0, "rejected": {}, "by_day": {}, "suspected_gaps": []}
PARAMETERS = {"as_of": "2020-04-30", "timezone": "UTC", "window_months": [2, 5, 7], "seed": 0}


def write_model(fitted: Fitted, folder: Path) -> Path:
    folder.mkdir()
    metrics = {**fitted.metrics, "parameters": PARAMETERS, "events": EVENTS}
    for name, content in {**dump(fitted.model), "metrics.json": json.dumps(metrics).encode()}.items():
        (folder / name).write_bytes(content)
    return folder


def peak(*arguments: object) -> int:
    """Run a command, and return the most memory that it had, in bytes."""
    command = [sys.executable, "-m", "segmentation", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is told in another unit")
def test_publishing_takes_the_same_memory_for_three_times_the_clients(tmp_path: Path) -> None:
    clients = some_clients(1000)
    fitted = fit(clients, seed=0)
    model, alike = write_model(fitted, tmp_path / "model"), assign(fitted.model, clients)
    peaks = []
    for number in (FEW, MANY):
        segments = tmp_path / f"{number}.parquet"
        with pq.ParquetWriter(segments, SEGMENT_SCHEMA) as writer:  # in pieces: a child inherits our own peak
            for start in range(0, number, len(alike)):
                piece = alike.slice(0, number - start)
                ids = np.arange(start, start + len(piece))
                writer.write_table(piece.set_column(0, SEGMENT_SCHEMA.field("user_id"), [ids]))
        peaks.append(peak("publish", "--segments", segments, "--model", model, "--store", tmp_path / "store"))
    assert peaks[1] - peaks[0] < BYTES_A_CLIENT * (MANY - FEW)
