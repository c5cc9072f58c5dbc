"""What may reach a terminal: names of files come from outside, and may hold what moves the cursor."""

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of a line."""


def printable(line: str) -> str:
    """Return a line with a mark in place of every control character."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)
