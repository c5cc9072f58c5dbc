"""What a view says of itself for the contract; saying it costs a request nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from marshmallow import Schema

from contract.columns import LEAST_ID, MOST_ID
from service.answers.members import FORMATS
from service.answers.parameters import MOST_IN_PAGE

OPERATION = "operation"
_View = TypeVar("_View", bound=Callable[..., Any])
_JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """What a view takes and answers.

    `answer` is a schema, `others` are by content type, `body` names the schema among the view object's attributes.
    """

    answer: type[Schema] | None
    problems: Sequence[int] = ()
    parameters: Sequence[Mapping[str, Any]] = ()
    body: str = ""
    example: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)
    kept: bool = False

    def content(self) -> dict[str, Any]:
        """Return the content of a good answer."""
        return {**({_JSON: {"schema": self.answer}} if self.answer else {}), **self.others}


@dataclass(frozen=True)
class Route:
    """A view at a path; callers need a key with `scope`, if that is given and there are keys."""

    rule: str
    view: Callable[..., Any]
    scope: str | None = None
    method: str = "GET"


def documented(answer: type[Schema] | None, **more: Any) -> Callable[[_View], _View]:
    """Let a view say what it takes and answers."""

    def mark(view: _View) -> _View:
        setattr(view, OPERATION, Operation(answer, **more))
        return view

    return mark


def parameter(name: str, where: str, description: str, example: Any = None, **schema: Any) -> dict[str, Any]:
    """Return a parameter of the path or the query."""
    told = {"name": name, "in": where, "required": where == "path", "description": description, "schema": schema}
    return told | ({"example": example} if example is not None else {})


USER_ID = parameter(
    "user_id",
    "path",
    "A client, by a 64-bit integer.",
    512363741,
    type="integer",
    format="int64",
    minimum=LEAST_ID,
    maximum=MOST_ID,
)
INCLUDE = {
    **parameter(
        "include",
        "query",
        "More about the client, separated by a comma.",
        type="array",
        items={"type": "string", "enum": ["features", "reasons"]},
    ),
    "explode": False,
}
NAME = parameter("name", "path", "A persona.", "fox", type="string")
PAGING = (
    parameter("format", "query", "All members at once, as a file.", type="string", enum=list(FORMATS)),
    parameter("cursor", "query", "The next_cursor of the page before.", type="string", minLength=1),
    parameter("limit", "query", "How many a page holds.", type="integer", minimum=1, maximum=MOST_IN_PAGE),
)
FILES = {form.content_type: {"schema": {"type": "string"}} for form in FORMATS.values()}
PAGE = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
