"""What a caller may ask for, checked before anything is looked up."""

import re
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from contract.columns import LEAST_ID, MOST_ID
from service.answers.members import FORMATS
from service.common.masking import masked
from service.common.problems import (
    BadIncludeError,
    BadParameterError,
    BadUserIdError,
    TooLargeUserIdError,
    UnknownParameterError,
)
from service.snapshots.snapshot import INCLUDABLE

_INTEGER = re.compile(r"(-?)([0-9]+)")
_PAGE_SIZE = re.compile(r"[1-9][0-9]{0,4}")
_MOST_DIGITS = 19
MOST_IN_PAGE = 10_000
_USUAL_PAGE = 1000
NOBODY = "none"
"""What a persona is called where there is no client."""
_MOST_CHARACTERS_TOLD = 64


def parsed_user_id(text: str) -> int:
    """Return the 64-bit integer that `text` is in ASCII digits."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        raise BadUserIdError("A user id is an integer in the digits 0 to 9, with a minus sign before it or not.")
    sign, digits = found[1], found[2].lstrip("0") or "0"
    if len(digits) <= _MOST_DIGITS and LEAST_ID <= (number := int(sign + digits)) <= MOST_ID:
        return number
    raise TooLargeUserIdError(f"The user id does not fit in 64 bits: it is from {LEAST_ID} to {MOST_ID}.")


def _refuse_unknown(arguments: MultiDict[str, str], *known: str) -> None:
    for name in arguments:
        if name not in known:
            told = masked(name)[:_MOST_CHARACTERS_TOLD]
            raise UnknownParameterError(f"There is no parameter {told!r}, only {' and '.join(known)}.")


def parsed_include(arguments: MultiDict[str, str]) -> tuple[str, ...]:
    """Return what `include` names, each once, in the order of `INCLUDABLE`."""
    _refuse_unknown(arguments, "include")
    asked = {part for value in arguments.getlist("include") for part in value.split(",")} - {""}
    if asked.difference(INCLUDABLE):
        raise BadIncludeError(f"include takes {' and '.join(INCLUDABLE)}, separated by a comma.")
    return tuple(part for part in INCLUDABLE if part in asked)


def parsed_with(arguments: MultiDict[str, str]) -> str | None:
    """Return the id of the snapshot to compare with, if one is named."""
    _refuse_unknown(arguments, "with")
    return arguments.get("with")


@dataclass(frozen=True)
class FlowAsked:
    """A flow between two snapshots, and the kind of file that its clients are asked for in."""

    other: str | None
    then: str | None
    now: str | None
    form: str


def parsed_flow(arguments: MultiDict[str, str]) -> FlowAsked:
    """Return which clients are asked for: those of the persona `then` who have the persona `now`."""
    _refuse_unknown(arguments, "then", "now", "with", "format")
    for end in ("then", "now"):
        if end not in arguments:
            raise BadParameterError(f"{end} takes a persona or {NOBODY}.")
    then, now = (None if arguments[end] == NOBODY else arguments[end] for end in ("then", "now"))
    form = arguments.get("format", next(iter(FORMATS)))
    if form not in FORMATS:
        raise BadParameterError(f"format takes {' or '.join(FORMATS)}.")
    if then is None and now is None:
        raise BadParameterError(f"Of then and now one is a persona; {NOBODY} is who is no client.")
    return FlowAsked(arguments.get("with"), then, now, form)


@dataclass(frozen=True)
class Paging:
    """What part of a persona's members is asked for: a page, or everything in a `form`."""

    form: str
    cursor: str | None
    limit: int


def parsed_paging(arguments: MultiDict[str, str]) -> Paging:
    """Return which members are asked for, and how."""
    _refuse_unknown(arguments, "format", "cursor", "limit")
    form, limit = arguments.get("format", ""), arguments.get("limit", "")
    if "format" in arguments and form not in FORMATS:
        raise BadParameterError(f"format takes {' or '.join(FORMATS)}; without it, answers come in pages of JSON.")
    if form and len(arguments) > 1:
        raise BadParameterError("format gives all members at once, without cursor or limit.")
    if "limit" in arguments and not (_PAGE_SIZE.fullmatch(limit) and int(limit) <= MOST_IN_PAGE):
        raise BadParameterError(f"limit takes a whole number from 1 to {MOST_IN_PAGE}.")
    return Paging(form, arguments.get("cursor"), int(limit or _USUAL_PAGE))
