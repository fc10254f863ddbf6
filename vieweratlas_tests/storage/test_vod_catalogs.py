"""The catalog of a day's VODs: a day without one has no VODs, and a damaged one is an error."""

import datetime as dt

import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog
from vieweratlas_tests.storage.filled_days import DAY, put_catalog


def test_a_catalog_has_the_vods_of_its_day_only(store: LocalStore) -> None:
    put_catalog(store, DAY, ("ann", "1"), ("bob", "2"))
    put_catalog(store, DAY + dt.timedelta(days=1), ("cid", "3"))
    assert read_vod_catalog(store, DAY).select("channel", "vod_id").rows() == [("ann", "1"), ("bob", "2")]


def test_a_day_without_a_catalog_has_an_empty_one(store: LocalStore) -> None:
    store.upload_bytes(f"{lake.vod_catalog(DAY)}.bak", b"a copy")
    assert read_vod_catalog(store, DAY).equals(VOD_CATALOG.empty())


@pytest.mark.parametrize("data", [b"", b"PAR1 and no more", b"not Parquet"])
def test_a_damaged_catalog_is_an_error_that_names_it(store: LocalStore, data: bytes) -> None:
    store.upload_bytes(lake.vod_catalog(DAY), data)
    with pytest.raises(CorruptObjectError) as raised:
        read_vod_catalog(store, DAY)
    assert store.uri(lake.vod_catalog(DAY)) in str(raised.value)
