"""What reads other people's bytes, fed with bytes made of good ones: an answer or a refusal, never a fault of ours.

`make fuzz` tries many more. What once broke something is kept in `corpus/`, and tried first each time.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from known_keys import known_key
from snapshots import publish_small

from contract.columns import FEATURES
from contract.errors import BadInputError
from contract.snapshot import NO_ID, SNAPSHOT_ID, canonical, seal, served_id
from segmentation.ingest import csv_rows, raw, text_stream
from segmentation.ingest.events import COLUMNS
from service.answers.sent_features import EXAMPLE
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import BadSettingError, Settings
from service.keys.keys import Key, parsed_keys
from service.server.incoming import Incoming, RefusedRequestError
from service.snapshots.provider import Provider
from service.snapshots.reader import RefusedError, parsed_manifest

pytestmark = pytest.mark.fuzz

CORPUS = Path(__file__).with_name("corpus")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
SOME = settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
ROW = b"2020-01-01 00:00:00 UTC,view,7,1,,b,1.00,7,s\n"
CSV = f"{','.join(COLUMNS)}\n".encode() + ROW + ROW.replace(b",b,", b',"b ""c""\nd",') + b"\r\n" + ROW
MANIFEST = {"as_of": "2020-04-30", "files": {"a": {"bytes": 1, "sha256": "0" * 64}}, "format": 1, "id": "x"}
KEY_LINES = "\n".join(["# who may ask", known_key("shop", ["lookup"])[1], known_key("crm", ["export", "lookup"])[1]])
POST = b"POST /segments HTTP/1.1\r\nHost: localhost\r\n"
REQUESTS = [
    POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n",
    POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}GET / HTTP/1.1\r\n\r\n",
]
CURSOR = base64.urlsafe_b64encode(b'["2020-04-30-0123456789ab", 3, 0]')
BODIES = [
    json.dumps(EXAMPLE).encode(),
    b'{"user_ids":[7,-5,9007199254740993,7.0]}',
    json.dumps({"😀": "\ud83d"}).encode(),
]


@st.composite
def spoilt(draw: st.DrawFn, goods: list[bytes], kind: str) -> bytes:
    """Make bytes of good ones, or of what once broke something, by a few changes."""
    content = bytearray(draw(st.sampled_from([*goods, *kept(kind)])))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(content)))
        until = draw(st.integers(at, min(at + 20, len(content))))
        times = draw(st.sampled_from([0, 1, 1, 2, 50]))
        with_what = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"\0", b"\r\n", b",", b"0", b"\xff", b"[", b"\\u"])
        )
        content[at:until] = with_what * times if draw(st.booleans()) else bytes(content[at:until]) * times
    return bytes(content)


def kept(kind: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.glob(f"{kind}-*"))]


def with_kept(kind: str) -> Callable[[Any], Any]:
    """Try all that is kept of a kind first."""

    def decorate(test: Any) -> Any:
        for content in kept(kind):
            test = example(content)(test)
        return test

    return decorate


@SOME
@given(content=spoilt([CSV, b"", CSV[:-1], b"\xef\xbb\xbf" + CSV], "csv"), block=st.sampled_from([64, 8 << 20]))
def test_rows_of_a_raw_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, block: int) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", block)
    monkeypatch.setattr(text_stream, "HEAD_BYTES", block)
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    rejects: list[csv_rows.Reject] = []
    with suppress(BadInputError):
        for batch in raw.read(file, rejects.append, print):
            assert batch.schema == csv_rows.TEXT
            assert all(
                2 <= line <= content.count(b"\n") + content.count(b"\r") + 1 for line in batch["line"].to_pylist()
            )
        assert all(reject.row.isprintable() or reject.reason for reject in rejects)


@SOME
@given(content=spoilt([canonical({**MANIFEST, "seal": seal(MANIFEST)})], "manifest"))
@with_kept("manifest")
def test_a_manifest(content: bytes) -> None:
    with suppress(RefusedError):
        assert canonical({**parsed_manifest(content), "seal": seal(MANIFEST)}) == content


@SOME
@given(content=spoilt([b"2020-04-30-0123456789ab\n", b"/etc/passwd"], "current"))
@with_kept("current")
def test_current(content: bytes) -> None:
    found = served_id(content)
    assert found in {None, NO_ID} or (SNAPSHOT_ID.fullmatch(str(found)) and str(found).encode() in content)


@SOME
@given(content=spoilt([KEY_LINES.encode()], "keys"))
@with_kept("keys")
def test_keys(content: bytes) -> None:
    with suppress(BadSettingError):
        assert all(
            isinstance(key, Key) and len(key.sha256) == 32 for key in parsed_keys(content.decode("utf-8", "replace"))
        )


@SOME
@given(content=spoilt(REQUESTS, "request"), steps=st.lists(st.integers(1, 50), min_size=1))
def test_the_bytes_of_a_connection(content: bytes, steps: list[int]) -> None:
    incoming, at = Incoming(1000), 0
    with suppress(RefusedRequestError):
        while at < len(content):
            step = steps[at % len(steps)]
            incoming.add(content[at : at + step])
            at += step
            while incoming.is_whole():
                request, rest = incoming.split()
                assert request
                incoming = Incoming(1000, rest)
            incoming.asks_to_go_on()


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    store = tmp_path_factory.mktemp("fuzzed")
    publish_small(store)
    log = JsonLog("error", lambda line: pytest.fail(line.decode()))
    provider = Provider(store, log)
    provider.load()
    with create_app(provider, Settings(), log).test_client() as client:
        yield client


@SOME
@given(content=spoilt(BODIES, "body"), path=st.sampled_from(["/segment", "/segments"]))
def test_a_body(http: Any, content: bytes, path: str) -> None:
    answer = http.post(path, data=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400, 413, 422}
    assert isinstance(answer.json, dict)


@SOME
@given(content=spoilt([CURSOR, b"7", b"-5", b"features,reasons", b"2020-04-30-0123456789ab"], "query"))
@with_kept("query")
def test_what_stands_in_an_address(http: Any, content: bytes) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in content)
    for path in (
        f"/segment/{quoted}",
        f"/segment/7?include={quoted}",
        f"/segment/7?{quoted}=1",
        f"/personas/{quoted}",
        f"/personas/fox/clients?cursor={quoted}",
        f"/personas/fox/clients?limit={quoted}",
        f"/snapshot/changes?with={quoted}",
        f"/docs/{quoted}",
        f"/client?user_id={quoted}",
        f"/sign-in?next={quoted}",
    ):
        assert http.get(path).status_code < 500, path


@SOME
@given(
    name=st.sampled_from([column.name for column in FEATURES]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
)
def test_a_feature_of_any_value(http: Any, name: str, value: object) -> None:
    assert http.post("/segment", json={**EXAMPLE, name: value}).status_code in {200, 400, 422}
