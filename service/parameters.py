"""What a caller may ask for, checked before anything is looked up."""

import re

from werkzeug.datastructures import MultiDict

from service.answers import INCLUDABLE
from service.problems import BadIncludeError, BadUserIdError, TooLargeUserIdError, UnknownParameterError

_INTEGER = re.compile(r"(-?)0*([0-9]+)")
_MOST_DIGITS = 19
_MOST_CHARACTERS_TOLD = 64
_LEAST_ID, _MOST_ID = -(2**63), 2**63 - 1


def parsed_user_id(text: str) -> int:
    """Return the 64-bit integer that `text` is in ASCII digits."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        raise BadUserIdError("A user id is an integer in the digits 0 to 9, with a minus sign before it or not.")
    sign, digits = found.groups()
    if len(digits) <= _MOST_DIGITS and _LEAST_ID <= (number := int(sign + digits)) <= _MOST_ID:
        return number
    raise TooLargeUserIdError(f"The user id does not fit in 64 bits: it is from {_LEAST_ID} to {_MOST_ID}.")


def parsed_include(arguments: MultiDict[str, str]) -> tuple[str, ...]:
    """Return what `include` names, each once, in the order of `INCLUDABLE`."""
    for name in arguments:
        if name != "include":
            raise UnknownParameterError(f"There is no parameter {name[:_MOST_CHARACTERS_TOLD]!r}, only include.")
    asked = {part for value in arguments.getlist("include") for part in value.split(",")} - {""}
    if asked.difference(INCLUDABLE):
        raise BadIncludeError(f"include takes {' and '.join(INCLUDABLE)}, separated by a comma.")
    return tuple(part for part in INCLUDABLE if part in asked)
