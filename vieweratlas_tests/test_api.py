"""The doors of the Python API."""

from pathlib import Path

import pytest

from vieweratlas_assets.api import get_storage
from vieweratlas_assets.settings import SettingsError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.s3 import S3Store


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    pass


def test_storage_is_the_one_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert get_storage().root == str(tmp_path / "data")
    monkeypatch.setenv("VIEWERATLAS_ROOT", str(tmp_path / "lake"))
    store = get_storage()
    assert isinstance(store, LocalStore) and store.root == str(tmp_path / "lake")
    assert not list(tmp_path.iterdir())


def test_storage_on_s3_is_made_of_the_older_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"STORAGE_TYPE": "s3", "S3_BUCKET": "b", "S3_PREFIX": "p/", "S3_REGION": "eu-west-3"}.items():
        monkeypatch.setenv(name, text)
    store = get_storage()
    assert isinstance(store, S3Store) and store.root == "s3://b/p"
    assert store._client.meta.region_name == "eu-west-3"


def test_storage_reads_the_file_of_the_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"root: {tmp_path}/of_file\n")
    monkeypatch.setenv("VIEWERATLAS_CONFIG", str(tmp_path / "a.yaml"))
    assert get_storage().root == f"{tmp_path}/of_file"


def test_storage_without_a_bucket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_TYPE", "s3")
    with pytest.raises(SettingsError, match=r"set storage\.s3_bucket"):
        get_storage()
