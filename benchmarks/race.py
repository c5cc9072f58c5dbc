"""Contestants side by side: each in a process of its own, watched, in turns, and its table compared with ours."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contestants import CONTESTANTS, cpu_s, peak_gb
from benchmarks.equality import differences

ROOT = Path(__file__).parent.parent
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Limits:
    """What a contestant may take before it is ended."""

    memory_gb: float
    time_s: float


@dataclass(frozen=True)
class Taken:
    """What one round took, without the start: seconds on the clock and of the processors, and the peak memory."""

    seconds: float
    cpu_s: float
    peak_gb: float


@dataclass
class Result:
    """A contestant's rounds, or why it has none."""

    rounds: list[Taken] = field(default_factory=list)
    verdict: str = ""

    @property
    def summary(self) -> dict[str, float | str]:
        """Return the fastest round's seconds and the medians of all, or the verdict."""
        if self.verdict:
            return {"verdict": self.verdict}
        figures = {
            "seconds": min(taken.seconds for taken in self.rounds),
            "median": median(taken.seconds for taken in self.rounds),
            "cpu_s": median(taken.cpu_s for taken in self.rounds),
            "peak_gb": median(taken.peak_gb for taken in self.rounds),
        }
        return {name: round(figure, 3) for name, figure in figures.items()}


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


def attempt(name: str, events: Path, out: Path, limits: Limits) -> Taken:
    """Let a contestant do its work once."""
    command = [sys.executable, "-m", "benchmarks.contestants", name, str(events), str(out)]
    environment = os.environ | {"SPARK_LOCAL_DIRS": str(out.parent)}  # so that what a killed Spark leaves is removed
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment, start_new_session=True
    ) as process:
        try:
            peaks, cpu = _watch(process, limits)
            said = process.communicate()[0].splitlines()
        finally:
            for pid in _members(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    if process.returncode:
        raise EndedError(f"failed with code {process.returncode}")
    own = Taken(**json.loads(said[-1]))
    others = sum(seconds for pid, seconds in cpu.items() if pid != process.pid)
    return Taken(own.seconds, own.cpu_s + others, max(own.peak_gb, sum(peaks.values())))


def _watch(process: subprocess.Popen[str], limits: Limits) -> tuple[dict[int, float], dict[int, float]]:
    """Wait for a process; return peak memory and processor time of each in its session.

    Raises EndedError when it goes beyond a limit.
    """
    began = time.perf_counter()
    peaks: dict[int, float] = {}
    cpu: dict[int, float] = {}
    while process.poll() is None:
        members = _members(process.pid)
        peaks |= {pid: peak for pid in members if (peak := peak_gb(pid))}
        cpu |= {pid: seconds for pid in members if (seconds := cpu_s(pid))}
        if (now := sum(peak_gb(pid, "VmRSS") for pid in members)) > limits.memory_gb:
            raise EndedError(f"killed at {now:.1f} GB")
        if time.perf_counter() - began > limits.time_s:
            raise EndedError(f"gave up after {limits.time_s:g} s")
        time.sleep(LOOK_EVERY_S)
    return peaks, cpu


def _ours_first(name: str) -> bool:
    return name != "ours"


def _take_part(name: str, result: Result, events: Path, scratch: Path, limits: Limits) -> None:
    out = scratch / name
    _remove(out)
    try:
        taken = attempt(name, events, out, limits)
    except EndedError as reason:
        result.verdict = str(reason)
        _remove(out)
        return
    reference = next((path for other in ("ours", *CONTESTANTS) if (path := scratch / other).exists()), out)
    if name != "scan" and not result.rounds and (wrong := differences(reference, out)):
        result.verdict = f"wrong: {'; '.join(wrong)}"
        _remove(out)
        return
    print(f"{name}: {taken.seconds:.2f} s, {taken.cpu_s:.2f} s of CPU, {taken.peak_gb:.2f} GB", flush=True)
    result.rounds.append(taken)


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
