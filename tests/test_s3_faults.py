"""Whatever the network and S3 do to a publish, what is served is whole, and nothing is lost in silence."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_plans import Fault, at_random, from_the
from fault_runs import Outcome, attempts, is_a_sentence
from faults import FaultyProxy, faulty_proxy
from s3_servers import S3Server, environment, moto_server
from shared_data import bundled

from contract.errors import MenagerieError
from segmentation.ingest.sources import fetch as stage
from segmentation.tools.progress import SILENT
from storage import s3
from storage.bucket import open_bucket

pytestmark = pytest.mark.s3

RANDOM_RUNS = 30
"""benchmarks/s3_faults.py has a hundred."""

STEPS = {
    "reads CURRENT": "GET .*/CURRENT$",
    "looks for the snapshot": r"GET .*list-type=2.*snapshots%2F2020.*",
    "uploads the first file": "PUT .*/clients.parquet$",
    "uploads the manifest": "PUT .*/manifest.json$",
    "lists the snapshots": "GET .*list-type=2.*snapshots%2F&",
    "downloads a file to verify it": "GET .*/user_id.npy$",
    "moves CURRENT": "PUT .*/CURRENT$",
}
ANYWHERE = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.LATE, Fault.BUSY, Fault.BROKEN)
OF_UPLOADS = (*ANYWHERE, Fault.CUT_UPLOAD)
OF_DOWNLOADS = (*ANYWHERE, Fault.CUT_DOWNLOAD, Fault.FLIPPED)
CASES = [
    (step, fault) for step, its in STEPS.items() for fault in (OF_UPLOADS if its.startswith("PUT") else OF_DOWNLOADS)
] + [("moves CURRENT", Fault.CONFLICT)]
ANSWER_LOST = {("moves CURRENT", fault) for fault in (Fault.CUT_AFTER, Fault.LATE)}
"""When S3 has done it and can never say so, nobody can tell the run that it is served."""
UNCHECKED = {(step, Fault.FLIPPED) for step in ("looks for the snapshot", "lists the snapshots")}
"""S3 gives no checksum for a listing; whatever a damaged one says, nothing broken may come of it."""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with moto_server() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.endpoint) as running:
        yield running


Outcomes = dict[tuple[str, Fault, float], Outcome]


@pytest.fixture(scope="module")
def outcomes(server: S3Server, proxy: FaultyProxy) -> Outcomes:
    """Publish once for every fault at every step, met once or for ever."""
    cases = [(step, fault, times) for times in (1, float("inf")) for step, fault in CASES]
    plans = [from_the(1, fault, STEPS[step], times) for step, fault, times in cases]
    return dict(zip(cases, attempts(server, proxy, "step", plans), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("step", "fault"), [case for case in CASES if case not in UNCHECKED])
def test_a_fault_met_once_is_overcome(outcomes: Outcomes, step: str, fault: Fault) -> None:
    outcome = outcomes[step, fault, 1]
    assert [seen.fault for seen in outcome.disturbed] == [fault]
    assert outcome.error is None
    assert outcome.after == outcome.published != outcome.before


@pytest.mark.slow
@pytest.mark.parametrize(("step", "fault"), [case for case in CASES if case not in UNCHECKED | ANSWER_LOST])
def test_a_fault_that_stays_is_told_and_the_old_snapshot_served(outcomes: Outcomes, step: str, fault: Fault) -> None:
    outcome = outcomes[step, fault, float("inf")]
    assert {seen.fault for seen in outcome.disturbed} == {fault}
    assert outcome.error is not None
    assert outcome.error.exit_code == (4 if fault is Fault.CONFLICT else 1)
    assert outcome.is_sound(), outcome.error
    assert outcome.after == outcome.before
    assert outcome.is_in_doubt() is (step == "moves CURRENT" and fault is not Fault.CONFLICT)
    assert outcome.repaired


@pytest.mark.slow
@pytest.mark.parametrize(("step", "fault"), sorted(ANSWER_LOST))
def test_a_switch_whose_answer_never_comes_is_told_to_be_in_doubt(outcomes: Outcomes, step: str, fault: Fault) -> None:
    outcome = outcomes[step, fault, float("inf")]
    assert outcome.is_in_doubt()
    assert outcome.is_sound(), outcome.error
    assert outcome.before != outcome.after
    assert outcome.repaired


@pytest.mark.slow
def test_a_last_look_that_fails_is_told_to_leave_a_doubt(server: S3Server, proxy: FaultyProxy) -> None:
    faults = (Fault.CUT_BEFORE, Fault.BUSY, Fault.FLIPPED)
    plans = [from_the(2, fault, "GET .*/manifest.json$", float("inf")) for fault in faults]  # first, it is verified
    for outcome in attempts(server, proxy, "last", plans):
        assert outcome.is_in_doubt()
        assert outcome.is_sound(), outcome.error
        assert outcome.after == outcome.own
        assert outcome.repaired


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, float("inf")])
@pytest.mark.parametrize(("step", "fault"), sorted(UNCHECKED))
def test_a_damaged_listing_does_no_harm(outcomes: Outcomes, step: str, fault: Fault, times: float) -> None:
    outcome = outcomes[step, fault, times]
    assert outcome.disturbed
    assert outcome.is_sound(), outcome.error
    assert outcome.repaired


@pytest.mark.slow
def test_random_faults_never_break_what_is_served(server: S3Server, proxy: FaultyProxy) -> None:
    faults = [fault for fault in Fault if fault is not Fault.CONFLICT]
    plans = [at_random(seed, (seed % 10 + 1) / 20, *faults) for seed in range(RANDOM_RUNS)]
    found = attempts(server, proxy, "random", plans)
    unsound = [(seed, outcome) for seed, outcome in enumerate(found) if not outcome.is_sound()]
    assert unsound == []
    assert all(outcome.repaired for outcome in found)
    assert 0 < sum(outcome.error is None for outcome in found) < RANDOM_RUNS
    assert {seen.fault for outcome in found for seen in outcome.disturbed} == set(faults)


@pytest.fixture
def remote(server: S3Server, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """S3 through the proxy, as the environment names it."""
    for name, value in (server.environment | environment(proxy.endpoint)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MENAGERIE_S3_TIMEOUT_S", "1")
    proxy.restart()
    return server


WAITED_FOR = {Fault.LATE, Fault.BUSY}


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=[pytest.mark.slow] * (fault in WAITED_FOR)) for fault in OF_DOWNLOADS]
)
def test_raw_files_arrive_whole_or_not_at_all(
    remote: S3Server, proxy: FaultyProxy, tmp_path: Path, fault: Fault
) -> None:
    (file,) = (file for file in bundled() if "Apr" in file.name)
    remote.client.upload_file(str(file), remote.bucket, f"{tmp_path.name}/{file.name}")
    url = remote.url(tmp_path.name)
    proxy.restart(from_the(1, fault, "GET .*csv.gz$"))
    (staged,) = stage([url], tmp_path / "once", SILENT).paths
    assert staged.read_bytes() == file.read_bytes()
    assert [seen.fault for seen in proxy.faults] == [fault]
    proxy.restart(from_the(1, fault, "GET .*csv.gz$", float("inf")))
    with pytest.raises(MenagerieError) as told:
        stage([url], tmp_path / "for ever", SILENT)
    assert is_a_sentence(str(told.value))
    assert len(proxy.faults) == s3.ATTEMPTS


PARTS = {"begins": r"POST .*\?uploads", "sends a part": "PUT .*partNumber=2", "ends": r"POST .*\?uploadId"}


@pytest.mark.parametrize("case", [(step, fault) for step in PARTS for fault in OF_UPLOADS])
@pytest.mark.slow
def test_an_upload_in_parts_is_whole(
    remote: S3Server, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: tuple[str, Fault]
) -> None:
    step, fault = case
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 2**20)  # the least that S3 takes
    (tmp_path / "large").write_bytes(random.Random(3).randbytes(12 * 2**20))
    proxy.restart(from_the(1, fault, PARTS[step]))
    open_bucket(remote.url(tmp_path.name)).upload(tmp_path / "large", "large")
    assert [seen.fault for seen in proxy.faults] == [fault]
    whole = remote.client.get_object(Bucket=remote.bucket, Key=f"{tmp_path.name}/large")
    assert whole["Body"].read() == (tmp_path / "large").read_bytes()


def test_an_upload_in_parts_that_fails_leaves_no_parts(
    remote: S3Server, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 2**20)
    (tmp_path / "large").write_bytes(bytes(12 * 2**20))
    proxy.restart(from_the(1, Fault.CUT_UPLOAD, "PUT .*partNumber=2", float("inf")))
    with pytest.raises(MenagerieError) as told:
        open_bucket(remote.url(tmp_path.name)).upload(tmp_path / "large", "large")
    assert is_a_sentence(str(told.value))
    under = {"Bucket": remote.bucket, "Prefix": f"{tmp_path.name}/"}
    assert "Uploads" not in remote.client.list_multipart_uploads(**under)
    assert "Contents" not in remote.client.list_objects_v2(**under)
