"""Signing in: a key typed once, a session in a cookie that only reads, and forgotten again."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from itsdangerous import TimestampSigner
from known_keys import known_key
from snapshots import publish_small

from service.app import create_app
from service.common.log import JsonLog
from service.common.problems import BadKeyError, MissingScopeError
from service.common.settings import BadSettingError, Settings
from service.keys.guard import COOKIE
from service.keys.keys import Keys
from service.keys.sessions import Sessions
from service.snapshots.provider import Provider

READER, READER_LINE = known_key("reader", ["lookup"])
SENDER, SENDER_LINE = known_key("sender", ["lookup", "export"])
BATCH, BATCH_LINE = known_key("batch", ["export"])
KEYS = "\n".join((READER_LINE, SENDER_LINE, BATCH_LINE))


class Person:
    """Somebody's browser before a service with keys, or without."""

    def __init__(self, store: Path, **settings: Any) -> None:
        publish_small(store)
        self.lines: list[bytes] = []
        self.log = JsonLog("info", self.lines.append)
        provider = Provider(store, self.log)
        provider.load()
        self.http: Any = create_app(provider, Settings(**settings), self.log).test_client()

    def signs_in(self, key: str, to: str = "/", **headers: str) -> Any:
        return self.http.post("/sign-in", query_string={"next": to}, data={"key": key}, headers=headers)

    def cookie(self) -> str | None:
        found = self.http.get_cookie(COOKIE)
        return found and found.value


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path, api_keys=KEYS)


def test_a_page_asks_for_the_key_and_goes_on_to_what_was_asked(person: Person) -> None:
    for path in ("/client?user_id=7", "/persona/fox", "/client?user_id=7&lang=fr"):
        asked = person.http.get(path)
        assert (asked.status_code, asked.headers["Cache-Control"]) == (303, "private, no-store")
        form = person.http.get(asked.headers["Location"])
        assert f"next={quote_plus(path)}" in form.text
        assert ("Se connecter" in form.text) == ("lang=fr" in path)
    entered = person.signs_in(f" {READER} ", "/client?user_id=7")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/client?user_id=7")
    assert "Lion" in person.http.get("/client?user_id=7").text


def test_the_cookie_stays_with_us(person: Person) -> None:
    told = person.signs_in(READER).headers["Set-Cookie"]
    session = person.cookie()
    assert READER not in told
    assert told.startswith(f"{COOKIE}={session}; Expires=")
    assert told.endswith("; Max-Age=43200; HttpOnly; Path=/; SameSite=Lax")
    assert person.signs_in(READER).headers["Cache-Control"] == "no-store"


def test_under_tls_the_cookie_never_goes_without(tmp_path: Path) -> None:
    person = Person(tmp_path, api_keys=KEYS, proxies=1)
    assert "; Secure;" in person.signs_in(READER, **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]


def test_home_tells_nothing_of_the_shop_before(person: Person) -> None:
    home = person.http.get("/").text
    assert 'href="/sign-in"' in home
    for told in ("30 April 2020", "2020-04-30", "Lion", 'href="/changes"', "Sign out"):
        assert told not in home
    person.signs_in(READER)
    assert "Sign out" in person.http.get("/").text


@pytest.mark.parametrize(
    ("key", "status", "sentence"),
    [
        ("menagerie_wrong", 401, "This key is not known here."),
        ("", 401, "Type a key first."),
        (BATCH, 403, "it lacks the scope “lookup”"),
    ],
)
def test_a_key_that_does_not_open_the_pages(person: Person, key: str, status: int, sentence: str) -> None:
    answer, way_on = person.signs_in(key, "/persona/fox"), "/sign-in?next=%2Fpersona%2Ffox"
    assert answer.status_code == status
    assert sentence in answer.text
    assert f'action="{way_on}"' in answer.text
    assert f'href="{way_on}&amp;lang=fr"' in answer.text  # nor is it lost in the other language
    assert person.cookie() is None
    assert not key or key not in answer.text


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "/a\tb",
        "",
        "javascript:alert(1)",
        "client",
        "/sign-out",
        "/sign-in?next=/",
        "/segments",
        "/nowhere",
    ],
)
def test_the_way_on_leads_to_us_only(person: Person, to: str) -> None:
    assert person.signs_in(READER, to).headers["Location"] == "/"
    form = person.http.get("/sign-in", query_string={"next": to}).text
    assert 'action="/sign-in?next=%2F"' in form


def test_a_cookie_reads_and_does_nothing_else(person: Person) -> None:
    person.signs_in(SENDER)
    assert person.http.get("/segment/7").json["persona"] == "lion"
    assert person.http.head("/report").status_code == 200
    assert person.http.get("/personas/fox/clients?format=csv").text.count("\n") == 2
    for path, body in (("/segments", {"user_ids": [7]}), ("/segment", {})):
        assert person.http.post(path, json=body).json["type"] == "urn:menagerie:no-key"
    assert person.http.get("/metrics").status_code == 403  # its scopes are the key's


def test_what_a_cookie_opened_is_not_shown_unasked(person: Person) -> None:
    person.signs_in(SENDER)
    assert person.http.get("/report").headers["Cache-Control"] == "private, no-cache"
    sent = person.http.get("/report", headers={"Authorization": f"Bearer {READER}"})
    assert sent.headers["Cache-Control"] == "private, max-age=60"


def test_a_header_goes_before_the_cookie(person: Person) -> None:
    person.signs_in(SENDER)
    assert person.http.get("/segment/7", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_a_session_that_was_tampered_with_or_signed_by_others_is_none(person: Person, tmp_path: Path) -> None:
    person.signs_in(READER)
    session = person.cookie() or ""
    other = Person(tmp_path / "other", api_keys=KEYS, session_secret="o" * 32)
    other.signs_in(READER)
    altered = session[:-9] + ("a" if session[-9] != "a" else "b") + session[-8:]  # the last letter has idle bits
    for wrong in (altered, session.replace(".", "..", 1), READER, "é",
                  other.cookie() or ""):  # fmt: skip
        person.http.set_cookie(COOKIE, wrong)
        assert person.http.get("/segment/7").status_code == 401
        assert person.http.get("/persona/fox").headers["Location"].startswith("/sign-in")


def test_a_session_expires(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.signs_in(READER)
    now_s = int(time.time())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now_s + 12 * 3600 - 60)
    assert person.http.get("/segment/7").status_code == 200
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now_s + 12 * 3600 + 60)
    assert person.http.get("/segment/7").status_code == 401


def test_a_session_ends_with_its_key_and_no_other_does(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEYS)
    settings = Settings(api_keys_file=str(file))
    keys = Keys(settings, JsonLog("error"))
    sessions = Sessions(keys, settings)
    of_reader, of_sender = (sessions.begin(f"Bearer {key}", "lookup") for key in (READER, SENDER))
    file.write_text("\n".join((known_key("reader 2", ["lookup"])[1].replace("reader 2", "reader"), SENDER_LINE)))
    keys.follow()
    with pytest.raises(BadKeyError):
        sessions.check(of_reader, "lookup")
    assert sessions.check(of_sender, "export") == "sender"
    file.write_text(SENDER_LINE.replace("lookup,export", "export"))
    keys.follow()
    with pytest.raises(MissingScopeError):
        sessions.check(of_sender, "lookup")


def test_tasks_with_the_same_keys_and_secret_share_their_sessions(tmp_path: Path) -> None:
    one, two = (Person(tmp_path / name, api_keys=KEYS, session_secret="s" * 32) for name in ("one", "two"))
    one.signs_in(READER)
    two.http.set_cookie(COOKIE, one.cookie())
    assert two.http.get("/segment/7").status_code == 200


def test_a_short_secret_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSettingError, match="--session-secret must have at least 32 characters"):
        Person(tmp_path, api_keys=KEYS, session_secret="s" * 31)


def test_a_key_that_version_0_1_left_in_the_browser_is_forgotten(person: Person) -> None:
    person.http.set_cookie("menagerie_key", READER)
    assert person.http.get("/segment/7").status_code == 401
    assert "menagerie_key=; Expires=Thu, 01 Jan 1970" in person.http.get("/sign-in").headers["Set-Cookie"]
    assert person.http.get_cookie("menagerie_key") is None


def test_signing_out_forgets(person: Person) -> None:
    person.signs_in(READER)
    out = person.http.post("/sign-out?lang=fr")
    assert (out.status_code, out.headers["Location"]) == (303, "/?lang=fr")
    assert person.cookie() is None
    assert person.http.get("/persona/fox").status_code == 303
    assert person.http.get("/sign-out").status_code == 405


def test_programs_are_told_401_and_readers_of_the_report_to_sign_in(person: Person) -> None:
    html = {"Accept": "text/html,*/*;q=0.8"}
    assert person.http.get("/segment/7", headers=html).status_code == 401
    assert person.http.get("/report").status_code == 401
    assert person.http.get("/report", headers=html).headers["Location"] == "/sign-in?next=%2Freport"


@pytest.mark.parametrize(
    ("path", "status", "keys"),
    [("/nowhere", 404, ""), ("////elsewhere.example/a", 404, ""), ("/sign-in", 404, ""), ("/sign-out", 405, KEYS)],
)
def test_an_address_that_there_is_not_gets_a_page_in_a_browser_only(
    tmp_path: Path, path: str, status: int, keys: str
) -> None:
    http = Person(tmp_path, api_keys=keys).http
    accepts = ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "*/*", "application/json, text/html"]
    page, *others = [http.get(path, base_url="http://localhost", headers={"Accept": each}) for each in accepts]
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert "There is no such page" in page.text
    assert "elsewhere" not in page.text
    assert "aria-current" not in page.text
    assert page.headers.get("Allow") == others[0].headers.get("Allow")
    assert [(other.status_code, other.mimetype) for other in others] == [(status, "application/problem+json")] * 2


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_no_other_site_signs_anybody_in_or_out(person: Person, path: str) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303)):
        answer = person.http.post(path, data={"key": READER}, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 303),
        ("https://LOCALHOST", 303),
        ("http://localhost:8000", 403),
        ("http://elsewhere.example", 403),
        ("http://localhost.elsewhere.example", 403),
        ("http://localhost@elsewhere.example", 403),
        ("http://[", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_browser_that_tells_only_the_origin_is_believed(person: Person, path: str, origin: str, status: int) -> None:
    assert person.http.post(path, data={"key": READER}, headers={"Origin": origin}).status_code == status


def test_a_key_that_no_longer_counts_asks_again(person: Person) -> None:
    person.http.set_cookie(COOKIE, "menagerie_of_last_year")
    assert person.http.get("/persona/fox").status_code == 303
    assert person.http.get("/segment/7").json["type"] == "urn:menagerie:bad-key"


def test_pages_count_towards_the_limit_of_a_key(tmp_path: Path) -> None:
    person = Person(tmp_path, api_keys=KEYS, requests_per_minute=1)
    person.signs_in(READER)
    answers = [person.http.get("/persona/fox") for _ in range(3)]  # a minute may begin between two
    assert answers[-1].status_code == 429
    assert "Wait a minute" in answers[-1].text
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_who_has_asked_for_all_of_a_day_is_told_until_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(tmp_path, api_keys=KEYS, requests_per_minute=0, daily_budget=1)
    person.signs_in(READER)
    monkeypatch.setattr("service.keys.limits._SMALLEST_SHOP", 0)
    answers = [person.http.get("/client?user_id=8") for _ in range(2)]
    assert answers[-1].status_code == 429
    assert "midnight UTC" in answers[-1].text


def test_the_key_is_nowhere_in_the_log(person: Person) -> None:
    person.signs_in(READER, "/client?user_id=512363741")
    person.http.get("/client?user_id=512363741")
    person.signs_in("menagerie_" + "x" * 43)
    person.log.flush()
    log = b"".join(person.lines).decode()
    assert "/sign-in" in log
    for secret in (READER, "menagerie_xxx", "512363741"):
        assert secret not in log


def test_without_keys_there_is_nothing_to_sign_in_to(tmp_path: Path) -> None:
    person = Person(tmp_path)
    assert person.http.get("/sign-in").status_code == 404
    assert person.http.post("/sign-out").status_code == 404
    assert "sign-in" not in person.http.get("/").text
    assert "Sign out" not in person.http.get("/").text
