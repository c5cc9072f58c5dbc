"""The images: what is in them and what is not, that they work under restrictions, stop when told and build alike."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import containers
import pytest
from checkers import checker
from containers import AS_OF, NO_DEBIAN_PROGRAMS, RESTRICTED, built, docker, inspect, layers, output, started

import segmentation

pytestmark = pytest.mark.docker

BASE = "python:3.13-slim"
MEGABYTES_OVER_BASE = {"service": 120, "batch": 600}
HEALTHY_WITHIN_S = 3
STOPPED_WITHIN_S = 10
OPEN = ("--env", "MENAGERIE_ALLOW_ANYONE=true")
RUN = ("run", "--as-of", AS_OF)


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    containers.need_engine()


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with containers.volume() as name:
        # Nothing but the store and its scratch space may be written, no network asked, no program of Debian's run.
        told = containers.segment(name, *RUN, options=(*RESTRICTED, *NO_DEBIAN_PROGRAMS, "--network", "none"))
        assert "is published and served." in told
        yield name


def test_the_batch_publishes_a_whole_snapshot(store: str) -> None:
    containers.segment(store, "snapshots", "verify")


@pytest.mark.alone
def test_the_service_is_soon_healthy_and_stops_when_told(store: str) -> None:
    options = (*RESTRICTED, *NO_DEBIAN_PROGRAMS, *OPEN, "--volume", f"{store}:/store:ro")
    image = built("service")
    began = time.monotonic()
    with started(image, options=options) as service:

        def health() -> str:
            return str(inspect(service)["State"]["Health"]["Status"])

        containers.wait_until(lambda: health() == "healthy", 30, lambda: containers.logs(service))
        took_s = time.monotonic() - began
        began = time.monotonic()
        output("stop", service)
        stopped_s = time.monotonic() - began
        assert inspect(service)["State"]["ExitCode"] == 0
    assert took_s <= HEALTHY_WITHIN_S
    assert stopped_s < STOPPED_WITHIN_S


def test_a_service_with_nothing_to_serve_is_not_healthy() -> None:
    with containers.volume() as empty, started(built("service"), options=(*OPEN, "-v", f"{empty}:/store")) as service:
        # The first probe may come before the server listens.
        containers.wait_until(
            lambda: any("Not ready" in probe["Output"] for probe in inspect(service)["State"]["Health"]["Log"]),
            60,
            lambda: containers.logs(service),
        )
        *before, probe = inspect(service)["State"]["Health"]["Log"]
        assert inspect(service)["State"]["Health"]["Status"] != "healthy"
    assert (probe["ExitCode"], probe["Output"]) == (1, "menagerie: Not ready: /readyz answers 503.\n")
    assert all(probe["ExitCode"] == 1 for probe in before)


def test_the_service_wants_keys_before_it_answers_a_network(store: str) -> None:
    with started(built("service"), options=("--volume", f"{store}:/store:ro")) as service:
        containers.wait_until(lambda: not inspect(service)["State"]["Running"], 30, lambda: containers.logs(service))
        assert inspect(service)["State"]["ExitCode"] == 2
        assert "no API keys are configured" in containers.logs(service)


def test_a_batch_told_to_stop_ends_soon_and_leaves_what_was_served(store: str) -> None:
    before = containers.segment(store, "snapshots", "list")
    options = (*RESTRICTED, "--volume", f"{store}:/store")
    with started(built("sample"), *RUN, "--refit", options=options) as batch:
        containers.wait_until(
            lambda: "Choosing the number" in containers.logs(batch), 60, lambda: containers.logs(batch)
        )
        began = time.monotonic()
        output("stop", batch)
        stopped_s = time.monotonic() - began
        assert inspect(batch)["State"]["ExitCode"] == 128 + 15
        assert containers.logs(batch).endswith("segmentation: Stopped.\n")
    assert stopped_s < STOPPED_WITHIN_S
    assert containers.segment(store, "snapshots", "list") == before
    containers.segment(store, "snapshots", "verify")


MODULES_FOUND = "import importlib.util as u, sys; print(*(m for m in sys.argv[1:] if u.find_spec(m)))"
INSTALLERS = {"pip", "ensurepip", "setuptools", "wheel"}
BATCH_ONLY = {"segmentation", "pandas", "pyarrow", "sklearn", "scipy", "duckdb", "ibis", "plotly", "rich"}
SHARED = {"numpy", "boto3"}
SERVICE_ONLY = {"service"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [("service", SHARED | SERVICE_ONLY), ("batch", SHARED | BATCH_ONLY)],
    ids=["service", "batch"],
)
def test_an_image_holds_its_own_side_and_nothing_that_installs(target: str, expected: set[str]) -> None:
    asked = INSTALLERS | BATCH_ONLY | SHARED | SERVICE_ONLY
    found = output("run", "--rm", "--entrypoint", "python", built(target), "-c", MODULES_FOUND, *sorted(asked))
    assert set(found.split()) == expected
    programs = "import shutil; print(*filter(shutil.which, ['pip', 'pip3', 'cc', 'gcc', 'make']))"
    assert output("run", "--rm", "--entrypoint", "python", built(target), "-c", programs) == ""


@pytest.mark.parametrize("target", ["service", "batch", "bucket"])
def test_an_image_runs_as_nobody_in_particular_and_without_a_shell(target: str) -> None:
    config = inspect(built(target))["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][0] in {"python", "/rclone"}
    assert config["StopSignal"] == "SIGTERM" if target != "bucket" else True
    assert [*config.get("Healthcheck", {}).get("Test", [])][:1] == (["CMD"] if target == "service" else [])


@pytest.mark.parametrize("target", ["service", "batch"])
def test_labels_say_what_an_image_is(target: str) -> None:
    labels = inspect(built(target))["Config"]["Labels"]
    told = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert told["title"] == f"Menagerie {target}"
    assert told["version"] == segmentation.VERSION
    assert (told["licenses"], told["base.name"]) == ("Apache-2.0", BASE)
    assert {"description", "source", "revision", "created"} <= told.keys()


def test_labels_come_from_the_build() -> None:
    given = {
        "VERSION": "9.9.9",
        "REVISION": "abc123",
        "CREATED": "2026-01-02T03:04:05Z",
        "SOURCE": "https://example.org",
    }
    name = f"{built('service')}-labelled"
    arguments = [text for key, value in given.items() for text in ("--build-arg", f"{key}={value}")]
    output("build", "--quiet", "--target", "service", "--tag", name, *arguments, ".")
    labels = inspect(name)["Config"]["Labels"]
    output("image", "rm", name)
    assert {key: labels[f"org.opencontainers.image.{key.lower()}"] for key in given} == given


@pytest.mark.parametrize("target", ["service", "batch"])
def test_an_image_is_no_larger_than_it_needs_to_be(target: str) -> None:
    over = (inspect(built(target))["Size"] - inspect(built("python"))["Size"]) / 1e6
    print(f"{target}: {over:.0f} MB over its base")
    assert over <= MEGABYTES_OVER_BASE[target]


def test_both_images_share_python_and_the_services_packages() -> None:
    assert layers(built("service"))[:2] == layers(built("batch"))[:2]


def test_the_same_commit_builds_the_same_layers() -> None:
    again = f"{built('batch')}-again"
    output("build", "--quiet", "--no-cache", "--target", "batch", "--tag", again, ".")
    expected, found = layers(built("batch")), layers(again)
    output("image", "rm", again)
    assert found == expected


WHEELS = """
FROM python:3.13-slim AS download
COPY requirements-service.txt /
RUN python -m pip download --quiet --only-binary :all: --require-hashes --dest /wheels -r /requirements-service.txt
FROM scratch
COPY --from=download /wheels /
"""


def rebuilt(*options: str) -> tuple[bool, str]:
    """Install the service's packages anew; return whether the image is as it was, and what was said."""
    anew = ("--no-cache-filter", "service-packages", "--progress", "plain", "--target", "service")
    name = f"{built('service')}-anew"
    done = docker("build", *anew, "--tag", name, *options, ".")
    if done.returncode:
        return False, done.stderr
    same = [(layers(image)[:2], inspect(image)["Config"], history(image)) for image in (name, built("service"))]
    output("image", "rm", name)
    return same[0] == same[1], done.stderr


def history(image: str) -> str:
    return output("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)


def test_packages_can_come_from_a_folder_without_a_network_and_without_a_trace(tmp_path: Path) -> None:
    recipe, wheels = tmp_path / "Dockerfile", tmp_path / "wheels"
    recipe.write_text(WHEELS)
    output("build", "--quiet", "--file", str(recipe), "--output", f"type=local,dest={wheels}", ".")
    same, said = rebuilt("--network", "none", "--build-context", f"wheels={wheels}")
    assert same, said


def test_pip_can_be_told_about_an_index_without_a_trace(tmp_path: Path) -> None:
    secret = tmp_path / "pip.conf"
    secret.write_text("[global]\nno-index = true\n")
    built_at_all, said = rebuilt("--secret", f"id=pip,src={secret}")
    assert not built_at_all
    assert "No matching distribution found" in said  # it was read
    secret.write_text("[global]\ntimeout = 33\n")
    same, said = rebuilt("--secret", f"id=pip,src={secret}")
    assert same, said


def test_the_engine_is_sent_nothing_but_what_is_copied(tmp_path: Path) -> None:
    recipe = tmp_path / "Dockerfile"
    recipe.write_text("FROM scratch\nCOPY . /\n")
    output("build", "--quiet", "--file", str(recipe), "--output", f"type=local,dest={tmp_path / 'sent'}", ".")
    sent = [path.relative_to(tmp_path / "sent") for path in (tmp_path / "sent").rglob("*") if path.is_file()]
    assert {path.parts[0] for path in sent} == {
        *("requirements.txt", "requirements-service.txt", "requirements-rclone.txt"),
        *("contract", "languages", "segmentation", "service", "storage", "data"),
    }
    assert {"".join(path.suffixes[-2:]) for path in sent if path.parts[0] == "data"} == {".csv.gz"}
    ours = {path.suffix for path in sent if len(path.parts) > 1 and path.parts[0] != "data"}
    assert ours == {".py", ".toml", ".html", ".css", ".js", ".svg", ".po"}


def test_the_dockerfile_keeps_to_good_practice() -> None:
    command = [checker("hadolint"), "--format", "json", str(containers.CHECKOUT / "Dockerfile")]
    assert json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout) == []
