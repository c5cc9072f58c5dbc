"""What the README tells people to type works, and says what it says it does."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

CHECKOUT = Path(__file__).parent.parent
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(".venv/bin/python")
]


@pytest.mark.slow
def test_the_commands_work_in_the_order_in_which_they_stand(
    small_shop: Path, small_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "my-events").symlink_to(small_shop)
    assert len(COMMANDS) >= 10
    for command in COMMANDS:
        words = shlex.split(command.replace(".venv/bin/python", sys.executable))
        home = {"PYTHONPATH": str(CHECKOUT)}
        done = subprocess.run(words, cwd=tmp_path, env=home, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    current = small_store / "snapshots" / (small_store / "snapshots" / "CURRENT").read_text().strip()
    personas = json.loads((current / "personas.json").read_text())
    (foxes,) = (persona["clients"] for persona in personas if persona["name"] == "fox")
    assert (tmp_path / "foxes.csv").read_text().count('"fox"') == foxes


@pytest.mark.slow
def test_the_answer_shown_is_the_one_given(sample_store: Path) -> None:
    address = re.findall(r"curl 'http://127.0.0.1:8000([^']+)'", README)[0]
    shown = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    log = JsonLog("error")
    provider = Provider(sample_store, log)
    provider.load()
    http = create_app(provider, Settings(), log).test_client()
    given = http.get(address).get_json()
    assert given.keys() == shown.keys()
    assert given["better"].keys() == shown["better"].keys()
    for key in ("user_id", "persona", "label", "emoji", "as_of", "stale"):
        assert given[key] == shown[key]
    # Other versions of the libraries may cut at other figures; the client's own stay.
    facts = [reason.partition(",")[0] for reason in shown["reasons"]["en"] if reason != "…"]
    assert {"379.23 spent in 7 months", "8 visits in 7 months"} == set(facts)
    assert set(facts) <= {reason.partition(",")[0] for reason in given["reasons"]["en"]}
    (batch, audience, new) = (asked(http, command) for command in requests_shown() if address not in command)
    assert [client["status"] for client in batch.get_json()["clients"]] == ["found", "not_found"]
    assert audience.text.count(",fox,") > 400
    assert new.get_json()["persona"] in {persona["name"] for persona in http.get("/personas").get_json()["personas"]}


def requests_shown() -> list[str]:
    return re.findall(r"^curl (?:'[^']*'|[^'\n])+", README, re.MULTILINE)


def asked(http: Any, command: str) -> Any:
    """Ask what a curl command asks; --json sends a body."""
    *options, url = shlex.split(command)[1:]
    path = url.removeprefix("http://127.0.0.1:8000")
    body = options[options.index("--json") + 1] if "--json" in options else None
    answer = http.post(path, data=body, content_type="application/json") if body else http.get(path)
    assert answer.status_code == 200, (command, answer.text)
    return answer


@pytest.mark.parametrize("target", ["run", "test", "check", "bench", "help"])
def test_the_targets_named_exist(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)


def test_every_page_linked_is_there() -> None:
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md"), CHECKOUT / "data" / "README.md"]
    for page in pages:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
