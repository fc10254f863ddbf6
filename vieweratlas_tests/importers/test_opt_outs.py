"""Viewers' names in imports: pseudonyms under a key, and nothing of viewers and channels that opted out."""

import tempfile
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.importers.atlas import read_atlas, tables_of, without_opted_out
from vieweratlas_assets.importers.vod_import import run_import
from vieweratlas_assets.importers.vod_lake import plan_import
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.samples import (
    FIRST_DAY,
    LAST_DAY,
    read_with_pyarrow,
    three_days,
    write_csv,
    write_vod,
)

KEYED = ViewerNames(
    pseudonymous=True,
    key=b"a key of the tests, 32 bytes long",
    opted_out_viewers=["bob"],
    opted_out_channels=["GAMMA"],
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


def import_folder(folder: Path, store: LocalStore, names: ViewerNames) -> dict[str, int]:
    with tempfile.TemporaryFile() as scratch:
        plan = plan_import(folder, scratch, first_day=FIRST_DAY, last_day=LAST_DAY)
        return dict(run_import(plan, store, names=names, on_vod=lambda vod: None, on_day=lambda day: None).counts)


def test_no_plain_name_and_no_opted_out_channel_reaches_the_lake(tmp_path: Path, store: LocalStore) -> None:
    counts = import_folder(three_days(tmp_path / "theirs"), store, KEYED)

    assert counts["VODs accepted"] == 5
    assert counts["VODs of channels that opted out"] == 1
    keys = store.list_files(f"{lake.PRESENCE}/")
    assert len(keys) == 5
    assert not any("gamma" in key for key in keys)
    for key in keys:
        frame = read_with_pyarrow(store, key)
        # ann and bob wrote in the first minute, cid in another.
        assert sorted(frame["viewer_count"]) == [1, 1]
        stored = {name for row in frame["chatters"] for name in row}
        assert stored == set(KEYED.stored(pl.Series(["ann", "cid"])))


def test_a_viewer_has_the_same_pseudonym_in_every_file_and_spelling(tmp_path: Path, store: LocalStore) -> None:
    folder = tmp_path / "theirs"
    write_vod(folder, "alpha", "1", {0: ["Ann", " ann"]})
    write_vod(folder, "beta", "2", {0: ["ANN\t"]})
    write_csv(folder, [("alpha", "1", "2020-03-01T00:00Z"), ("beta", "2", "2020-03-02T00:00Z")])
    import_folder(folder, store, KEYED)
    one, other = (
        read_with_pyarrow(store, lake.vod_presence(*vod))["chatters"].to_list()
        for vod in (("alpha", "1"), ("beta", "2"))
    )
    assert one == other == [["p.be2a0be57a70085effa828f4"]]


def test_an_imported_atlas_has_no_channel_that_opted_out(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("Source,Target,Weight\nalpha,beta,5\nbeta,Gamma,3\nalpha,gamma,2\n")
    (tmp_path / "n.csv").write_text("channel,community,size,x,y\nalpha,1,10,0,0\nbeta,1,9,1,0\ngamma,2,8,0,1\n")
    read = read_atlas(tmp_path / "e.csv", tmp_path / "n.csv")

    remaining = without_opted_out(read, KEYED)

    assert [frame.height for frame in tables_of(read).values()] == [3, 3, 3]
    assert [frame.height for frame in tables_of(remaining).values()] == [2, 1, 2]
    assert "gamma" not in str([frame.to_dicts() for frame in tables_of(remaining).values()])
    assert remaining.report.counts["channels that opted out"] == 1
