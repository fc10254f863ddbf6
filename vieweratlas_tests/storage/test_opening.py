"""The store that a root opens, and its cost."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.obstore_store import ObstoreStore
from vieweratlas_assets.storage.opening import open_store


def test_folders_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert open_store("./data/").root == str(tmp_path / "data")
    assert open_store("~/lake").root == str(tmp_path / "home" / "lake")
    assert open_store((tmp_path / "my lake%").as_uri()).root == str(tmp_path / "my lake%")
    assert open_store("file:/srv/lake").root == "/srv/lake"
    assert isinstance(open_store("100%/it's: here"), LocalStore)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("root", ["s3://bucket/a/b/", "s3://bucket/a/b", "S3://bucket/a/b/"])
def test_s3_roots(bare_aws: pytest.MonkeyPatch, root: str) -> None:
    from vieweratlas_assets.storage.s3 import S3Store

    store = open_store(root, region="eu-west-1")

    assert isinstance(store, S3Store)
    assert store.uri("c.txt") == "s3://bucket/a/b/c.txt"
    assert open_store("s3://bucket").uri("c.txt") == open_store("s3://bucket/").uri("c.txt") == "s3://bucket/c.txt"


def test_two_stores_of_one_memory_root_share_it() -> None:
    root = f"memory://{uuid4().hex}/"
    store = open_store(root)
    store.upload_bytes("a/b", b"x")

    assert isinstance(store, ObstoreStore)
    assert open_store(root).list_files() == ["a/b"]
    assert store.uri("a/b") == f"{root}a/b"
    assert open_store(f"memory://{uuid4().hex}/").list_files() == []


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("", "VIEWERATLAS_ROOT"),
        ("  ", "VIEWERATLAS_ROOT"),
        ("s3://", "no bucket"),
        ("s3:///prefix", "no bucket"),
        ("s3:/bucket/prefix", "s3://"),
        ("file://data/lake", "file:///"),
        ("simplecache::gs://bucket", "does not start with a scheme"),
        ("nonsense://bucket", "unknown scheme 'nonsense'"),
        ("s3://bucket/a//b", "s3://bucket/a//b has an invalid prefix"),
    ],
)
def test_an_invalid_root_is_reported(root: str, words: str) -> None:
    with pytest.raises(StorageError, match=words):
        open_store(root)


@pytest.mark.parametrize(
    "root", ["s3://id:hunter2@bucket/", "s3://hunter2@bucket", "sftp://me:hunter2@host/lake", "az://box/?sig=hunter2"]
)
def test_credentials_in_a_root_are_refused_and_not_repeated(root: str) -> None:
    with pytest.raises(StorageError, match="environment") as raised:
        open_store(root)
    assert "hunter2" not in str(raised.value)


def test_a_missing_obstore_is_reported_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "vieweratlas_assets.storage.obstore_store")

    with pytest.raises(StorageError, match=r"lake needs obstore, .*: pip install 'vieweratlas\[obstore\]'"):
        open_store("gs://bucket/lake")


def test_a_local_lake_imports_no_other_store(tmp_path: Path) -> None:
    program = (
        "import sys; from vieweratlas_assets.storage.opening import open_store; "
        "open_store(sys.argv[1]).upload_bytes('a', b'x'); "
        "print([name for name in ('boto3', 'botocore', 'obstore', 'dagster') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
