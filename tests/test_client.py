"""The client in Python, against the service as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from known_keys import known_key
from serving import running
from snapshots import CLIENTS, publish_small

from service.answers.sent_features import EXAMPLE
from service.client import Client, RefusedError

KEY, KEY_LINE = known_key("tester", ["lookup", "export"])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("client")
    publish_small(folder)
    with running(folder, folder / "log", environment={"MENAGERIE_API_KEYS": KEY_LINE}) as service:
        yield f"http://127.0.0.1:{service.port}/"


def test_what_it_asks_is_answered(url: str) -> None:
    client = Client(url, KEY)
    lion = client.segment(7, "features", "reasons")
    assert lion is not None
    assert (lion["persona"], lion["features"]["days_since_last_purchase"], len(lion["reasons"]["en"])) == (
        "lion",
        12,
        2,
    )
    assert client.segment(8) is None
    found = client.segments(row["user_id"] for row in (*CLIENTS, {"user_id": 8}))
    assert [answer.get("persona") for answer in found] == ["squirrel", "lion", "fox", "bear", None]
    assert client.score(EXAMPLE)["persona"] == "bear"
    assert list(client.members("fox")) == [{"user_id": 512363741, "persona": "fox", "cluster": 3, "confidence": 0.75}]


def test_a_refusal_says_why(url: str) -> None:
    with pytest.raises(RefusedError, match=r"^The personas are lion, ") as refused:
        list(Client(url, KEY).members("wolf"))
    assert refused.value.status == 404
    with pytest.raises(RefusedError, match="Send an API key") as refused:
        Client(url).segment(7)
    assert refused.value.problem["type"] == "urn:menagerie:no-key"
    with pytest.raises(ValueError, match="begins with http"):
        Client("file:///etc")


def test_it_stays_small_and_needs_nothing() -> None:
    source = (Path(__file__).parents[1] / "service" / "client.py").read_text()
    assert len(source.splitlines()) < 100
    assert "from service" not in source
