"""Ids beyond 2^53, as a page in JavaScript asks for them: all get their own persona, nobody another's."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from serving import Running, running
from snapshots import NOW, client, contents

from segmentation.snapshot.publish import publish
from segmentation.store.opening import open_store

LARGE = [2**53 + n for n in range(1, 71)] + [9_000_000_000_000_000_000 + n for n in range(70)]
"""Neighbours, of which floating point holds one in two, or one in a thousand."""
PERSONAS = ("lion", "bear", "squirrel", "fox", "owl")
ASKS = """
const [url, ids] = [process.argv[1], JSON.parse(process.argv[2])];
const asked = async (path, body) => (await fetch(url + path, body && {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)})).json();
const found = {};
for (const id of ids) found[id] = [(await asked(`/segment/${id}`))].map(one => [one.user_id, one.persona])[0];
const batch = (await asked("/segments", {user_ids: ids})).clients.map(one => [one.user_id, one.persona]);
let cursor = "", members = [];
for (const persona of %s) {
  const page = await asked(`/personas/${persona}/clients`);
  members = members.concat(page.clients.map(one => [one.user_id, one.persona]));
}
console.log(JSON.stringify({single: Object.entries(found), batch, members}));
"""


@pytest.fixture(scope="module")
def node() -> str:
    return shutil.which("node") or pytest.skip("there is no Node")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("javascript")
    rows = [client(7, "lion"), client(2**53, "fox")]
    rows += [client(user_id, PERSONAS[n % len(PERSONAS)]) for n, user_id in enumerate(LARGE)]
    publish(contents(*rows), open_store(str(folder)), NOW)
    with running(folder, folder / "log") as found:
        yield found


def batch(service: Running, user_ids: list[object]) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("POST", "/segments", json.dumps({"user_ids": user_ids}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


def test_each_of_140_customers_gets_their_own_persona(service: Running, node: str) -> None:
    ids = [str(user_id) for user_id in LARGE]
    script = ASKS % json.dumps(PERSONAS)
    done = subprocess.run(
        [node, "-e", script, f"http://127.0.0.1:{service.port}", json.dumps(ids)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(done.stdout)
    meant = [[user_id, PERSONAS[n % len(PERSONAS)]] for n, user_id in enumerate(ids)]
    assert told["single"] == [[user_id, [user_id, persona]] for user_id, persona in meant]
    assert told["batch"] == meant
    assert sorted(one for one in told["members"] if one[0] not in {7, 2**53}) == sorted(meant)


def test_ids_are_numbers_up_to_2_53_and_strings_beyond(service: Running) -> None:
    status, _, body = service.get(f"/segment/{2**53}")
    assert (status, json.loads(body)["user_id"]) == (200, 2**53)
    status, _, body = service.get(f"/segment/{2**53 + 1}")
    assert (status, json.loads(body)["user_id"]) == (200, str(2**53 + 1))
    asked: list[object] = [7, "7", 2**53 + 1, str(2**53 + 1), str(-(2**60)), "8"]
    status, body = batch(service, asked)
    assert status == 200
    expected = [7, 7, str(2**53 + 1), str(2**53 + 1), str(-(2**60)), 8]
    assert [one["user_id"] for one in json.loads(body)["clients"]] == expected


@pytest.mark.parametrize("wrong", ["", "x", "1.0", " 7", "+7", "9223372036854775808", "٧", "1" * 400])
def test_a_string_that_is_no_id_is_told_of(service: Running, wrong: str) -> None:
    status, body = batch(service, [7, wrong])
    assert status == 422
    assert "user_ids" in body.decode()


def test_files_of_members_have_them_so_too(service: Running) -> None:
    _, _, body = service.get("/personas/lion/clients?format=ndjson")
    ids = [json.loads(line)["user_id"] for line in body.splitlines()]
    assert ids == [7, *(str(user_id) for n, user_id in enumerate(LARGE) if n % len(PERSONAS) == 0)]
    _, _, body = service.get("/personas/lion/clients?format=csv")
    assert [line.partition(",")[0] for line in body.decode().splitlines()[1:]] == [str(user_id) for user_id in ids]
