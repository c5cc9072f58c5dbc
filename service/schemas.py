"""What callers send and get, as marshmallow schemas: bodies are checked by them, and the contract is made of them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

LEAST_ID, MOST_ID = -(2**63), 2**63 - 1


class UserIdList(fields.List[int]):
    """Many user ids; checked in one go, because a field's own check of each would take most of the time."""

    def __init__(self, most: int) -> None:
        bounds = validate.Range(LEAST_ID, MOST_ID)
        each = fields.Integer(strict=True, validate=bounds, metadata={"format": "int64"})
        super().__init__(each, required=True, validate=validate.Length(max=most))
        self._most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[int | None]:  # noqa: ARG002
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if len(value) <= self._most:
            wrong = {place: [_NO_ID] for place, user_id in enumerate(value) if not _is_id(user_id)}
            if wrong:
                raise ValidationError(wrong)
        return value


def user_ids_schema(most: int) -> Schema:
    """Return what names many clients, at most so many."""
    return Schema.from_dict({"user_ids": UserIdList(most)}, name="UserIds")()


_NO_ID = f"Not an integer from {LEAST_ID} to {MOST_ID}."


def _is_id(value: Any) -> bool:
    return type(value) is int and LEAST_ID <= value <= MOST_ID  # a bool is an int, too
