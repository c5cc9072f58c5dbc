"""Contestants side by side: each in a process of its own, watched, in turns, and its table compared with ours."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import CONTESTANTS, peak_gb
from benchmarks.equality import differences

ROOT = Path(__file__).parent.parent
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Limits:
    """What a contestant may take before it is ended."""

    memory_gb: float
    time_s: float


@dataclass
class Result:
    """A contestant's rounds, or why it has none."""

    seconds: list[float] = field(default_factory=list)
    peaks_gb: list[float] = field(default_factory=list)
    verdict: str = ""

    @property
    def summary(self) -> dict[str, float | str]:
        """Return medians, or the verdict."""
        if self.verdict:
            return {"verdict": self.verdict}
        return {
            "seconds": round(statistics.median(self.seconds), 3),
            "fastest": round(min(self.seconds), 3),
            "peak_gb": round(statistics.median(self.peaks_gb), 3),
        }


class EndedError(Exception):
    """A contestant did not come to its end; the message says why, fit for the results."""


def race(events: Path, names: Sequence[str], rounds: int, limits: Limits) -> dict[str, Result]:
    """Return each contestant's result; only tables equal to the first one's count (`ours`, where it takes part)."""
    results = {name: Result() for name in names}
    for name, result in results.items():
        if missing := CONTESTANTS[name].missing:
            result.verdict = f"left out: {' and '.join(missing)} not installed"
    with TemporaryDirectory(prefix="race-", dir=events) as scratch:
        with suppress(EndedError):  # so that what the disk holds is in memory for all
            attempt("scan", events, Path(scratch) / "warm", limits)
        for _ in range(rounds):
            for name in (name for name in sorted(names, key=_ours_first) if not results[name].verdict):
                _take_part(name, results[name], events, Path(scratch), limits)
    return results


def attempt(name: str, events: Path, out: Path, limits: Limits) -> tuple[float, float]:
    """Let a contestant do its work once; return its seconds and its peak memory in GB."""
    command = [sys.executable, "-m", "benchmarks.contestants", name, str(events), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as process:
        try:
            marks = _watch(process, limits)
            said = process.communicate()[0].splitlines()
        finally:
            for pid in _members(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    if process.returncode:
        raise EndedError(f"failed with code {process.returncode}")
    own = json.loads(said[-1])
    return own["seconds"], max(own["peak_gb"], sum(marks.values()))


def _watch(process: subprocess.Popen[str], limits: Limits) -> dict[int, float]:
    """Wait for a process; return the peak of each of its session, or raise EndedError when it goes too far."""
    began = time.perf_counter()
    marks: dict[int, float] = {}
    while process.poll() is None:
        members = _members(process.pid)
        marks |= {pid: peak for pid in members if (peak := peak_gb(pid)) > marks.get(pid, 0)}
        if (now := sum(peak_gb(pid, "VmRSS") for pid in members)) > limits.memory_gb:
            raise EndedError(f"killed at {now:.1f} GB")
        if time.perf_counter() - began > limits.time_s:
            raise EndedError(f"gave up after {limits.time_s:g} s")
        time.sleep(LOOK_EVERY_S)
    return marks


def _ours_first(name: str) -> bool:
    return name != "ours"


def _take_part(name: str, result: Result, events: Path, scratch: Path, limits: Limits) -> None:
    out = scratch / name
    _remove(out)
    try:
        seconds, peak = attempt(name, events, out, limits)
    except EndedError as reason:
        result.verdict = str(reason)
        _remove(out)
        return
    reference = next((path for other in ("ours", *CONTESTANTS) if (path := scratch / other).exists()), out)
    if name != "scan" and not result.seconds and (wrong := differences(reference, out)):
        result.verdict = f"wrong: {'; '.join(wrong)}"
        _remove(out)
        return
    print(f"{name}: {seconds:.2f} s, {peak:.2f} GB", flush=True)
    result.seconds.append(seconds)
    result.peaks_gb.append(peak)


def _remove(out: Path) -> None:
    if out.is_dir():
        shutil.rmtree(out)
    out.unlink(missing_ok=True)


def _members(session: int) -> list[int]:
    """Return the processes of a session: a contestant and all that it started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(path.name)) == session:
                found.append(int(path.name))
    return found
