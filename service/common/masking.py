"""What a caller sent is repeated to it without anything that may be a secret, such as a key in the wrong place."""

import re

from contract.columns import NAMES

_LONG = re.compile(r"[\w%~+=-]{20,}")
"""Letters and digits, and what stands among them in keys, in base64, and in what is encoded for a path or pointer."""

_NO_SECRET = re.compile(r"-?[0-9]{1,19}|\d{4}-\d{2}-\d{2}-[0-9a-f]{12}", re.ASCII)
"""Numbers of 64 bits, and the ids of snapshots."""

_OURS = frozenset(NAMES)


def masked(text: str) -> str:
    """Return the text with dots in place of every long word but features, ids of snapshots and numbers of 64 bits."""
    return _LONG.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    word = found[0]
    return word if word in _OURS or _NO_SECRET.fullmatch(word) else "..."
