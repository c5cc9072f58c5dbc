"""What the stack's roles may do, beside what is done in their names.

PYTHONPATH=. python tests/permissions.py > docs/permissions.md
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from needs import Need
from needs_of_aws import SOURCES, key_of, queue_of
from stacks import NAME, Deployed


@dataclass(frozen=True)
class Grant:
    """One action on one resource (a pattern), as a role's policy allows it."""

    action: str
    resource: str
    conditions: dict[str, str]

    def covers(self, need: Need) -> bool:
        """Tell whether this grant is what a need asks for."""
        held = all(fnmatchcase(need.context.get(key, ""), value) for key, value in self.conditions.items())
        return need.action == self.action and fnmatchcase(need.resource, self.resource) and held


def grants(stack: Deployed, role: str) -> list[Grant]:
    """Take a role's policies apart into single grants."""
    return [
        Grant(action, _with_streams(resource), conditions)
        for statement in stack.statements(role)
        for action in _values(statement["Action"])
        for resource in _values(statement["Resource"])
        for conditions in _conditions(statement.get("Condition", {}))
    ]


def _with_streams(resource: str) -> str:
    """Give a log group's ARN the ending that it has on AWS, and not in moto.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    """
    return f"{resource}:*" if ":log-group:" in resource and not resource.endswith(":*") else resource


def _conditions(of_statement: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """Return the conditions once for each value of the one that has several."""
    given = {key: _values(value) for keys in of_statement.values() for key, value in keys.items()}
    many = next((key for key, values in given.items() if len(values) > 1), None)
    single = {key: values[0] for key, values in given.items() if key != many}
    return [{**single, many: value} for value in given[many]] if many else [single]


def _values(node: Any) -> list[str]:
    return node if isinstance(node, list) else [node]


def missing(stack: Deployed, role: str, needed: Iterable[Need]) -> list[Need]:
    """Return what is needed and not allowed."""
    given = grants(stack, role)
    return [need for need in needed if not any(grant.covers(need) for grant in given)]


def unused(stack: Deployed, role: str, needed: Iterable[Need]) -> list[Grant]:
    """Return what is allowed and not needed."""
    theirs = list(needed)
    return [grant for grant in grants(stack, role) if not any(grant.covers(need) for need in theirs)]


def page(stack: Deployed, needed: dict[str, list[Need]]) -> str:
    """Return docs/permissions.md: every grant of every role, and what needs it."""
    lines, names = [HEAD], _names(stack)
    for role in sorted(needed):
        lines += [f"## {role}", "", "| action | resource | needed by |", "|---|---|---|"]
        rows: dict[tuple[str, str], list[str]] = {}
        for grant in sorted(grants(stack, role), key=lambda grant: (grant.action, _where(grant, names))):
            rows.setdefault((_where(grant, names), _told(grant, needed[role])), []).append(grant.action)
        merged: dict[tuple[str, str], list[str]] = {}
        for (where, by), actions in rows.items():
            merged.setdefault((", ".join(actions), by), []).append(where)
        lines += [f"| {actions} | {'<br>'.join(where)} | {by} |" for (actions, by), where in merged.items()]
        lines += [""]
    sources = [f"- {name}: <{url}>" for name, url in SOURCES.items()]
    return "\n".join([*lines, "## Sources", "", *sources, ""])


def _told(grant: Grant, needed: Iterable[Need]) -> str:
    by: dict[str, set[str]] = {}
    for need in needed:
        if grant.covers(need):
            by.setdefault(need.by, set()).add(need.call)
    return "; ".join(f"{name}: {', '.join(sorted(calls))}".removesuffix(": ") for name, calls in sorted(by.items()))


def _where(grant: Grant, names: dict[str, str]) -> str:
    conditions = (f" ({key} {_named(value, names)})" for key, value in grant.conditions.items())
    return _named(grant.resource, names) + "".join(conditions)


HEAD = """# Permissions

What each role of the stack (`ecs/stack.yaml`) may do, and what needs it. The calls of `segmentation`, `service` and
`ecs.deploy` are recorded while they work against a local AWS; `tests/test_least_privilege.py` fails when a call is not
allowed, or when something is allowed that nothing needs. What AWS's own services and docker do in a role's name is
taken from their documentation, named at the end.

This page is generated: `PYTHONPATH=. python tests/permissions.py > docs/permissions.md`.
"""


def _names(stack: Deployed) -> dict[str, str]:
    """Return names for what is called otherwise in each deployment."""
    names = {value: name for name, value in stack.outputs.items() if name.endswith(("Arn", "LogGroup", "BucketName"))}
    return names | {key_of(stack): "Key", queue_of(stack): "DeadLetters"}


def _named(text: str, names: dict[str, str]) -> str:
    for value, name in names.items():
        text = text.replace(value, f"<{name}>")
    text = re.sub(r"^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d*:", "", text)
    return f"`{re.sub('[0-9a-f]{8}-[0-9a-f-]{27}', '*', text).replace(NAME, '<stack>')}`"


def main() -> int:
    """Print the page."""
    from scenarios import everything  # noqa: PLC0415 (only the page needs all that)

    with everything() as (stack, needed):
        print(page(stack, needed), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
