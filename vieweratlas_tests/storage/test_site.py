"""The site follows the sealed days: recomputed, damaged, and sealed by several runs at once."""

import datetime as dt
import json
import logging
from pathlib import Path

import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.domain.atlas.day_data import day_data, read_day
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_assets.storage.site import publish
from vieweratlas_tests.domain.atlas.samples import DAY, bare_atlas, small_atlas

DAYS = [DAY - dt.timedelta(days=1), DAY]


@pytest.fixture
def sealed(tmp_path: Path) -> SealedPartitions:
    return SealedPartitions(LocalStore(str(tmp_path / "lake")))


def seal(sealed: SealedPartitions, day: dt.date, atlas: Atlas) -> None:
    packed = day_data(atlas)
    block = read_day(packed)
    files = site.day_files(day, packed, block)
    keys = {lake.site_file(name): data for name, data in files.items()}
    sealed.seal("atlas_site", day, keys, facts={"entry": site.day_entry(day, files, block)})
    sealed.store.upload_bytes(lake.atlas_file(day, "of_the_day"), b"")


def days_in_manifest(sealed: SealedPartitions) -> list[str]:
    manifest = json.loads(sealed.store.download_bytes("site/manifest.json"))
    return [day["date"] for day in manifest["days"]]


def files_in_manifest(sealed: SealedPartitions) -> set[str]:
    manifest = json.loads(sealed.store.download_bytes("site/manifest.json"))
    return {f"site/{day[kind]}" for day in manifest["days"] for kind in ("bin", "json")}


def test_the_files_of_a_recomputed_day_exist_all_the_time(sealed: SealedPartitions) -> None:
    for day in DAYS:
        seal(sealed, day, small_atlas())
    publish(sealed)
    before = files_in_manifest(sealed)
    seal(sealed, DAY, bare_atlas(["a", "b", "c"], shared_viewers=[1, 2, 3]))
    assert before <= set(sealed.store.list_files("site/days/"))
    publish(sealed)
    assert files_in_manifest(sealed) == set(sealed.store.list_files("site/days/")) != before
    assert sealed.store.list_files("site/channels/") == [f"site/channels/{name}.json" for name in "abc"]


def test_a_damaged_day_is_missing_from_the_trends_only(
    sealed: SealedPartitions, caplog: pytest.LogCaptureFixture
) -> None:
    for day in DAYS:
        seal(sealed, day, small_atlas())
    (packed,) = sealed.store.list_files(f"site/days/{DAYS[0]}", ".bin")
    sealed.store.upload_bytes(packed, b"torn")
    with caplog.at_level(logging.WARNING):
        publish(sealed)
    assert days_in_manifest(sealed) == [str(day) for day in DAYS]
    assert f"trends on the site omit {DAYS[0]}" in caplog.text
    trend = json.loads(sealed.store.download_bytes("site/channels/channel_03.json"))["trend"]
    assert len(trend["days"]) == 1


def test_a_day_that_another_run_seals_meanwhile_is_published_too(sealed: SealedPartitions) -> None:
    seal(sealed, DAYS[0], small_atlas())

    class Interrupted(LocalStore):
        def upload_bytes(self, key: str, data: bytes) -> str:
            if key == "site/index.html" and len(interrupted.records("atlas_site")) == 1:
                seal(sealed, DAY, small_atlas())
            return super().upload_bytes(key, data)

    interrupted = SealedPartitions(Interrupted(sealed.store.root))
    publish(interrupted)
    assert days_in_manifest(sealed) == [str(day) for day in DAYS]


def test_names_that_are_too_long_for_a_file_are_left_out(sealed: SealedPartitions) -> None:
    seal(sealed, DAY, bare_atlas(["ann", "bob", "한" * 40], shared_viewers=[1, 2, 3]))
    publish(sealed)
    assert sealed.store.list_files("site/channels/") == ["site/channels/ann.json", "site/channels/bob.json"]


def test_nothing_is_written_without_a_day(sealed: SealedPartitions) -> None:
    publish(sealed)
    assert sealed.store.list_files() == []
