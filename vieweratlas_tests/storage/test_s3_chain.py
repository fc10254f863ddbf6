"""The whole chain on a real S3 server: only the lake's root differs from a run in a folder."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_tests.lake_factories import DAY, put_live, run, settings_for, two_groups

NEXT = DAY + dt.timedelta(days=1)


def analyzed(store: ObjectStore, root: str) -> dict[str, bytes]:
    """The atlas of two days on a lake, by key."""
    for day in (DAY, NEXT):
        put_live(store, day, two_groups())
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(settings_for(root), "daily_atlas", DAY, NEXT, instance=instance).success
    return {key: store.download_bytes(key) for key in store.list_files("atlas/")}


@pytest.mark.slow
def test_an_atlas_on_s3_is_the_atlas_in_a_folder(s3_store: ObjectStore, tmp_path: Path) -> None:
    on_s3 = analyzed(s3_store, s3_store.root)
    in_folder = analyzed(LocalStore(tmp_path), str(tmp_path))
    assert s3_store.root.startswith("s3://")
    assert on_s3.keys() == in_folder.keys()
    assert {key for key in on_s3 if on_s3[key] != in_folder[key]} == set()
    assert len(on_s3) > 30
