"""The service keeps its contract: schemathesis tries every route with what it allows and what it does not."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from known_keys import known_key
from openapi_spec_validator import validate
from serving import ENVIRONMENT, Running, running
from snapshots import publish_small

from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

KEY, KEY_LINE = known_key("tester", ["lookup", "export", "metrics"])
EXAMPLES = 30
MOST_S = 30
DOCUMENTED = 13

# Rules that a schema cannot say, so that what it allows may still be refused: a file has no pages, one end of a flow
# is a persona, and features must agree with one another.
CONFIG = f"""
warnings = {{ fail-on = true }}
headers = {{ Authorization = "Bearer {KEY}" }}

[[operations]]
include-name = "GET /personas/{{name}}/clients"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]

[[operations]]
include-name = "GET /snapshot/changes/clients"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]

[[operations]]
include-name = "POST /segment"
checks.positive_data_acceptance.expected-statuses = ["2xx", "422"]
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    publish_small(tmp_path, as_of=date(2020, 3, 31))  # for what has changed since
    publish_small(tmp_path)
    keys = {"MENAGERIE_API_KEYS": KEY_LINE, "MENAGERIE_REQUESTS_PER_MINUTE": "0", "MENAGERIE_DAILY_BUDGET": "0"}
    with running(tmp_path, tmp_path / "log", environment=keys) as started:
        yield started


@pytest.fixture
def http(tmp_path: Path) -> FlaskClient:
    publish_small(tmp_path)
    log = JsonLog("error")
    return create_app(Provider(tmp_path, log), Settings(), log).test_client()


@pytest.mark.slow
def test_every_route_keeps_the_contract(service: Running, http: FlaskClient, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    url = f"http://127.0.0.1:{service.port}/openapi.json"
    command = ["schemathesis", "--config-file", str(config), "run", url, "--no-color", "--generation-deterministic"]
    command += ["--max-examples", str(EXAMPLES), "--max-time", str(MOST_S)]
    path = f"{Path(sys.executable).parent}:{ENVIRONMENT['PATH']}"
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": path}, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {DOCUMENTED}" in done.stdout
    service.stop()  # which writes the lines that wait
    lines = service.logged()
    assert [line for line in lines if line["level"] == "error"] == []  # not one fault of ours
    answered = {(line["method"].lower(), line["route"]) for line in lines if line.get("status") in range(200, 300)}
    contract = http.get("/openapi.json").get_json()
    documented = {(method, flask_rule(path)) for path, methods in contract["paths"].items() for method in methods}
    assert len(documented) == DOCUMENTED
    assert documented - answered == set()


def flask_rule(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def test_the_contract_is_openapi_31(http: FlaskClient) -> None:
    app, contract = http.application, http.get("/openapi.json").get_json()
    assert contract["openapi"] == "3.1.0"
    validate(contract)
    assert "securitySchemes" not in contract["components"]  # nobody needs a key
    told = {(flask_rule(path), method.upper()) for path, methods in contract["paths"].items() for method in methods}
    shown = {"/openapi.json", "/docs", "/docs/<name>"}
    shown |= {"/", "/client", "/persona/<name>", "/changes", "/changes/clients", "/assets/<name>"}  # for people
    served = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert told == {(path, method) for path, method in served if path not in shown}
    assert json.dumps(contract).count('"$ref"') > DOCUMENTED


def test_the_contract_names_the_headers(tmp_path: Path) -> None:
    publish_small(tmp_path)
    log = JsonLog("error")
    http = create_app(Provider(tmp_path, log), Settings(api_keys=KEY_LINE), log).test_client()
    contract: Any = http.get("/openapi.json").json
    responses = contract["paths"]["/segment/{user_id}"]["get"]["responses"]
    told = {status: set(response["headers"]) - {"X-Request-ID"} for status, response in responses.items()}
    assert {status: names for status, names in told.items() if names} == {
        "200": {"ETag"},
        "304": {"ETag"},
        "401": {"WWW-Authenticate"},
        "429": {"Retry-After"},
        "503": {"Retry-After"},
    }
    every = [method["responses"] for path in contract["paths"].values() for method in path.values()]
    assert all("X-Request-ID" in response["headers"] for each in every for response in each.values())


def test_the_page_asks_for_nothing_but_files_of_ours(http: FlaskClient) -> None:
    page = http.get("/docs")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script>|<style|style=", page.text) == []
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert files == ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"]
    for file in files:
        answer = http.get(file)
        assert answer.headers["Content-Type"] in {"text/css; charset=utf-8", "text/javascript; charset=utf-8"}
        assert http.get(file, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert http.get("/docs/index.html").status_code == 404


@pytest.mark.browser
def test_the_page_works_without_another_site(service: Running) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no chromium")
    url = f"http://127.0.0.1:{service.port}/docs"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000", "--enable-logging=stderr"]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    done = subprocess.run(
        [browser, *options, offline, "--dump-dom", url], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.count('class="opblock ') == DOCUMENTED
    assert "CONSOLE" not in done.stderr  # nothing that the policy refused
