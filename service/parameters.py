"""What a caller may ask for, checked before anything is looked up."""

import re

from werkzeug.datastructures import MultiDict

from service.answers import INCLUDABLE
from service.problems import BadIncludeError, BadUserIdError

_USER_ID = re.compile(r"-?[0-9]{1,19}")
_LEAST_ID, _MOST_ID = -(2**63), 2**63 - 1


def parsed_user_id(text: str) -> int:
    """Return the 64-bit integer that `text` is in ASCII digits."""
    if _USER_ID.fullmatch(text) and _LEAST_ID <= (number := int(text)) <= _MOST_ID:
        return number
    raise BadUserIdError("A user id is a 64-bit integer in the digits 0 to 9.")


def parsed_include(arguments: MultiDict[str, str]) -> tuple[str, ...]:
    """Return what `include` names, each once, in the order of `INCLUDABLE`."""
    asked = {part for value in arguments.getlist("include") for part in value.split(",")} - {""}
    if asked.difference(INCLUDABLE):
        raise BadIncludeError(f"include takes {' and '.join(INCLUDABLE)}, separated by a comma.")
    return tuple(part for part in INCLUDABLE if part in asked)
