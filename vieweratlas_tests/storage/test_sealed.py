"""Sealed partitions: a reader finds a whole day or none, wherever a writer was stopped."""

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import COMMUNITIES, LAYOUT
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import CorruptObjectError, MissingPartitionError, ObjectNotFoundError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import COMPUTED, AssetDays, SealedPartitions, folder_dates, table_files

DAY = dt.date(2020, 3, 10)
NEXT = DAY + dt.timedelta(days=1)
RECORD = lake.partition_record("atlas_layout", DAY)


def _places(*channels: str) -> pl.DataFrame:
    return pl.DataFrame({"channel": channels, "x": [0.25] * len(channels), "y": [0.5] * len(channels)})


def _files(text: str, *names: str, day: dt.date = DAY) -> dict[str, bytes]:
    return {lake.atlas_file(day, name): f"{text} {name}".encode() for name in names}


class Failing(LocalStore):
    """A disk that accepts `allowed` changes and refuses all later ones."""

    def __init__(self, root: Path, allowed: int) -> None:
        super().__init__(root)
        self.allowed = allowed
        self.changes: list[str] = []

    def _change(self, what: str) -> None:
        if len(self.changes) == self.allowed:
            raise StorageError("the disk is full")
        self.changes.append(what)

    def upload_bytes(self, key: str, data: bytes) -> str:
        self._change(f"write {key}")
        return super().upload_bytes(key, data)

    def delete(self, key: str) -> None:
        self._change(f"delete {key}")
        super().delete(key)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def sealed(root: Path) -> SealedPartitions:
    return SealedPartitions(LocalStore(root))


def _read(sealed: SealedPartitions, day: dt.date = DAY) -> dict[str, bytes] | None:
    """The files of a partition by its record, or None if it is absent."""
    record = sealed.record("atlas_layout", day)
    return None if record is None else {key: sealed.file(record, key) for key in record.files}


def test_a_sealed_table_comes_back_with_its_record(sealed: SealedPartitions) -> None:
    facts = {"rows": 2, "share": 0.5, "advice": None, "days": ["2020-03-10"], "nested": {"a": "日本"}}
    written = sealed.seal("atlas_layout", DAY, table_files(DAY, {LAYOUT: _places("b", "a")}), facts=facts)

    record = sealed.record("atlas_layout", DAY)

    assert record == written
    assert record is not None
    assert (record.asset, record.day, record.origin, record.imported) == ("atlas_layout", DAY, COMPUTED, False)
    assert record.facts == facts
    assert list(record.files) == [lake.atlas_file(DAY, "layout.parquet")]
    assert sealed.table(record, LAYOUT).equals(_places("a", "b"))


def test_a_missing_partition_is_none_and_a_missing_table_is_named(sealed: SealedPartitions) -> None:
    assert sealed.record("atlas_layout", DAY) is None
    record = sealed.seal("atlas_layout", DAY, table_files(DAY, {LAYOUT: _places("a")}), facts={})

    assert sealed.record("atlas_layout", NEXT) is None
    assert sealed.record("communities", DAY) is None
    with pytest.raises(ObjectNotFoundError, match=r"atlas_layout of 2020-03-10 has no file .*communities\.parquet"):
        sealed.table(record, COMMUNITIES)


def test_a_frame_that_breaks_its_contract_is_not_encoded() -> None:
    with pytest.raises(SchemaError, match="table layout: missing column"):
        table_files(DAY, {LAYOUT: _places("a").drop("x")})


def test_the_same_partition_twice_gives_the_same_bytes(sealed: SealedPartitions) -> None:
    files = table_files(DAY, {LAYOUT: _places("a", "b")}) | _files("v1", "page.html")
    sealed.seal("atlas_layout", DAY, files, facts={"b": 1, "a": 2})
    before = {key: sealed.store.download_bytes(key) for key in sealed.store.list_files()}

    sealed.seal("atlas_layout", DAY, dict(reversed(files.items())), facts={"a": 2, "b": 1})

    assert {key: sealed.store.download_bytes(key) for key in sealed.store.list_files()} == before


def test_the_record_is_deleted_first_and_written_last(root: Path) -> None:
    SealedPartitions(LocalStore(root)).seal("atlas_layout", DAY, _files("old", "a", "gone"), facts={})
    store = Failing(root, allowed=99)

    SealedPartitions(store).seal("atlas_layout", DAY, _files("new", "a", "b"), facts={})

    names = {f"atlas/date={DAY}/{name}" for name in ("a", "b")}
    own = store.changes[1:-2]
    assert own[0] == f"delete {RECORD}"
    assert own[-1] == f"write {RECORD}"
    assert set(own[1:-1]) == {f"write {name}" for name in names} | {f"delete atlas/date={DAY}/gone"}
    assert [change for change in store.changes if change not in own] == [
        f"delete {lake.latest_file('gone')}",
        *(f"write {lake.latest_file(name)}" for name in ("a", "b")),
    ]


@pytest.mark.parametrize("first", [True, False], ids=["first", "replacing"])
@pytest.mark.parametrize("allowed", range(11))
def test_stopped_at_any_write_a_partition_is_absent_or_whole_and_can_be_sealed_again(
    root: Path, first: bool, allowed: int
) -> None:
    old, new = _files("old", "a", "b", "gone"), _files("new", "a", "b", "c")
    lasting = SealedPartitions(LocalStore(root))
    if not first:
        lasting.seal("atlas_layout", DAY, old, facts={"version": "old"})
    store = Failing(root, allowed)

    stopped = False
    try:
        SealedPartitions(store).seal("atlas_layout", DAY, new, facts={"version": "new"})
    except StorageError:
        stopped = True

    assert stopped == (allowed < (8 if first else 10))
    # The change that removes the record, and the one that writes it; a replacement first deletes from latest/.
    removed, written = (1, 5) if first else (2, 7)
    before = None if first else old
    assert _read(lasting) == (before if allowed < removed else new if allowed >= written else None)

    lasting.seal("atlas_layout", DAY, new, facts={"version": "new"})
    assert _read(lasting) == new
    assert lasting.store.list_files("atlas/latest/") == [lake.latest_file(name) for name in ("a", "b", "c")]


def test_a_replaced_partition_keeps_no_file_of_the_old_one(sealed: SealedPartitions) -> None:
    sealed.seal("atlas_layout", DAY, _files("old", "a", "gone"), facts={})
    sealed.seal("communities", DAY, _files("other", "kept"), facts={})

    sealed.seal("atlas_layout", DAY, _files("new", "a"), facts={})

    assert [key for key in sealed.store.list_files(f"atlas/date={DAY}/") if "/_" not in key] == [
        lake.atlas_file(DAY, "a"),
        lake.atlas_file(DAY, "kept"),
    ]


@pytest.mark.parametrize("change", [b"", b"old a and more", b"OLD a"])
def test_the_error_for_a_changed_file_names_the_remedy(sealed: SealedPartitions, change: bytes) -> None:
    record = sealed.seal("atlas_layout", DAY, _files("old", "a", "b"), facts={})
    key = lake.atlas_file(DAY, "a")
    sealed.store.upload_bytes(key, change)

    with pytest.raises(CorruptObjectError) as raised:
        sealed.file(record, key)

    assert str(raised.value) == (
        f"{sealed.store.uri(key)} is not the file that was sealed: materialize atlas_layout of {DAY} again"
    )
    assert sealed.file(record, lake.atlas_file(DAY, "b")) == b"old b"
    sealed.seal("atlas_layout", DAY, _files("old", "a", "b"), facts={})
    assert sealed.file(record, key) == b"old a"


def test_a_removed_file_is_named(sealed: SealedPartitions) -> None:
    record = sealed.seal("atlas_layout", DAY, _files("old", "a"), facts={})
    sealed.store.delete(lake.atlas_file(DAY, "a"))

    with pytest.raises(ObjectNotFoundError, match=f"date={DAY}/a"):
        sealed.file(record, lake.atlas_file(DAY, "a"))


def test_a_sealed_file_with_other_columns_is_refused(sealed: SealedPartitions) -> None:
    (communities,) = table_files(DAY, {COMMUNITIES: COMMUNITIES.empty()}).values()
    record = sealed.seal("atlas_layout", DAY, {lake.table_file("layout", DAY): communities}, facts={})

    with pytest.raises(CorruptObjectError, match=r"layout\.parquet is not a layout table: missing column x"):
        sealed.table(record, LAYOUT)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"origin": "computed", "facts": {}}',
        b'{"origin": "computed", "files": {}}',
        b'{"facts": {}, "files": {}}',
        b'{"origin": "computed", "facts": [], "files": {}, "made_from": ""}',
        b'{"origin": "computed", "facts": {}, "files": ["a"], "made_from": ""}',
    ],
)
def test_the_error_for_a_damaged_record_names_the_remedy_and_sealing_repairs_it(
    sealed: SealedPartitions, damaged: bytes
) -> None:
    sealed.seal("atlas_layout", DAY, _files("old", "a"), facts={})
    sealed.store.upload_bytes(RECORD, damaged)

    with pytest.raises(CorruptObjectError) as raised:
        sealed.record("atlas_layout", DAY)
    assert sealed.store.uri(RECORD) in str(raised.value)
    assert f"materialize atlas_layout of {DAY} again" in str(raised.value)

    sealed.seal("atlas_layout", DAY, _files("new", "a"), facts={})
    assert _read(sealed) == _files("new", "a")


def test_latest_holds_the_newest_day_although_an_older_one_is_sealed_later(sealed: SealedPartitions) -> None:
    latest = lake.latest_file("a")
    for day, text in ((DAY, "first"), (NEXT, "newest"), (DAY, "again")):
        sealed.seal("atlas_layout", day, _files(text, "a", day=day), facts={})
    assert sealed.store.download_bytes(latest) == b"newest a"

    sealed.seal("atlas_layout", NEXT, _files("mended", "a", day=NEXT), facts={})
    assert sealed.store.download_bytes(latest) == b"mended a"
    assert _read(sealed) == _files("again", "a")
    assert sealed.store.list_files("atlas/latest/") == [latest]


def test_latest_has_only_products_of_the_newest_day(sealed: SealedPartitions) -> None:
    sealed.seal("communities", DAY, _files("other", "c"), facts={})
    sealed.seal("atlas_layout", DAY, _files("imported", "a", "reference"), facts={}, origin="elsewhere")
    shown = [lake.latest_file(name) for name in ("a", "c")]

    sealed.seal("atlas_layout", NEXT, _files("computed", "a", day=NEXT), facts={})
    assert sealed.store.list_files("atlas/latest/") == shown
    assert sealed.store.exists(lake.atlas_file(DAY, "reference"))

    sealed.seal("atlas_layout", NEXT, _files("again", "a", "b", day=NEXT), facts={})
    sealed.seal("atlas_layout", NEXT, _files("again", "a", day=NEXT), facts={})
    assert sealed.store.list_files("atlas/latest/") == shown


def test_each_asset_has_its_own_newest_day(sealed: SealedPartitions) -> None:
    sealed.seal("communities", NEXT, _files("newer", "c", day=NEXT), facts={})

    sealed.seal("atlas_layout", DAY, _files("only", "a"), facts={})

    assert sealed.store.download_bytes(lake.latest_file("a")) == b"only a"
    assert sealed.store.download_bytes(lake.latest_file("c")) == b"newer c"


def test_an_unfinished_newer_day_does_not_count_for_latest(root: Path, sealed: SealedPartitions) -> None:
    with pytest.raises(StorageError):
        SealedPartitions(Failing(root, allowed=2)).seal(
            "atlas_layout", NEXT, _files("killed", "a", day=NEXT), facts={}
        )
    assert sealed.store.exists(lake.atlas_file(NEXT, "a"))

    sealed.seal("atlas_layout", DAY, _files("whole", "a"), facts={})

    assert sealed.store.download_bytes(lake.latest_file("a")) == b"whole a"


def test_an_audience_is_not_a_product_of_the_atlas(sealed: SealedPartitions) -> None:
    sealed.seal("channel_audience", DAY, {lake.channel_audience(DAY): b"x"}, facts={})

    assert sealed.store.list_files() == [
        f"curated/channel_audience/date={DAY}/_channel_audience.json",
        lake.channel_audience(DAY),
    ]


def test_imported_days_are_those_that_were_not_computed(sealed: SealedPartitions) -> None:
    origins = {DAY: "import atlas e.csv", NEXT: COMPUTED, dt.date(2019, 1, 1): "a log"}
    for day, origin in origins.items():
        sealed.seal("overlap_graph", day, _files("x", "graph", day=day), facts={}, origin=origin)
    sealed.seal("communities", NEXT, _files("x", "c", day=NEXT), facts={}, origin="elsewhere")
    sealed.store.upload_bytes("atlas/date=2020-02-30/x", b"no such day")

    assert sealed.imported_days("overlap_graph") == [dt.date(2019, 1, 1), DAY]
    record = sealed.record("overlap_graph", DAY)
    assert record is not None
    assert record.imported

    sealed.seal("overlap_graph", DAY, _files("y", "graph"), facts={})
    assert sealed.imported_days("overlap_graph") == [dt.date(2019, 1, 1)]


def test_dates_are_sorted_and_other_folders_are_skipped() -> None:
    folders = ["latest", "date=2020-03-11", "date=2019-12-31", "date=2020-02-30", "date=x", "hour=00"]

    assert folder_dates(folders) == [dt.date(2019, 12, 31), NEXT]


@pytest.fixture
def some_days(sealed: SealedPartitions) -> AssetDays:
    """The 8th, the 10th and the 11th exist, the 9th does not; the inputs of the step are the 8th to the 11th."""
    for day in (7, 8, 10, 11):
        date = dt.date(2020, 3, day)
        sealed.seal("atlas_layout", date, table_files(date, {LAYOUT: _places(f"c{day}")}), facts={"day": day})
    return AssetDays(sealed, "atlas_layout", [dt.date(2020, 3, day) for day in (8, 9, 10, 11)])


@pytest.mark.parametrize(
    ("day", "window_days", "expected"),
    [(11, 4, [8, 10, 11]), (11, 3, [10, 11]), (9, 1, []), (9, 2, [8]), (10, 30, [8, 10]), (8, 1, [8])],
)
def test_a_window_takes_the_days_that_exist_oldest_first(
    some_days: AssetDays, day: int, window_days: int, expected: list[int]
) -> None:
    records = some_days.window(dt.date(2020, 3, day), window_days)

    assert [record.facts["day"] for record in records] == expected


def test_a_day_is_read_or_missing_or_refused(some_days: AssetDays) -> None:
    assert some_days.table(DAY, LAYOUT)["channel"].to_list() == ["c10"]
    assert some_days.record(dt.date(2020, 3, 9)) is None
    with pytest.raises(
        MissingPartitionError, match="atlas_layout of 2020-03-09 does not exist: materialize it first"
    ):
        some_days.table(dt.date(2020, 3, 9), LAYOUT)
    with pytest.raises(LookupError, match="atlas_layout of 2020-03-07 is not an input of this step"):
        some_days.record(dt.date(2020, 3, 7))


def test_a_record_is_plain_json_with_a_digest_for_every_file(sealed: SealedPartitions) -> None:
    sealed.seal(
        "atlas_layout", DAY, {lake.atlas_file(DAY, "a"): b"abc"}, facts={"n": 1}, origin="a log", made_from="x"
    )

    document = json.loads(sealed.store.download_bytes(RECORD))

    assert document == {
        "asset": "atlas_layout",
        "partition": "2020-03-10",
        "origin": "a log",
        "facts": {"n": 1},
        "made_from": "x",
        "files": {lake.atlas_file(DAY, "a"): "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    }
