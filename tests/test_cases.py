"""Small files, each a kind of trouble that others have reported: each comes out as the table beside them expects."""

import contextlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from shared_data import CHECKOUT, TOLD_TO_DO_WITHOUT

from segmentation.commands.cli import main

CASES = CHECKOUT.parent / "shared" / "cases"
_ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<holds>.*?) \| (?P<expected>.*?) \| (?P<reported>.*?) \|$")
_COUNTS = re.compile(
    r"([\d,]+) rows read, ([\d,]+)(?: to ([\d,]+))? kept, ([\d,]+)(?: to ([\d,]+))? rejected, ([\d,]+) duplicates?"
)
_DATE = re.compile(r"`run --as-of ([\d-]+)`")

pytestmark = pytest.mark.data
ABSENT = (f"{TOLD_TO_DO_WITHOUT}: " if os.environ.get("REAL_EVENTS") == "absent" else "") + "there are no cases"


@dataclass(frozen=True)
class Case:
    """A folder of files, and what may come of it."""

    name: str
    as_of: str | None
    expected: list[str]


def cases() -> list[Case]:
    path = CASES / "README.md"
    if not path.exists():
        return []
    found = [match for line in path.read_text().splitlines() if (match := _ROW.match(line))]
    return [
        Case(
            match["name"],
            date.group(1) if (date := _DATE.search(match["holds"])) else None,
            match["expected"].split(" **or** "),
        )
        for match in found
    ]


def test_there_are_cases() -> None:
    if not CASES.exists():
        pytest.skip(ABSENT)
    assert len(cases()) == len([path for path in CASES.iterdir() if path.is_dir()])


NONE = pytest.param(Case("none", None, []), marks=pytest.mark.skip(ABSENT))


@pytest.mark.parametrize("case", cases() or [NONE], ids=lambda case: case.name)
def test_a_case(case: Case, tmp_path: Path) -> None:
    said, of_run = io.StringIO(), io.StringIO()
    typed = ["--events", str(CASES / case.name)]
    command = ["ingest", *typed, "--out", str(tmp_path / "out")]
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        exit_code = main(command)
    if case.as_of and exit_code == 0:
        with contextlib.redirect_stderr(of_run), contextlib.redirect_stdout(io.StringIO()):
            main(["run", *typed, "--as-of", case.as_of, "--store", str(tmp_path / "store")])
    lines = said.getvalue()
    assert "Traceback" not in lines + of_run.getvalue()
    if exit_code:
        assert exit_code in {3, 4}
        (refused,) = [one for one in case.expected if one.startswith("refused")] or [""]
        last = lines.strip().splitlines()[-1]
        assert refused, last
        assert not [word for word in re.findall(r"`([^`]+)`", refused) if word not in last], last
        assert not [rows for rows in re.findall(r"\d+ rows", refused) if rows not in last], last
        return
    assert any(_matches(one, lines, of_run.getvalue()) for one in case.expected), lines + of_run.getvalue()


_NAMES = re.compile(r"said: `([^`]+)`|said: the subfolder `([^`]+)`")
_SAID = re.compile(r"said: (?:the delimiter is a semicolon|the encoding is UTF-16|milliseconds since 1970|it is gzip)")


def _matches(expected: str, lines: str, of_run: str) -> bool:
    """Tell whether the account is the one expected, and whether what is to be said is."""
    counts = _COUNTS.search(expected)
    if not counts:
        return False
    files = [line for line in lines.splitlines() if " rows read, " in line]
    found = [
        sum(int(number.replace(",", "")) for line in files for number in re.findall(rf"([\d,]+) {word}", line)[:1])
        for word in ("rows read", "kept", "rejected", "duplicates")
    ]
    read, least, most, fewest, rejected, duplicates = (
        int(number.replace(",", "")) if number else None for number in counts.groups()
    )
    names = [name for match in _NAMES.finditer(expected) for name in match.groups() if name]
    numbers = re.findall(r"(\d+)(?: %| events| prices)", expected.partition("said: ")[2])
    words = [match.group().removeprefix("said: ") for match in _SAID.finditer(expected)]
    return bool(
        found[0] == read
        and (least or 0) <= found[1] <= (most or least or 0)
        and (fewest or 0) <= found[2] <= (rejected or fewest or 0)
        and found[3] == duplicates
        and all(word in lines + of_run for word in [*names, *words, *numbers])
    )
