"""The lake that the settings name is opened without reading or writing."""

from pathlib import Path

import pytest

from vieweratlas_assets.errors import SettingsError, StorageError
from vieweratlas_assets.settings import PrivacySettings, Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.wiring.lake import open_lake


def test_opening_a_lake_touches_no_file_and_needs_no_key(tmp_path: Path) -> None:
    pseudonymous = PrivacySettings(viewer_names="pseudonymous")
    lake = open_lake(Settings(root=str(tmp_path / "lake"), privacy=pseudonymous))
    assert isinstance(lake.store, LocalStore)
    assert lake.sealed.store is lake.store
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingsError, match=r"privacy\.pseudonym_key"):
        _ = lake.names


def test_names_are_those_of_the_settings_and_are_read_once(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("channel ann\n")
    lake = open_lake(Settings(root=str(tmp_path / "lake"), privacy=PrivacySettings(opt_out_file=out)))
    assert not lake.names.keeps_channel("ann")
    out.unlink()
    assert lake.names.keeps_channel("bob")


def test_a_root_that_names_no_store_is_refused() -> None:
    with pytest.raises(StorageError, match="s3:// names no bucket"):
        open_lake(Settings(root="s3://"))
