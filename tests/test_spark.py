"""Spark gives what DuckDB gives, cell for cell: on every specification of the client table, then on a whole shop."""

import gc
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import test_features
from botocore.session import Session
from botocore.validate import ParamValidator
from test_features import AS_OF, BOUGHT, Clients, Raw, event, write_csv

from contract.errors import BadInputError, MenagerieError, WrongUsageError
from segmentation.commands import cli
from segmentation.commands.arguments import parser
from segmentation.features import table as features
from segmentation.features.columns import SCHEMA, SEGMENT_SCHEMA
from segmentation.ingest.ingest import ingest
from segmentation.model import assign
from segmentation.model.files import Model, dump
from segmentation.model.fit import fit
from segmentation.spark import session as spark
from segmentation.spark import stages as spark_stages
from segmentation.tools.parts import parts
from segmentation.tools.progress import SILENT
from simulator import Shop, simulate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.spark,
    # py4j leaves its sockets to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parent.parent
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",  # so that a table has two parts
    "spark.driver.extraJavaOptions": "-Duser.timezone=Asia/Tokyo"  # which must not matter
    " -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # so that what runs once runs sooner
}
SMALL_SHOP = Shop(clients=1500, seed=7, format="parquet")


@pytest.fixture(scope="module")
def session() -> "Iterator[SparkSession]":
    """One Spark for all; without PySpark or Java the tests are skipped."""
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not here; install it with: make spark")
    if shutil.which("java") is None:
        pytest.skip("there is no Java; install it with: apt-get install openjdk-17-jre-headless")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", shlex.join((*options(), "pyspark-shell")))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        found = spark.session()
    yield found
    gateway, context = found.sparkContext._gateway, type(found.sparkContext)
    found.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # upon which Java ends
    gateway.proc.wait()
    context._gateway = context._jvm = None
    gc.collect()  # here, where sockets left open are no fault of a test


def options() -> list[str]:
    return ["--master", "local[2]", *(f"--conf={name}={value}" for name, value in SETTINGS.items())]


def on_spark(session: "SparkSession", events: Path, as_of: date, timezone: str = "UTC") -> pa.Table:
    """Return Spark's client table as `features.client_table` returns DuckDB's."""
    out = events / "clients"
    rows = spark_stages.write_clients(session, str(events), as_of, str(out), timezone)
    table = features.read_clients(out)
    assert table.num_rows == rows
    return table


# The specifications of the client table, each on Spark with this module's fixture in the place of DuckDB's

SPECIFICATIONS = {
    name: test
    for name, test in vars(test_features).items()
    if name.startswith("test_") and "clients" in inspect.signature(test).parameters
}
globals().update(SPECIFICATIONS)


@pytest.fixture
def clients(tmp_path: Path, session: "SparkSession") -> Clients:
    """Events in, Spark's client rows by user id out, once they are found to be DuckDB's."""

    def run(*events: Raw, as_of: date = AS_OF, timezone: str = "UTC") -> dict[int, oracle.Client]:
        distinct = [row | {"product_id": number} for number, row in enumerate(events)]
        ingest([write_csv(tmp_path / "events.csv", distinct)], tmp_path / "out")
        table = on_spark(session, tmp_path / "out", as_of, timezone)
        assert table.equals(features.client_table(tmp_path / "out", as_of, timezone))
        return {row["user_id"]: row for row in table.to_pylist()}

    return run


def test_the_specifications_are_all_here() -> None:
    assert len(SPECIFICATIONS) >= 25


def test_sessions_are_told_apart_by_64_bits(clients: Clients, session: "SparkSession") -> None:
    hashed = session.range(300_000).selectExpr("string(id) AS name", "hash(string(id)) AS bits")
    pair = hashed.groupBy("bits").agg({"name": "collect_list", "*": "count"}).filter("`count(1)` = 2").first()[1]
    found = clients(*(event(BOUGHT, user_session=name) for name in pair))
    assert found[7]["number_of_sessions_7m"] == 2


# A whole shop


class Whole(NamedTuple):
    """A simulated shop, ingested, with DuckDB's client table and the model that it gives."""

    events: Path
    clients: pa.Table
    model: Model


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("shop")
    simulate(SMALL_SHOP, folder / "raw", SILENT)
    assert ingest([folder / "raw"], folder / "events").events > 250_000
    clients = features.client_table(folder / "events", AS_OF)
    return Whole(folder / "events", clients, fit(clients, 0, SILENT).model)


@pytest.mark.parametrize(("as_of", "timezone"), [(AS_OF, "UTC"), (date(2020, 3, 30), "America/St_Johns")])
def test_a_shop_is_the_same_on_both_engines(session: "SparkSession", shop: Whole, as_of: date, timezone: str) -> None:
    expected = features.client_table(shop.events, as_of, timezone)
    found = on_spark(session, shop.events, as_of, timezone)
    assert found.num_rows > 1000
    assert found.equals(expected)
    assert found.schema.types == SCHEMA.types


def test_events_are_read_twice_and_shuffled_once(session: "SparkSession", shop: Whole) -> None:
    """The plan of `kept` for a shop of any size: one pass for buyers, one for visits, both by user and no more."""
    on_spark(session, shop.events, AS_OF)
    session.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
    try:
        plan = session.table("kept")._jdf.queryExecution().executedPlan().toString()
    finally:
        session.conf.unset("spark.sql.autoBroadcastJoinThreshold")
    assert plan.count("FileScan parquet") == 2
    exchanges = re.findall(r"Exchange (\w+\(.*?\))", re.sub(r"#\d+L?", "", plan))
    assert exchanges == ["hashpartitioning(user_id, 2)"] * 2


def test_a_table_by_spark_says_what_it_was_made_of(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    features.write_clients(shop.events, AS_OF, tmp_path / "clients.parquet")
    on_spark(session, shop.events, AS_OF)
    origin = features.read_origin(shop.events / "clients")
    assert origin == features.read_origin(tmp_path / "clients.parquet")
    assert len(parts(shop.events / "clients")) == 2


def test_events_are_found_by_url(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    rows = spark_stages.write_clients(session, shop.events.as_uri(), AS_OF, (tmp_path / "clients").as_uri())
    assert rows == shop.clients.num_rows
    assert features.read_clients(tmp_path / "clients").equals(shop.clients)
    assert features.read_origin(tmp_path / "clients")["events"]["kept"] > 250_000


@pytest.mark.parametrize("local", [True, False])
def test_events_that_are_not_all_there_are_refused(
    session: "SparkSession", shop: Whole, tmp_path: Path, local: bool
) -> None:
    (tmp_path / "staged").mkdir()
    shutil.copy(shop.events / "ingest.json", tmp_path)
    for folder, told in ((tmp_path, "was not finished"), (tmp_path / "staged", "is no folder of ingested events")):
        url = str(folder) if local else folder.as_uri()
        with pytest.raises(BadInputError, match=told):
            spark_stages.write_clients(session, url, AS_OF, str(tmp_path / "clients"))


def test_damaged_events_are_told_in_a_sentence(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    shutil.copytree(shop.events, tmp_path / "events")
    (file,) = tmp_path.glob("events/events/month=2020-04/*.parquet")
    content = bytearray(file.read_bytes())
    content[4:4000] = bytes(3996)
    file.write_bytes(content)
    with pytest.raises(MenagerieError, match=r"^Building the client table on Spark stopped: .*") as told:
        on_spark(session, tmp_path / "events", AS_OF)
    assert str(tmp_path) not in str(told.value)


def test_each_client_gets_the_same_segment(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    on_spark(session, shop.events, AS_OF)
    spark_stages.assign_clients(session, shop.model, str(shop.events / "clients"), str(tmp_path / "segments"))
    found = pq.read_table(parts(tmp_path / "segments"), schema=SEGMENT_SCHEMA)
    assert len(parts(tmp_path / "segments")) == 2
    assert found.equals(assign.assign(shop.model, shop.clients))
    assign.assign_file(shop.model, shop.events / "clients", tmp_path / "segments.parquet")
    assert found.equals(pq.read_table(tmp_path / "segments.parquet", schema=SEGMENT_SCHEMA))


# What is in the way, or not there


def test_only_tables_of_sparks_are_written_over(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letters.txt").write_text("dear")
    with pytest.raises(WrongUsageError, match="out is there already and is no table that Spark wrote"):
        spark_stages.write_clients(session, str(shop.events), AS_OF, str(tmp_path / "out"))
    assert (tmp_path / "out" / "letters.txt").read_text() == "dear"


def test_a_table_of_which_parts_may_be_missing_is_refused(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    on_spark(session, shop.events, AS_OF)
    shutil.copytree(shop.events / "clients", tmp_path / "clients")
    (tmp_path / "clients" / "_SUCCESS").unlink()
    for read in (features.read_clients, features.read_origin):
        with pytest.raises(BadInputError, match="clients is no table, or not all of it is there"):
            read(tmp_path / "clients")

    with pytest.raises(BadInputError, match="clients is no table, or not all of it is there"):
        spark_stages.assign_clients(session, shop.model, str(tmp_path / "clients"), str(tmp_path / "segments"))


def test_a_table_of_something_else_is_refused(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    (file,) = (shop.events / "events" / "month=2020-04").iterdir()
    with pytest.raises(BadInputError, match=r"Giving each client a persona on Spark stopped: .*number_of_views_2m"):
        spark_stages.assign_clients(session, shop.model, str(file), str(tmp_path / "segments"))
    with pytest.raises(BadInputError, match="none is no table"):
        spark_stages.assign_clients(session, shop.model, str(tmp_path / "none"), str(tmp_path / "segments"))


# The commands


def test_the_commands_take_urls(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    assert session.version
    clients, model, segments = (tmp_path / name for name in ("clients", "model", "segments"))
    model.mkdir()
    for name, content in dump(shop.model).items():
        (model / name).write_bytes(content)
    given = ("--events", shop.events.as_uri(), "--as-of", str(AS_OF), "--out", clients.as_uri())
    assert cli.main(("features", "--engine", "spark", *given)) == 0
    given = ("--clients", clients.as_uri(), "--model", model.as_uri(), "--out", segments.as_uri())
    assert cli.main(("assign", "--engine", "spark", *given)) == 0
    assert pq.read_table(parts(segments), schema=SEGMENT_SCHEMA).num_rows == shop.clients.num_rows


def test_spark_submit_takes_the_program(session: "SparkSession", shop: Whole, tmp_path: Path) -> None:
    assert session.version
    submit = [str(Path(str(import_module("pyspark").__file__)).parent / "bin" / "spark-submit")]
    command = ["features", "--engine", "spark", "--events", str(shop.events), "--as-of", str(AS_OF)]
    done = subprocess.run(
        [*submit, *options(), ROOT / "segmentation" / "__main__.py", *command, "--out", tmp_path / "clients"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{shop.clients.num_rows:,} clients: {tmp_path / 'clients'}"
    assert features.read_clients(tmp_path / "clients").equals(shop.clients)


def test_the_job_in_the_documentation_can_be_started() -> None:
    text = (ROOT / "docs" / "spark.md").read_text(encoding="utf-8")
    job, policy = (json.loads(found) for found in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    shape = Session().get_service_model("emr-serverless").operation_model("StartJobRun").input_shape
    assert shape
    assert ParamValidator().validate(job, shape).generate_report() == ""
    asked = parser().parse_args(job["jobDriver"]["sparkSubmit"]["entryPointArguments"])
    assert (asked.command, asked.engine) == ("features", "spark")
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}


def refused(tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run `features` in a process of its own; return its exit code and what it says."""
    command = ("features", "--events", str(tmp_path), "--as-of", "2020-04-30", "--out", str(tmp_path / "clients"))
    done = subprocess.run(
        [sys.executable, "-m", "segmentation", *command, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_without_pyspark_the_remedy_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyspark.py").write_text("raise ImportError\n")
    told = "The Spark engine needs PySpark: install requirements-spark.txt of the project with pip."
    path = f"{tmp_path}:{ROOT}"
    assert refused(tmp_path, "--engine", "spark", PYTHONPATH=path) == (2, f"segmentation: {told}\n")


def test_without_java_the_remedy_is_told(tmp_path: Path) -> None:
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not here; install it with: make spark")
    told = "The Spark engine needs Java 17 or later: install one (openjdk-17-jre-headless), or name it in JAVA_HOME."
    for environment in ({"PATH": str(tmp_path)}, {"JAVA_HOME": str(tmp_path)}):
        assert refused(tmp_path, "--engine", "spark", **environment) == (2, f"segmentation: {told}\n")


def test_duckdb_takes_no_urls(tmp_path: Path) -> None:
    told = "'s3://shop/work' is no local path, and only those will do here."
    assert refused(tmp_path, "--events", "s3://shop/work") == (2, f"segmentation: {told}\n")
