"""The batch called from Python programs, and installed as a wheel."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from contextlib import chdir
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from shared_data import BUNDLED, CHECKOUT

import segmentation
from contract.errors import BadInputError
from segmentation import client_table, load_model, run
from segmentation.commands.arguments import parser

PAGE = (CHECKOUT / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
AS_OF = date(2020, 4, 30)


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").symlink_to(BUNDLED)
    names: dict[str, object] = {}
    with chdir(tmp_path):
        for example in EXAMPLES:
            if "airflow" not in example:
                exec(compile(example, "docs/python.md", "exec"), names)  # noqa: S102 (our own page)
    printed = capsys.readouterr().out
    assert re.search(r"^2020-04-30-[0-9a-f]{12} [0-9a-f]{12}$", printed, re.MULTILINE)
    assert "lion" in printed
    segments = names["segments"]
    assert isinstance(segments, pd.DataFrame)
    assert len(segments) == len(names["frame"])  # type: ignore[arg-type]


def test_the_recipe_for_airflow_is_python_and_its_command_can_be_typed() -> None:
    (recipe,) = (example for example in EXAMPLES if "airflow" in example)
    (command,) = (
        node.value.value
        for node in ast.walk(ast.parse(recipe))
        if isinstance(node, ast.keyword) and node.arg == "bash_command" and isinstance(node.value, ast.Constant)
    )
    typed = str(command).replace("{{ data_interval_end.isoformat() }}", "2020-05-01T04:00:00+00:00").split()[1:]
    assert parser().parse_args(typed).as_of == AS_OF


def test_a_model_gives_back_what_it_was_given(sample_store: Path, sample_events: Path) -> None:
    (latest,) = (path.name for path in (sample_store / "snapshots").glob(f"{AS_OF}-*"))
    model = load_model(latest, sample_store)
    clients = client_table(sample_events, AS_OF)
    table, frame = model.assign(clients), model.assign(clients.to_pandas())
    assert isinstance(table, pa.Table)
    assert isinstance(frame, pd.DataFrame)
    assert table["persona"].to_pylist() == frame["persona"].tolist()
    part = model.assign(clients.slice(100, 7))
    assert part == table.slice(100, 7)


def test_what_is_no_client_table_is_told(sample_store: Path) -> None:
    (latest,) = (path.name for path in (sample_store / "snapshots").glob(f"{AS_OF}-*"))
    model = load_model(latest, sample_store)
    with pytest.raises(BadInputError, match="no client table"):
        model.assign(pd.DataFrame({"user_id": [1]}))
    with pytest.raises(BadInputError, match="no model"):
        load_model(BUNDLED)
    with pytest.raises(BadInputError, match="There is no mapping 'nowhere'"):
        run("data", AS_OF, "store", mapping="nowhere")
    with pytest.raises(AttributeError, match="fly"):
        segmentation.fly  # noqa: B018 (asked for)


@pytest.mark.slow
def test_the_wheel_brings_the_commands_and_what_they_read(tmp_path: Path) -> None:
    """Into an empty environment, which finds the libraries that it depends on where the tests have theirs."""
    source = tmp_path / "source"
    parts = ("contract", "languages", "segmentation", "service", "simulator", "storage")
    for part in parts:
        shutil.copytree(CHECKOUT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / file, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("menagerie_personas-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")], check=True)
    own = tmp_path / "empty"
    python = own / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_paths()["purelib"]}

    def typed(*words: str) -> str:
        command = [str(own / "bin" / words[0]), *words[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert typed("segmentation", "--version") == f"menagerie {segmentation.VERSION}\n"
    assert "retailrocket" in typed("segmentation", "mapping", "list")
    assert "--store" in typed("menagerie-service", "--help")
    shown = typed("python", "-c", "import segmentation; print(segmentation.__file__, segmentation.load_model)")
    assert str(own) in shown
    store = str(tmp_path / "store")
    typed("segmentation", "run", "--events", str(BUNDLED), "--as-of", str(AS_OF), "--store", store)
    assert "lion" in typed("segmentation", "personas", "--store", store).lower()
