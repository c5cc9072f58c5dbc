"""What has come of a request: when it is whole, and when it is not worth waiting for the rest."""

import re
from http import HTTPStatus

MOST_HEAD = 65_536
"""The most bytes that the head of a request, or what stands around the chunks of its body, may have."""
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-f]{1,16})[ \t]*(?:;.*)?", re.IGNORECASE | re.DOTALL)


class RefusedRequestError(Exception):
    """A request that is not waited for any longer, and the status that says why."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Incoming:
    """The bytes of a connection's next request, gathered until they are whole.

    Only where a request ends is looked for (RFC 9112, sections 6 and 7.1); whether it is a good one, the parser says
    that gets it, and no byte after it.
    """

    def __init__(self, most_body: int, came: bytes = b"") -> None:
        self._came = bytearray(came)
        self._most_body = most_body
        self._body = 0  # where it begins, once that is known
        self._end: int | None = None
        self._chunk = 0  # where the next one begins, in a body that comes in chunks
        self._carried = 0  # by the chunks so far
        self._told_to_go_on = False

    def __len__(self) -> int:
        return len(self._came)

    def add(self, part: bytes) -> None:
        """Keep what came."""
        self._came += part

    def begins(self, with_one_of: tuple[bytes, ...]) -> bool:
        """Return whether this is how it begins."""
        return self._came.startswith(with_one_of)

    def is_whole(self) -> bool:
        """Return whether a request is there; RefusedRequestError if it is too large, or its chunks make no sense."""
        if not self._body:
            self._find_body()
        if self._chunk and self._end is None:
            self._follow_chunks()
        return self._end is not None and len(self._came) >= self._end

    def asks_to_go_on(self) -> bool:
        """Return, once, whether the caller waits for a word before it sends the body."""
        if self._told_to_go_on or not self._body or len(self._came) > self._body:
            return False
        self._told_to_go_on = bool(_EXPECTS.search(self._came))
        return self._told_to_go_on

    def split(self) -> tuple[bytes, bytes]:
        """Return the request, which is whole, and what came after it."""
        request, rest = bytes(self._came[: self._end]), bytes(self._came[self._end :])
        if self._told_to_go_on:  # by us, so that nobody else need
            request = _EXPECTS.sub(b"\n", request[: self._body]) + request[self._body :]
        return request, rest

    def _find_body(self) -> None:
        head_ends = self._came.find(_END, 0, MOST_HEAD)
        if head_ends < 0:
            if len(self._came) >= MOST_HEAD:
                raise RefusedRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._body = head_ends + len(_END)
        if _CHUNKED.search(self._came, 0, self._body):
            self._chunk = self._body
            return
        told = _LENGTH.search(self._came, 0, self._body)
        length = int(told[1]) if told else 0
        self._check(length)
        self._end = self._body + length

    def _follow_chunks(self) -> None:
        while (size_ends := self._came.find(b"\r\n", self._chunk)) >= 0:
            size = _SIZE.fullmatch(self._came, self._chunk, size_ends)
            follows_another = self._chunk > self._body
            if not size or (follows_another and self._came[self._chunk - 2 : self._chunk] != b"\r\n"):
                raise RefusedRequestError(HTTPStatus.BAD_REQUEST)
            length = int(size[1], 16)
            if not length:  # the last one: fields may follow, and an empty line does
                trailer_ends = self._came.find(_END, size_ends)
                self._end = trailer_ends + len(_END) if trailer_ends >= 0 else None
                break
            self._carried += length
            self._check(self._carried)
            self._chunk = size_ends + 2 + length + 2
        around = len(self._came) - self._body - self._carried
        if around > MOST_HEAD:
            raise RefusedRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _check(self, body: int) -> None:
        if self._most_body and body > self._most_body:
            raise RefusedRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
