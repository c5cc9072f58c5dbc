"""`docker compose up`: from nothing to a right answer, and to the next snapshot without a failed request."""

import csv
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import containers
import pytest
from containers import AS_OF, output

pytestmark = pytest.mark.docker

FIRST_ANSWER_WITHIN_S = 180
SWAPPED_WITHIN_S = 10
ANY_PORT = {"MENAGERIE_PORT": "0", "MENAGERIE_S3_PORT": "0"}


@dataclass(frozen=True)
class Project:
    """A compose project of its own, made by naming one of its services, and removed with all that it made."""

    service: str
    batch: str
    name: str

    def __call__(self, *arguments: str) -> str:
        return output("compose", "--project-name", self.name, "--profile", "*", *arguments, environment=ANY_PORT)

    def up(self) -> None:
        """Start as a person does, who does not name the profile: naming the service is enough."""
        output("compose", "--project-name", self.name, "up", "--detach", self.service, environment=ANY_PORT)

    def get(self, path: str) -> tuple[int, Any]:
        host, _, port = self("port", self.service, "8000").rpartition(":")
        return get(host, int(port), path)

    def ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def served(self) -> str:
        return str(self.get("/snapshot")[1]["id"])

    def run_batch(self, *arguments: str) -> str:
        return self("run", "--rm", "--no-deps", "--no-TTY", self.batch, *arguments)


def get(host: str, port: int, path: str) -> tuple[int, Any]:
    connection = HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(params=[("service", "batch"), ("service-s3", "batch-s3")], ids=["folder", "s3"])
def project(request: pytest.FixtureRequest) -> Iterator[Project]:
    containers.need_engine()
    service, batch = request.param
    one = Project(service, batch, f"{containers.OURS}-{service}")
    try:
        yield one
    finally:
        one("down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "1")


@contextmanager
def asking(project: Project, path: str) -> Iterator[list[Any]]:
    """Ask for the same again and again, and gather what was answered."""
    host, _, port = project("port", project.service, "8000").rpartition(":")
    statuses: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.02):  # leaving the machine to the batch
            try:
                statuses.append(get(host, int(port), path)[0])
            except OSError as error:
                statuses.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        done.set()
        thread.join()


def served(project: Project) -> set[str]:
    """Ask often enough for every worker to have told what it serves, for each takes up a snapshot on its own."""
    return {project.served() for _ in range(12)}


def clients_of(project: Project, persona: str) -> list[int]:
    """Return the clients that the published snapshot gives a persona, as the batch side reads it."""
    table = project.run_batch("export", "--persona", persona, "--format", "csv")
    return [int(row["user_id"]) for row in csv.DictReader(io.StringIO(table))]


def test_it_comes_up_answers_as_published_and_swaps_without_a_failed_request(project: Project) -> None:
    began = time.monotonic()
    project.up()
    containers.wait_until(project.ready, 60, lambda: project("logs"))
    foxes = clients_of(project, "fox")
    status, answer = project.get(f"/segment/{foxes[0]}")
    took_s = time.monotonic() - began
    print(f"{project.service}: right answer after {took_s:.0f} s")
    assert (status, answer["persona"], answer["as_of"]) == (200, "fox", AS_OF)
    assert took_s <= FIRST_ANSWER_WITHIN_S
    assert {project.get(f"/segment/{owl}")[1]["persona"] for owl in clients_of(project, "owl")[:20]} == {"owl"}

    first = project.served()
    with asking(project, f"/segment/{foxes[0]}") as statuses:
        told = project.run_batch("run", "--as-of", AS_OF, "--seed", "1")
        containers.wait_until(lambda: first not in served(project), SWAPPED_WITHIN_S, lambda: project("logs"))
    (second,) = served(project)
    assert f"Snapshot {second} is published and served." in told
    assert len(statuses) > 100
    assert set(statuses) == {200}


def configured(environment: dict[str, str], *options: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(
        output("compose", *options, "config", "--format", "json", environment=environment)
    )
    return described


def ports_are_local(service: dict[str, Any]) -> bool:
    return all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", []))


RESTRICTIONS: list[Callable[[dict[str, Any]], bool]] = [
    lambda service: service["read_only"] is True,
    lambda service: service["cap_drop"] == ["ALL"],
    lambda service: service["security_opt"] == ["no-new-privileges:true"],
    lambda service: int(service["mem_limit"]) > 0,
    lambda service: service["pids_limit"] > 0,
    ports_are_local,
    lambda service: all(mount["type"] == "volume" for mount in service.get("volumes", [])),  # no path of this machine
]


def test_every_container_is_restricted_and_only_this_machine_can_ask() -> None:
    containers.need_engine()
    services = configured({}, "--profile", "*")["services"]
    assert set(services) == {"batch", "service", "bucket", "batch-s3", "service-s3"}
    for service in services.values():
        assert all(restricted(service) for restricted in RESTRICTIONS), service


def test_ports_can_be_chosen_and_s3_waits_to_be_asked_for() -> None:
    containers.need_engine()
    services = configured({"MENAGERIE_PORT": "8080"})["services"]
    assert set(services) == {"batch", "service"}
    assert services["service"]["ports"][0]["published"] == "8080"
