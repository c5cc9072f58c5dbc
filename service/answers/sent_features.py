"""The features that a caller may send of a client: what they are, and which of them cannot be true together."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from marshmallow import RAISE, ValidationError, fields, validate, validates_schema

from contract.columns import FEATURES, Column
from service.answers.agreement import SUM, disagreements
from service.answers.schemas import Body
from service.common.problems import InvalidBodyError

_LONGEST_DAYS = 214
"""Seven months have at most 215 days, the first and the last included."""
_MOST = 10**9
_MOST_MONEY = 10**12
_MOST_CHARACTERS = 1000
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*", re.ASCII)
"""Python reads more as one: a date alone, a week of the year."""


class _Whole(fields.Integer):
    """A JSON integer, never a text."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


class _Money(fields.Float):
    """A JSON number, never a text."""

    def _validated(self, value: Any) -> float:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class _Moment(fields.DateTime):
    """A date-time by ISO 8601; in UTC when it names no zone."""

    default_error_messages = {  # noqa: RUF012 (marshmallow's own way)
        "invalid": "Not an ISO 8601 date-time, such as 2020-04-29T10:11:12Z."
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


def _field(column: Column) -> fields.Field[Any]:
    """Return the field of a column: what it may hold, and whether it must be sent."""
    required = column.sent == "always"
    match column.kind:
        case "count":
            least = int(column.name == SUM[0])  # a client has bought something
            return _Whole(required=required, validate=validate.Range(least, _MOST))
        case "days":
            return _Whole(required=required, validate=validate.Range(0, _LONGEST_DAYS))
        case "money":
            return _Money(required=required, allow_none=column.nullable, validate=validate.Range(0, _MOST_MONEY))
        case "time":
            return _Moment(required=required)
        case _:
            valid = validate.OneOf(column.values) if column.values else validate.Length(max=_MOST_CHARACTERS)
            return fields.String(required=required, allow_none=column.nullable, validate=valid)


class Features(Body):
    """A client's features as of today; a client has bought something in the last 7 months."""

    class Meta:
        """The columns by name, because each count has one for each window."""

        unknown = RAISE
        include = {column.name: _field(column) for column in FEATURES}  # noqa: RUF012 (marshmallow's own way)

    @validates_schema(skip_on_field_errors=False)
    def _agree(self, data: Mapping[str, Any], **_: Any) -> None:
        """What one feature says, another does not deny."""
        wrong = disagreements(data)
        if wrong:
            raise ValidationError(wrong)


EXAMPLE = {
    "days_since_last_purchase": 3,
    "count_products_7m": 2,
    "total_purchase_value": 89.8,
    "number_of_views_7m": 14,
    "number_of_carts_7m": 3,
    "number_of_sessions_7m": 4,
}


def complete(features: Mapping[str, Any], asked: Collection[str]) -> dict[str, Any]:
    """Return the features with those that follow from them, or raise the problem that the tree asks for others."""
    bought, spent, carts = (features[name] for name in SUM)
    follow = {"avg_price_7m": spent / bought, "cart_abandonments": max(carts - bought, 0)}
    whole = {**follow, **features}
    missing = {
        f"/{name}": "Missing: the snapshot's tree asks for it." for name in sorted(asked) if whole.get(name) is None
    }
    if missing:
        raise InvalidBodyError(missing)
    return whole
