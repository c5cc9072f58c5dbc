"""The local cache of snapshots: nobody else gets files removed by it, or files of theirs read."""

import stat
from pathlib import Path

import pytest
from snapshots import publish_small

from service.snapshots.cache import Cache


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be another user than the one whose files these are."""
    monkeypatch.setattr("service.snapshots.cache._ROOT", -1)
    monkeypatch.setattr("os.getuid", lambda: 12345)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    (tmp_path / "precious" / "folder").mkdir(parents=True)
    (tmp_path / "precious" / "folder" / "file").write_text("kept")
    return tmp_path / "precious"


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    Cache(tmp_path / "cache" / "shop")
    for folder in (tmp_path / "cache", tmp_path / "cache" / "shop"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


def test_a_link_in_its_place_is_refused_and_what_it_leads_to_stays(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "shop").symlink_to(precious)
    with pytest.raises(PermissionError, match="it is a link"):
        Cache(tmp_path / "cache" / "shop")
    assert (precious / "folder" / "file").read_text() == "kept"


def test_a_link_that_comes_later_is_refused_as_well(tmp_path: Path, precious: Path) -> None:
    snapshot_id = publish_small(tmp_path / "store")
    cache = Cache(tmp_path / "cache" / "shop")
    (tmp_path / "cache" / "shop" / ".lock").unlink()
    (tmp_path / "cache" / "shop").rmdir()
    (tmp_path / "cache" / "shop").symlink_to(precious)
    with pytest.raises(PermissionError, match="it is a link"):
        cache.read(snapshot_id, lambda _: None)
    assert (precious / "folder" / "file").read_text() == "kept"


@pytest.mark.usefixtures("somebody_else")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache" / "shop").mkdir(parents=True, mode=0o700)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        Cache(tmp_path / "cache" / "shop")


@pytest.mark.usefixtures("somebody_else")
def test_another_users_link_above_it_is_refused(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "cache").symlink_to(precious)
    with pytest.raises(PermissionError, match="it is a link"):
        Cache(tmp_path / "cache" / "shop")
    assert (precious / "folder" / "file").read_text() == "kept"


def test_our_own_link_above_it_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to(tmp_path / "disk")
    Cache(tmp_path / "cache" / "shop")
    assert (tmp_path / "disk" / "shop" / ".lock").exists()


@pytest.mark.parametrize(
    ("above", "fine"), [(0o700, True), (0o755, True), (0o1777, True), (0o777, False), (0o775, False)]
)
def test_a_folder_that_others_may_write_into_is_refused_unless_it_is_sticky(
    tmp_path: Path, above: int, fine: bool
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(above)
    if fine:
        Cache(tmp_path / "cache" / "shop")
    else:
        with pytest.raises(PermissionError, match="other users may write into it"):
            Cache(tmp_path / "cache" / "shop")


@pytest.mark.parametrize("mode", [0o1777, 0o770, 0o702])
def test_its_own_folder_is_ours_alone(tmp_path: Path, mode: int) -> None:
    (tmp_path / "cache" / "shop").mkdir(parents=True)
    (tmp_path / "cache" / "shop").chmod(mode)
    with pytest.raises(PermissionError, match="other users may write into it"):
        Cache(tmp_path / "cache" / "shop")
