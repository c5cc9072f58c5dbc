"""Another kind of storage is one module and one line of a table: events, store, exports and the service follow."""

import shutil
from pathlib import Path

import pytest
import shelf

from segmentation.commands import cli
from service.app import create_app
from service.common.log import JsonLog
from service.common.settings import BadSettingError, Settings, read_settings
from service.snapshots.opening import open_source
from service.snapshots.provider import Provider
from storage.bucket import BACKENDS

STORE = "shelf://shop/store"


@pytest.mark.slow
def test_a_store_of_another_kind_is_segmented_exported_and_served(
    small_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(BACKENDS, "shelf", f"{shelf.__name__}:ShelfBucket")
    monkeypatch.setenv("SHELF", str(tmp_path))
    shutil.copytree(small_shop, tmp_path / "shop" / "events", ignore=shutil.ignore_patterns("truth"))
    run = ("run", "--events", "shelf://shop/events", "--as-of", "2020-04-30", "--store", STORE)
    assert cli.main(run) == 0
    assert cli.main((*run, "--seed", "7")) == 0
    assert cli.main(("snapshots", "verify", "--store", STORE)) == 0
    out = ("--format", "csv", "--out", "shelf://shop/exports/foxes.csv")
    assert cli.main(("export", "--store", STORE, "--persona", "fox", *out)) == 0
    foxes = (tmp_path / "shop" / "exports" / "foxes.csv").read_text().splitlines()
    capsys.readouterr()

    settings = read_settings(["--store", STORE, "--cache-dir", str(tmp_path / "cache")], {})
    provider = Provider(open_source(settings), JsonLog("error"))
    provider.load()
    http = create_app(provider, Settings(), JsonLog("error")).test_client()
    assert http.get(f"/segment/{foxes[1].split(',')[0]}").get_json()["persona"] == "fox"
    assert http.get("/snapshot/changes").status_code == 200
    assert cli.main(("snapshots", "rollback", "--store", STORE)) == 0
    assert provider.follow()


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadSettingError, match="must be a folder or s3://bucket/prefix"):
        read_settings(["--store", STORE], {})
