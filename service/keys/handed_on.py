"""A text that the processes of one service share: what the last of them to know better has written."""

import fcntl
import hashlib
import mmap
import os
import tempfile

_DIGEST = hashlib.sha256().digest_size
_HEAD = _DIGEST + 8
_MOST = 1 << 20
"""Bytes; the memory is only taken where it is written."""


class HandedOn:
    """One text in memory that is shared by this process and those that it will fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD + _MOST)
        with tempfile.TemporaryFile() as file:
            self._lock = os.dup(file.fileno())

    def put(self, text: str) -> None:
        """Write the text, in place of what was there; one that is too long is not kept."""
        content = text.encode()
        if len(content) > _MOST:
            return
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            head = hashlib.sha256(content).digest() + len(content).to_bytes(8, "big")
            self._memory[: _HEAD + len(content)] = head + content
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def get(self) -> str | None:
        """Return the text; None where there is none yet, or a process died while it wrote."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            size = int.from_bytes(self._memory[_DIGEST:_HEAD], "big")
            digest, content = self._memory[:_DIGEST], self._memory[_HEAD : _HEAD + size]
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
        return content.decode() if hashlib.sha256(content).digest() == digest else None
