"""Copies of products: every sealed file, and no other."""

import datetime as dt
from pathlib import Path

import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.products import copy_products
from vieweratlas_assets.storage.sealed import SealedPartitions

DAY = dt.date(2026, 3, 10)


@pytest.fixture
def sealed(tmp_path: Path) -> SealedPartitions:
    partitions = SealedPartitions(LocalStore(tmp_path / "lake"))
    audience = {lake.channel_audience(DAY): b"pairs", lake.atlas_file(DAY, "quality_report.json"): b"{}"}
    partitions.seal("channel_audience", DAY, audience, facts={})
    partitions.seal("atlas_png", DAY, {lake.atlas_file(DAY, "community_graph.png"): b"png"}, facts={})
    return partitions


def copied(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_products_of_a_day_are_copied_by_day(sealed: SealedPartitions, tmp_path: Path) -> None:
    assert copy_products(sealed, DAY, tmp_path / "out") == 2
    expected = {"2026-03-10/quality_report.json": b"{}", "2026-03-10/community_graph.png": b"png"}
    assert copied(tmp_path / "out") == expected


def test_a_copy_replaces_an_older_one_and_leaves_other_files(sealed: SealedPartitions, tmp_path: Path) -> None:
    (tmp_path / "out/2026-03-10").mkdir(parents=True)
    for name in ("community_graph.png", "notes.txt"):
        (tmp_path / "out/2026-03-10" / name).write_bytes(b"old")
    copy_products(sealed, DAY, tmp_path / "out")
    files = copied(tmp_path / "out/2026-03-10")
    assert (files["community_graph.png"], files["notes.txt"]) == (b"png", b"old")


def test_a_file_of_no_sealed_partition_is_left_out(sealed: SealedPartitions, tmp_path: Path) -> None:
    sealed.store.upload_bytes(lake.atlas_file(DAY, "graph.gexf"), b"half")
    assert copy_products(sealed, DAY, tmp_path / "out") == 2
    assert copy_products(sealed, DAY + dt.timedelta(days=1), tmp_path / "out") == 0


def test_a_day_with_only_an_audience_has_no_copies(tmp_path: Path) -> None:
    sealed = SealedPartitions(LocalStore(tmp_path / "lake"))
    audience = {lake.channel_audience(DAY): b"pairs", lake.atlas_file(DAY, "quality_report.json"): b"{}"}
    sealed.seal("channel_audience", DAY, audience, facts={})
    assert copy_products(sealed, DAY, tmp_path / "out") == 0
    assert not (tmp_path / "out").exists()


def test_a_changed_file_is_not_copied(sealed: SealedPartitions, tmp_path: Path) -> None:
    sealed.store.upload_bytes(lake.atlas_file(DAY, "community_graph.png"), b"other")
    with pytest.raises(CorruptObjectError, match="not the file that was sealed"):
        copy_products(sealed, DAY, tmp_path / "out")
