"""The pages for people: a client, a persona, the look-up, in two languages, beside the contract."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from known_keys import known_key
from snapshots import CLIENTS, NOW, client, contents, publish_small, table

from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import Settings
from service.snapshots.provider import Provider

READER, READER_LINE = known_key("reader", ["lookup"])
SENDER, SENDER_LINE = known_key("sender", ["lookup", "export"])
KEYS = f"{READER_LINE}\n{SENDER_LINE}"
FOX = 512363741
PATHS = ("/", f"/client?user_id={FOX}", "/client?user_id=8", "/client?user_id=x", "/persona/fox", "/persona/wolf")
FIRST_PAGE_BYTES = 40_000


class Text(HTMLParser):
    """What a page says, and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.text = re.sub(r"[ \n]+", " ", " ".join(self.said))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.said.append(data)


class Shop:
    """The service over the small snapshot."""

    def __init__(self, store: Path, **settings: Any) -> None:
        self.lines: list[bytes] = []
        self.log = JsonLog("info", self.lines.append)
        provider = Provider(store, self.log)
        provider.load()
        self.metrics = provider.metrics
        self.http: Any = create_app(provider, Settings(**{"max_age_days": 36_500} | settings), self.log).test_client()

    def read(self, path: str, status: int = 200, key: str = "", language: str = "") -> Text:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = self.http.get(path, headers=headers | ({"Accept-Language": language} if language else {}))
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert answer.headers["Cache-Control"] == "private, no-store"
        return Text(answer.text)

    def logged(self) -> str:
        self.log.flush()
        return b"".join(self.lines).decode()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    publish_small(tmp_path)
    return Shop(tmp_path)


def test_a_client_is_told_with_reasons_and_what_would_change_it(shop: Shop) -> None:
    told = shop.read(f"/client?user_id={FOX}").text
    for sentence in (
        f"Customer {FOX} Fox fox, as ever",
        "Certainty: medium. Of 100 clients in the same case, 75 are surely of this persona.",
        "Why Last purchase 60 days ago, at least 22 and at most 90.",
        "What to do Target: few campaigns, premium ones.",
        "No likely step leads to a persona that spends more.",  # at the prices that this client pays
        "Spent in 7 months 10.00 Like most Foxes · typical: 2,045 · half of them: 10.00 to 316",
        "Days since the last purchase 60 More than most of them · typical: 12",
        "Last purchase 29 April 2020",
        "Paid per item – 10.00 10.00",
        "Favourite brand –",
        "Most active Morning (5 to 11)",
    ):
        assert sentence in told
    other = "Certainty: low. All figures taken together, this customer is nearer to another persona."
    assert other not in told
    assert other in shop.read("/client?user_id=7").text  # the clustering disagrees
    assert "No likely step leads to a persona that spends more." in shop.read("/client?user_id=7").text


def test_a_step_is_told_that_this_client_may_take(tmp_path: Path) -> None:
    rows = [client(-9, "fox", days_since_last_purchase=60, total_purchase_value=400.0), *CLIENTS]
    publish(contents(*rows), open_store(str(tmp_path)), NOW)
    assert (
        "Today, this would lead to the persona Lion , who spends more: 1 more item bought for at least 400.01."
        in Shop(tmp_path).read("/client?user_id=-9").text
    )


def test_a_client_in_french(shop: Shop) -> None:
    told = shop.read("/client?user_id=7&lang=fr").text
    for sentence in (
        "1\u202f234,50 dépensés en 7 mois, plus de 800,00.",
        "Certitude\u00a0: faible. Tous chiffres confondus, ce client est plus proche d’un autre persona.",
        "Choyer\u202f: traitement VIP",
        "Catégorie préférée nails › polish",
        "client type\N{NO-BREAK SPACE}: 3\u202f090",
        "Dernier achat 29 avril 2020",
        "Matin (5\u202fh à 11\u202fh)",
        "Ce que les clients ont fait jusqu’au 30 avril 2020",
    ):
        assert sentence in told


def test_figures_stand_beside_the_middle_half_of_the_persona(tmp_path: Path) -> None:
    personas = [dict(entry) for entry in contents().personas]
    for entry in personas:
        entry["colour"] = "#123abc"
        entry["profile"] |= {
            "quartiles_total_purchase_value": [5.0, 15.0],
            "active_times": {"evening": 0.25, "morning": 0.75, "afternoon": 0.0, "night": 0.0},
            "brands": [{"name": "l'oréal <b>", "share": 0.055}],
        }
    publish_small(tmp_path, personas=personas, metrics={"everyone": {"median_total_purchase_value": 99.5}})
    shop = Shop(tmp_path)
    assert "Like most Foxes · typical: 2,045 · half of them: 5.00 to 15.00" in shop.read(f"/client?user_id={FOX}").text
    assert "More than most of them" in shop.read("/client?user_id=7").text
    told = shop.read("/persona/fox").text
    assert "Spent in 7 months 2,045 5.00 – 15.00 99.50" in told
    assert "Morning (5 to 11) 75% Afternoon (12 to 17) 0% Evening (18 to 23) 25%" in told  # in the day's order
    assert "l'oréal <b> 5.5%" in told
    assert ".persona-fox{--persona:#123abc}" in shop.http.get("/assets/personas.css").text


def test_an_older_snapshot_without_quartiles_has_medians_to_compare_with(tmp_path: Path) -> None:
    personas = [
        {**entry, "profile": {name: value for name, value in entry["profile"].items() if name.startswith("median_")}}
        for entry in contents().personas
    ]
    publish_small(tmp_path, personas=[{**entry, "colour": "red;}"} for entry in personas], metrics={})
    shop = Shop(tmp_path)
    told = shop.read(f"/client?user_id={FOX}").text
    assert "Spent in 7 months 10.00 Less than most of them · typical: 2,045 Days" in told
    assert "half of them" not in told
    assert "When in the day" not in shop.read("/persona/fox").text
    assert shop.http.get("/assets/personas.css").data == b""  # no colour but one in six digits


def test_who_is_almost_certain_is_not_called_certain(tmp_path: Path) -> None:
    publish_small(tmp_path, clients=table(CLIENTS[0], client(7, "lion", confidence=0.9977), *CLIENTS[2:]))
    assert "Certainty: high. Of 100 clients in the same case, 99 are" in Shop(tmp_path).read("/client?user_id=7").text


@pytest.mark.parametrize("path", ["/", "/persona/fox", f"/client?user_id={FOX}"])
def test_where_clients_are_less_like_their_persona_it_is_said(tmp_path: Path, path: str) -> None:
    named = "fox, as ever"
    unlike = {"en": "In this shop they buy less often.", "fr": "Dans cette boutique, ils achètent moins souvent."}
    for store, told in (("true", None), ("false", unlike)):
        publish_small(tmp_path / store, personas=[{**entry, "unlike": told} for entry in contents().personas])
        assert (f"{named} {unlike['en']}" in Shop(tmp_path / store).read(path).text) == (told is not None)


def test_amounts_in_thousands_have_no_cents(tmp_path: Path) -> None:
    publish_small(tmp_path, personas=[{**entry, "revenue": 919_722.82} for entry in contents().personas])
    assert "who spent 919,723 in 7 months" in Shop(tmp_path).read("/persona/fox").text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        *[(typed, "is made of the digits 0 to 9") for typed in ("x", "1.5", "<script>alert(1)</script>", "x" * 500)],
        *[(typed, "This number is too long") for typed in ("9223372036854775808", "9" * 23, "1" * 500)],
        *[(typed, "Type the number of a customer") for typed in ("", " ")],
    ],
)
def test_what_is_no_number_is_shown_again_to_be_put_right(shop: Shop, typed: str, words: str) -> None:
    answer = shop.http.get("/client", query_string={"user_id": typed})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert words in answer.text
    assert len(answer.text) < 5000
    assert shop.http.get("/client").status_code == 400


def test_a_number_copied_with_spaces_is_found(shop: Shop) -> None:
    assert "Fox" in shop.read("/client?user_id=+512%20363%E2%80%AF741+").text


def test_an_unknown_client_gets_help(shop: Shop) -> None:
    page = shop.http.get("/client?user_id=8")
    assert page.status_code == 404
    assert "Nobody with this number bought anything in the 7 months up to 30 April 2020." in page.text
    assert 'value="8"' in page.text


def test_a_persona(shop: Shop) -> None:
    told = shop.read("/persona/fox")
    for sentence in (
        "What to do. Target: few campaigns, premium ones.",
        "1 client.",
        "25% of clients",
        "Last purchase at most 21 days ago.",
        "Spent in 7 months 2,045",
        f"All of them {FOX}",
    ):
        assert sentence in told.text
    for link in ("/personas/fox/clients?format=csv", f"/client?user_id={FOX}", "/persona/owl"):
        assert link in told.links
        assert shop.http.get(link).status_code == 200
    assert "There is no such persona" in shop.read("/persona/wolf", 404).text


def test_home_shows_the_seven_and_what_is_served(shop: Shop) -> None:
    told = shop.read("/")
    assert [link for link in told.links if link.startswith("/persona/")] == [
        f"/persona/{name}" for name in ("lion", "bear", "squirrel", "fox", "beaver", "owl", "tortoise")
    ]
    assert "4 clients, by what they did up to 30 April 2020" in told.text
    assert {"/report#en", "/changes", "/client"} <= set(told.links)


def test_home_without_a_snapshot_says_what_to_do(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    assert "python -m segmentation run --events my-events" in shop.read("/").text
    assert "There is nothing to show yet" in shop.read("/client?user_id=7", 503).text
    assert shop.http.get("/assets/personas.css").data == b""


def test_old_figures_are_called_old_on_every_page(tmp_path: Path) -> None:
    publish_small(tmp_path)
    stale = Shop(tmp_path, max_age_days=45)
    for path in ("/", f"/client?user_id={FOX}", "/persona/fox"):
        assert "These figures are old: they end on 30 April 2020" in stale.read(path).text
        assert "Ces chiffres sont anciens" in stale.read(path, language="fr").text


def test_a_simulated_shop_is_called_so_on_every_page_rather_than_old(tmp_path: Path) -> None:
    publish_small(tmp_path, metrics={"simulated": True})
    shop = Shop(tmp_path, max_age_days=45)
    for path in ("/", f"/client?user_id={FOX}", "/persona/fox"):
        told = shop.read(path).text
        assert "These customers are simulated: none of them exists." in told
        assert "These figures are old" not in told
    assert "simulated" not in Shop(published(tmp_path / "real")).read("/").text


def published(store: Path) -> Path:
    publish_small(store)
    return store


def test_the_language_is_asked_for_then_preferred_then_english(shop: Shop) -> None:
    def language(path: str, preferred: str = "") -> Any:
        return re.findall(r'<html lang="(..)">', shop.http.get(path, headers={"Accept-Language": preferred}).text)

    asked = [
        ("/", "fr-CA, en;q=0.5"),
        ("/", "de"),
        ("/", ""),
        ("/?lang=en", "fr"),
        ("/?lang=fr", "en"),
        ("/?lang=x", "fr"),
    ]
    assert [language(*one) for one in asked] == [["fr"], ["en"], ["en"], ["en"], ["fr"], ["fr"]]
    links = shop.read("/persona/fox?lang=fr").links
    assert "/persona/owl?lang=fr" in links
    assert "/persona/fox?lang=en" in links  # the way over
    assert f"/client?user_id={FOX}&lang=fr" in shop.read(f"/client?user_id={FOX}").links


@pytest.mark.parametrize("path", PATHS)
def test_a_page_needs_nothing_but_files_of_ours(shop: Shop, path: str) -> None:
    page = shop.http.get(path)
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)", page.text) == []
    assert [link for link in Text(page.text).links if not link.startswith(("/", "#"))] == []
    assert shop.http.head(path).status_code == page.status_code
    assert shop.http.head(path).data == b""


def test_files_are_kept_and_there_are_no_others(shop: Shop) -> None:
    for name in ("style.css", "script.js", "icon.svg", "personas.css"):
        answer = shop.http.get(f"/assets/{name}")
        assert shop.http.get(f"/assets/{name}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    for name in ("docs.html", "..%2Fapp.py", "nothing"):
        assert shop.http.get(f"/assets/{name}").status_code == 404


def test_the_first_page_is_light(shop: Shop) -> None:
    page = shop.http.get("/")
    files = {link for link in Text(page.text).links if link.startswith("/assets/")}
    assert len(files) == 4
    assert len(page.data) + sum(len(shop.http.get(file).data) for file in files) < FIRST_PAGE_BYTES


def test_people_count_as_programs_do(tmp_path: Path) -> None:
    publish_small(tmp_path)
    shop = Shop(tmp_path, api_keys=KEYS, audit=True)
    for path in (f"/client?user_id={FOX}", "/client?user_id=8812345", "/persona/fox"):
        shop.http.get(path, headers={"Authorization": f"Bearer {SENDER}"})
    counted = shop.metrics.text(0, 1).decode()
    assert 'menagerie_lookups_total{result="found"} 2.0' in counted
    assert 'menagerie_lookups_total{result="not_found"} 1.0' in counted
    log = shop.logged()
    assert log.count('"message": "read"') == 3
    assert '"route": "/client"' in log
    for secret in (str(FOX), "8812345", SENDER):
        assert secret not in log


def test_who_may_not_export_sees_no_list_of_clients(tmp_path: Path) -> None:
    publish_small(tmp_path)
    shop = Shop(tmp_path, api_keys=KEYS)
    kept = shop.read("/persona/fox", key=READER)
    assert "that takes one with the scope “export”" in kept.text
    assert str(FOX) not in kept.text
    assert not [link for link in kept.links if "/clients" in link]
    assert str(FOX) in shop.read("/persona/fox", key=SENDER).text


def test_a_fault_of_ours_is_told_on_a_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.pages.dashboard.figures.compared", lambda *_: 1 // 0)
    told = shop.read(f"/client?user_id={FOX}&lang=fr", 500).text
    assert "La faute est de notre côté." in told
    assert str(FOX) not in shop.logged()


def test_every_client_has_a_page(shop: Shop) -> None:
    for row in CLIENTS:
        assert f"/persona/{row['persona']}" in shop.read(f"/client?user_id={row['user_id']}").links
