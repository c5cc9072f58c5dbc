"""API keys: who may ask for what, and how they are made, configured and changed."""

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from known_keys import known_key
from serving import ENVIRONMENT, WITHIN_S, running, start, workers_of
from snapshots import publish_small

from service.app import create_app
from service.common.log import JsonLog
from service.common.problems import BadKeyError
from service.common.settings import BadSettingError, Settings, read_settings
from service.keys.keys import Key, Keys, new_key, parsed_keys
from service.snapshots.provider import Provider

SHOP, SHOP_LINE = known_key("shop", ["lookup"])
CRM, CRM_LINE = known_key("crm", ["export", "lookup", "export"])
BATCH, BATCH_LINE = known_key("batch", ["export"])
LINES = f"# who may ask\n\n{SHOP_LINE}\n  {CRM_LINE}  \r\n{BATCH_LINE}\n"
GUARDED = ("/segment/7", "/segment/x", "/personas", "/personas/owl", "/snapshot", "/report")
OPEN = ("/", "/healthz", "/readyz")


@pytest.fixture
def lines() -> list[bytes]:
    return []


def client(store: Path, lines: list[bytes], **settings: Any) -> Any:
    publish_small(store)
    log = JsonLog("info", lines.append)
    provider = Provider(store, log)
    provider.load()
    return create_app(provider, Settings(**settings), log).test_client()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def problem(answer: Any) -> tuple[int, str, str, str | None]:
    body = answer.json
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"], body["detail"], answer.headers.get("WWW-Authenticate")


def test_a_key_is_needed_where_clients_are_told_of(tmp_path: Path, lines: list[bytes]) -> None:
    http = client(tmp_path, lines, api_keys=LINES)
    for path in OPEN:
        assert http.get(path).status_code == 200
    assert "clients as of" not in http.get("/").text  # how large the shop is, is not for everyone
    for path in GUARDED:
        assert problem(http.get(path)) == (
            401,
            "urn:menagerie:no-key",
            "Send an API key in the header Authorization: Bearer <key>.",
            "Bearer",
        )
        assert http.head(path).status_code == 401
        assert http.get(path, headers=bearer(SHOP)).status_code == http.get(path, headers=bearer(CRM)).status_code
    assert http.get("/segment/7", headers=bearer(SHOP)).json["persona"] == "lion"
    assert http.get("/segment/7", headers={"Authorization": f"bEARER  {SHOP} "}).status_code == 200


@pytest.mark.parametrize("sent", ["Bearer", "Bearer ", "Basic c2hvcDpr", SHOP])
def test_a_header_without_a_key(tmp_path: Path, lines: list[bytes], sent: str) -> None:
    answer = client(tmp_path, lines, api_keys=LINES).get("/segment/7", headers={"Authorization": sent})
    assert problem(answer)[:2] == (401, "urn:menagerie:no-key")


@pytest.mark.parametrize("sent", [SHOP[:-1], SHOP + "x", SHOP.upper(), SHOP_LINE.rpartition(":")[2], "clé", "a, b"])
def test_a_key_that_is_not_known_is_never_repeated(tmp_path: Path, lines: list[bytes], sent: str) -> None:
    http = client(tmp_path, lines, api_keys=LINES)
    answer = http.get("/segment/7", headers=bearer(sent))
    assert problem(answer) == (401, "urn:menagerie:bad-key", "The API key is not known here.", "Bearer")
    http.application.log.flush()
    for place in (answer.text, str(answer.headers), b"".join(lines).decode()):
        assert sent not in place


def test_a_key_without_the_scope(tmp_path: Path, lines: list[bytes]) -> None:
    answer = client(tmp_path, lines, api_keys=LINES).get("/segment/7", headers=bearer(BATCH))
    assert problem(answer) == (403, "urn:menagerie:missing-scope", "The API key lacks the scope lookup.", None)


def test_without_keys_no_key_is_asked_for(tmp_path: Path, lines: list[bytes]) -> None:
    assert client(tmp_path, lines).get("/segment/7", headers=bearer("whatever")).status_code == 200


def test_lines() -> None:
    sha256 = hashlib.sha256(b"abc").digest()
    assert parsed_keys(f"# a\n\n a.b-c_1:lookup,export:{sha256.hex().upper()}") == (
        Key("a.b-c_1", frozenset({"lookup", "export"}), sha256),
    )
    assert new_key("shop", ["lookup"])[0] != SHOP
    assert parsed_keys(CRM_LINE)[0].sha256 == hashlib.sha256(CRM.encode()).digest()


@pytest.mark.parametrize(
    "line",
    [
        "shop",
        "shop:lookup",
        f"shop:lookup:{SHOP}",
        f"shop::{'0' * 64}",
        f"shop:lookup,:{'0' * 64}",
        f"shop:admin:{'0' * 64}",
        f":lookup:{'0' * 64}",
        f"a shop:lookup:{'0' * 64}",
        f"shop:lookup:{'0' * 63}",
        f"shop:lookup:{'0' * 64} # the shop's",
        f"shop:lookup:{'٣' * 64}",
    ],
)
def test_a_malformed_line_is_named_by_its_number_only(line: str) -> None:
    with pytest.raises(BadSettingError) as error:
        parsed_keys(f"# who may ask\n\n{SHOP_LINE}\n{line}\n")
    assert str(error.value) == "Line 4 of the API keys is not name:scope[,scope]:sha256-of-the-key."


def test_a_file_is_read_again_when_it_changes(tmp_path: Path, lines: list[bytes]) -> None:
    file = tmp_path / "keys"
    file.write_text(SHOP_LINE)
    settings = Settings(api_keys_file=str(file))
    keys = Keys(settings, JsonLog("info", lines.append))

    def opens() -> list[str]:
        keys.follow()
        found = []
        for name, key in (("shop", SHOP), ("crm", CRM)):
            with suppress(BadKeyError):
                keys.check(f"Bearer {key}", "lookup")
                found.append(name)
        return found

    assert opens() == ["shop"]
    file.write_text(f"{SHOP_LINE}\n{CRM_LINE}\n")
    assert opens() == ["shop", "crm"]
    file.write_text(f"{CRM_LINE}\n")
    assert opens() == ["crm"]
    for content in (f"{SHOP_LINE}x", "", "# nobody"):
        file.write_text(content)
        assert opens() == ["crm"]
        assert opens() == ["crm"]  # which is told once
    file.unlink()
    assert opens() == ["crm"]
    file.write_text(SHOP_LINE)
    assert opens() == ["shop"]
    told = [line.get("reason") or line["names"] for line in map(json.loads, lines)]
    assert told == [
        ["crm", "shop"],
        ["crm"],
        "Line 1 of the API keys is not name:scope[,scope]:sha256-of-the-key.",
        "There is no line with an API key.",
        "There is no line with an API key.",
        "The file of API keys cannot be read: No such file or directory.",
        ["shop"],
    ]


def test_a_rotated_key_works_without_a_restart(tmp_path: Path) -> None:
    publish_small(tmp_path)
    file = tmp_path / "keys"
    file.write_text(SHOP_LINE)
    asked = ("--api-keys-file", str(file), "--workers", "1", "--host", "0.0.0.0")  # noqa: S104
    with running(tmp_path, tmp_path / "log", *asked) as service:
        assert service.get("/segment/7", **bearer(SHOP))[0] == 200
        file.write_text(CRM_LINE)
        deadline = time.monotonic() + WITHIN_S
        while service.get("/segment/7", **bearer(CRM))[0] == 401 and time.monotonic() < deadline:
            pass
        assert service.get("/segment/7", **bearer(CRM))[0] == 200
        assert service.get("/segment/7", **bearer(SHOP))[0] == 401
        assert service.stop() == 0
    log = (tmp_path / "log").read_text()
    assert not [secret for secret in (SHOP, CRM, SHOP_LINE, CRM_LINE) if secret in log]


@pytest.mark.parametrize("spoilt", ["damaged", "removed", "emptied", "a pipe"])
def test_a_key_once_refused_stays_refused_when_the_file_is_spoilt(tmp_path: Path, spoilt: str) -> None:
    """Workers that begin later fork from a process that has read the file when the old key was in it."""
    publish_small(tmp_path)
    file = tmp_path / "keys"
    file.write_text(SHOP_LINE)
    with running(tmp_path, tmp_path / "log", "--api-keys-file", str(file), "--workers", "2") as service:
        file.write_text(CRM_LINE)
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline and any(  # until both workers know
            service.get("/segment/7", **bearer(SHOP))[0] == 200 for _ in range(10)
        ):
            pass
        file.unlink()
        if spoilt == "a pipe":
            os.mkfifo(file)
        elif spoilt != "removed":
            file.write_text({"damaged": "no keys at all", "emptied": ""}[spoilt])
        for worker in workers_of(service):
            os.kill(worker, signal.SIGKILL)
        answers = [Counter[int](), Counter[int]()]
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for key, seen in zip((SHOP, CRM), answers, strict=True):
                with suppress(ConnectionError, http.client.HTTPException):
                    seen[service.get("/segment/7", **bearer(key))[0]] += 1
        assert set(answers[0]) == {401}
        assert set(answers[1]) == {200}


def told_at_start(*arguments: str, **environment: str) -> tuple[int, str]:
    process = start("--port", "0", *arguments, environment=environment)
    _, stderr = process.communicate(timeout=WITHIN_S)
    return process.returncode, stderr.decode()


def test_nobody_is_let_in_from_elsewhere_unless_that_is_said() -> None:
    assert told_at_start("--host", "0.0.0.0") == (  # noqa: S104
        2,
        "menagerie: --host '0.0.0.0' can be reached from elsewhere, and no API keys are configured: "
        "configure some, or say --allow-anyone true.\n",
    )


def test_everybody_is_let_in_if_that_is_said(tmp_path: Path) -> None:
    publish_small(tmp_path)
    allowed = {"MENAGERIE_ALLOW_ANYONE": "true", "MENAGERIE_HOST": "0.0.0.0"}  # noqa: S104
    with running(tmp_path, tmp_path / "log", environment=allowed) as service:
        assert service.get("/segment/7")[0] == 200


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"MENAGERIE_API_KEYS": "top-secret"}, "Line 1 of the API keys is not name:scope[,scope]:sha256-of-the-key."),
        ({"MENAGERIE_API_KEYS": "# later"}, "There is no line with an API key."),
        ({"MENAGERIE_API_KEYS": ""}, "MENAGERIE_API_KEYS must not be empty."),
        (
            {"MENAGERIE_API_KEYS_FILE": "/nowhere/keys"},
            "The file of API keys cannot be read: No such file or directory.",
        ),
        (
            {"MENAGERIE_API_KEYS": SHOP_LINE, "MENAGERIE_API_KEYS_FILE": "/nowhere/keys"},
            "API keys come as --api-keys or in --api-keys-file, not both.",
        ),
        ({"MENAGERIE_ALLOW_ANYONE": "yes"}, "MENAGERIE_ALLOW_ANYONE must be one of true, false, not 'yes'."),
    ],
)
def test_what_cannot_work_stops_the_start(environment: dict[str, str], sentence: str) -> None:
    assert told_at_start(**environment) == (2, f"menagerie: {sentence}\n")


def test_whether_anyone_may_ask_is_true_or_false() -> None:
    assert read_settings(["--allow-anyone", "true"], {}).allow_anyone is True
    assert read_settings([], {"MENAGERIE_ALLOW_ANYONE": "false"}).allow_anyone is False


def made(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service.keys", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_a_new_key_opens_what_its_line_says() -> None:
    done = made("shop", "lookup", "export")
    key, line = (told.rpartition(": ")[2] for told in done.stdout.splitlines())
    keys = Keys(Settings(api_keys=line), JsonLog("error"))
    keys.check(f"Bearer {key}", "lookup")
    keys.check(f"Bearer {key}", "export")
    assert line.startswith("shop:lookup,export:")
    assert [made("a shop", "lookup").returncode, made("shop", "admin").returncode, made("shop").returncode] == [2, 2, 2]
