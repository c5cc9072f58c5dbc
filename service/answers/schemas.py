"""What callers send and get, as marshmallow schemas: bodies are checked by them, and the contract is made of them."""

import re
from itertools import islice
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from contract.columns import LEAST_ID, MOST_ID
from service.common.problems import MOST_ERRORS

EITHER = {"type": ["integer", "string"], "format": "int64", "pattern": "^-?[0-9]+$"}
"""An id is a number or, since JavaScript rounds numbers beyond 2^53, its digits as a string."""
_TOO_MANY = "At most {max:,} ids a request."


class Body(Schema):
    """What a body holds."""

    error_messages = {"type": "Send a JSON object."}  # noqa: RUF012 (marshmallow's own way)


class UserIdList(fields.List[int]):
    """Many user ids; checked in one go, because a field's own check of each would take most of the time."""

    def __init__(self, most: int) -> None:
        bounds = validate.Range(LEAST_ID, MOST_ID)
        each = fields.Integer(strict=True, validate=bounds, metadata=EITHER)
        super().__init__(each, required=True, validate=validate.Length(max=most, error=_TOO_MANY))
        self._most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[int | None]:  # noqa: ARG002
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if len(value) > self._most:
            return value  # told by the check of the length
        user_ids = [_exact(each) for each in value]
        wrong = dict(
            islice(((place, [_NO_ID]) for place, user_id in enumerate(user_ids) if not _is_id(user_id)), MOST_ERRORS)
        )
        if wrong:
            raise ValidationError(wrong)
        return user_ids


def user_ids_schema(most: int) -> Schema:
    """Return what names many clients, at most so many."""
    return Body.from_dict({"user_ids": UserIdList(most)}, name="UserIds")()


_EXACT = 2**53
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_NO_ID = f"Not an integer from {LEAST_ID} to {MOST_ID}."


def _exact(value: Any) -> Any:
    """Return 7 for "7" and for 7.0, which JSON Schema calls an integer, too; from 2^53 on that may be another's id."""
    if type(value) is str and _DIGITS.fullmatch(value):
        return int(value)
    return int(value) if type(value) is float and value.is_integer() and abs(value) < _EXACT else value


def _is_id(value: Any) -> bool:
    return type(value) is int and LEAST_ID <= value <= MOST_ID  # a bool is an int, too
