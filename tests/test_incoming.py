"""A request is handed on when it is whole, however it comes: not a byte too early, too late, or too many."""

import time
from http import HTTPStatus

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from hypothesis import given
from hypothesis import strategies as st

from service.server.incoming import MOST_HEAD, Incoming, RefusedRequestError

MOST_BODY = 2_000
POST = b"POST /segments HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET / HTTP/1.1\r\n\r\n"

bodies = st.binary(max_size=300)
sizes = st.sampled_from(["%x", "%X", "00%x", "%x;a=b", '%x ; quoted="0"'])


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    chunks = draw(st.lists(st.sampled_from([b"\r\n", b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"x"]) | bodies.filter(bool)))
    sent = b"".join(draw(sizes).encode() % len(chunk) + b"\r\n" + chunk + b"\r\n" for chunk in chunks)
    return CHUNKED + sent + draw(st.sampled_from([b"0\r\n\r\n", b"000\r\nLast: 0\r\nReally: yes\r\n\r\n"]))


def with_length(body: bytes) -> bytes:
    return POST + b"content-LENGTH:%d \r\n\r\n" % len(body) + body


requests = chunked() | bodies.map(with_length) | st.just(NEXT) | st.just(POST + b"\r\n")


def read_by_gunicorn(request: bytes) -> tuple[bytes, bytes]:
    """Return the body as gunicorn's own parser reads it, and what it leaves."""
    parser = get_parser(Config(), iter([request]), ("127.0.0.1", 0))
    body = next(parser).body.read()
    return body, parser.unreader.read()


@given(st.lists(requests, min_size=1, max_size=4), st.lists(st.integers(1, 400), min_size=1))
def test_requests_end_where_gunicorn_says_however_they_are_cut(together: list[bytes], steps: list[int]) -> None:
    sent, incoming, taken = b"".join(together), Incoming(MOST_BODY), []
    first = 0
    while first < len(sent):
        step = steps[first % len(steps)]
        incoming.add(sent[first : first + step])
        first += step
        while incoming.is_whole():
            request, rest = incoming.split()
            taken.append(request)
            incoming = Incoming(MOST_BODY, rest)
    assert taken == together
    assert not incoming
    for request in taken:
        assert read_by_gunicorn(request)[1] == b""


@given(requests)
def test_no_beginning_of_a_request_is_whole(request: bytes) -> None:
    for length in range(len(request)):
        incoming = Incoming(MOST_BODY)
        incoming.add(request[:length])
        assert not incoming.is_whole()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + b"X: 7\r\n" * MOST_HEAD, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (POST + b"Content-Length: 2001\r\n\r\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"7D1\r\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n3e9\r\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"1;" + b"x" * (MOST_HEAD + MOST_BODY), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"0\r\n" + b"X: 7\r\n" * MOST_HEAD, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"1;" + b"x" * MOST_HEAD, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"1;%b\r\n.\r\n" % (b"x" * 99) * 700, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (CHUNKED + b"-1\r\n", HTTPStatus.BAD_REQUEST),
        (CHUNKED + b"0x1\r\n", HTTPStatus.BAD_REQUEST),
        (CHUNKED + b"\r\n", HTTPStatus.BAD_REQUEST),
        (CHUNKED + b"1\r\nxx\r\n0\r\n\r\n", HTTPStatus.BAD_REQUEST),
    ],
)
def test_what_is_too_large_or_no_chunk_is_not_waited_for(sent: bytes, status: HTTPStatus) -> None:
    incoming = Incoming(MOST_BODY)
    incoming.add(sent)
    with pytest.raises(RefusedRequestError) as refused:
        incoming.is_whole()
    assert refused.value.status == status


def test_a_head_that_names_an_encoding_again_and_again_is_looked_through_once() -> None:
    incoming = Incoming(MOST_BODY)
    incoming.add(b"GET / HTTP/1.1\r\n" + b"transfer-encoding:\n" * 3400 + b"\r\n\r\n")
    began = time.perf_counter()
    assert incoming.is_whole()
    assert time.perf_counter() - began < 0.1


def test_a_caller_who_waits_for_a_word_gets_it_once() -> None:
    incoming = Incoming(MOST_BODY)
    incoming.add(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n")
    assert not incoming.is_whole()
    assert not incoming.asks_to_go_on()
    incoming.add(b"\r\n")
    assert not incoming.is_whole()
    assert [incoming.asks_to_go_on(), incoming.asks_to_go_on()] == [True, False]
    incoming.add(b"{}" + NEXT)
    assert incoming.is_whole()
    assert incoming.split() == (POST + b"Content-Length: 2\r\n\r\n{}", NEXT)
