"""docs/ecs.md tells of every parameter and alarm of the stack, and its costs add up."""

import math
import re

import pytest
from stacks import TEMPLATE, template

PAGE = (TEMPLATE.parents[1] / "docs" / "ecs.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]


def test_the_page_tells_of_every_parameter_and_its_default() -> None:
    told = {row[0].strip("`"): row[1:] for row in ROWS}
    for name, parameter in template()["Parameters"].items():
        default, meaning = told[name]
        assert default == (f"`{parameter['Default']}`" if str(parameter.get("Default", "")) else "")
        assert meaning == parameter["Description"]


def test_the_page_tells_of_every_alarm() -> None:
    alarms = [one for one in template()["Resources"].values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    names = {one["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for one in alarms}
    assert names == {row[0].strip("`") for row in ROWS if re.fullmatch(r"`[a-z-]+`", row[0])}


@pytest.mark.parametrize("shop", ["small", "large"])
def test_the_costs_add_up(shop: str) -> None:
    first = next(number for number, row in enumerate(ROWS) if row[0] == shop) + 2
    last = next(number for number, row in enumerate(ROWS) if row[0] == f"**{shop}, in all**")
    for name, arithmetic, told in ROWS[first:last]:
        sums = [math.prod(map(float, term.split(" × "))) for term in arithmetic.split(" + ")]
        assert abs(sum(sums) - float(told)) <= 0.00501, name
    total = sum(round(float(row[2]) * 100) for row in ROWS[first:last])
    assert ROWS[last][2] == f"**{total / 100:.2f}**"
