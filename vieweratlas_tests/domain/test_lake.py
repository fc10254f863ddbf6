import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import TABLES
from vieweratlas_tests.domain.atlas.samples import HOSTILE

DAY = dt.date(2020, 4, 3)

ODD = (*HOSTILE, "..", ".", "a/b", "a\\b", "100%", "%2F", "a=b/vod=7", "date=2020-01-01")
names = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (lake.channel_roster(DAY, 7), "curated/channel_roster/date=2020-04-03/hour=07/part-0000.parquet"),
        (lake.live_presence(DAY), "curated/presence_snapshots/source=live/date=2020-04-03/part-0000.parquet"),
        (
            lake.vod_presence("alpha", "123"),
            "curated/presence_snapshots/source=vod/channel=alpha/vod=123/part-0000.parquet",
        ),
        (lake.vod_catalog(DAY), "curated/vod_catalog/date=2020-04-03/part-0000.parquet"),
        (lake.channel_audience(DAY), "curated/channel_audience/date=2020-04-03/part-0000.parquet"),
        (lake.channel_activity(DAY), "curated/channel_activity/date=2020-04-03/part-0000.parquet"),
        (lake.atlas_file(DAY, "graph.gexf"), "atlas/date=2020-04-03/graph.gexf"),
        (lake.latest_file("graph.gexf"), "atlas/latest/graph.gexf"),
        *(
            (lake.table_file(table, DAY), f"atlas/date=2020-04-03/{table}.parquet")
            for table in ("graph_nodes", "graph_edges", "communities", "community_tags", "layout")
        ),
        (lake.table_file("channel_audience", DAY), "curated/channel_audience/date=2020-04-03/part-0000.parquet"),
        (lake.table_file("channel_activity", DAY), "curated/channel_activity/date=2020-04-03/part-0000.parquet"),
    ],
)
def test_paths_are_those_of_the_design(key: str, path: str) -> None:
    assert key == path


def test_each_table_of_the_daily_assets_has_its_own_file() -> None:
    keys = [lake.table_file(table.name, DAY) for table in TABLES]
    assert len(set(keys)) == len(keys)
    assert all(lake.day_of(key) == DAY for key in keys)


@given(names, names)
def test_any_name_is_encoded_into_one_folder_and_read_back(channel: str, vod: str) -> None:
    key = lake.vod_presence(channel, vod)
    assert lake.vod_of(key) == (channel, vod)
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert key.count("/") == 5
    assert not set(key) & set('\\"<>:|?*&')
    assert lake.day_of(key) is None


def test_a_plain_name_is_not_encoded() -> None:
    assert lake.vod_presence("the_best_4ever", "v-1.2~").endswith(
        "/channel=the_best_4ever/vod=v-1.2~/part-0000.parquet"
    )


def test_other_roots_and_file_names_are_parsed_too() -> None:
    assert lake.vod_of("s3://bucket/pre/source=vod/channel=a%20b/vod=9/other.parquet") == ("a b", "9")


@pytest.mark.parametrize(
    "key",
    ["", "channel=a/vod=1", "channel=a/vod=1/x.csv", "channel=/vod=1/x.parquet", "vod=1/channel=a/x.parquet",
     "channel=a/vod=1/deeper/x.parquet"],
)  # fmt: skip
def test_a_key_without_a_vod_gives_none(key: str) -> None:
    assert lake.vod_of(key) is None


@given(st.dates())
def test_the_day_of_every_dated_path_is_read_back(day: dt.date) -> None:
    keys = [
        lake.live_presence(day),
        lake.channel_roster(day, 23),
        lake.vod_catalog(day),
        lake.channel_audience(day),
        lake.channel_activity(day),
        lake.atlas_file(day, "layout.parquet"),
        lake.partition_record("overlap_graph", day),
    ]
    assert [lake.day_of(key) for key in keys] == [day] * 7


@pytest.mark.parametrize(
    "key",
    [
        "",
        "atlas/latest/x",
        "atlas/date=2020-4-3/x",
        "atlas/date=2020-13-01/x",
        "atlas/date=2020-02-30/x",
        "date=2020-04-03",
    ],
)
def test_a_key_without_a_day_gives_none(key: str) -> None:
    assert lake.day_of(key) is None


def test_a_partition_record_lies_hidden_next_to_its_files() -> None:
    assert (
        lake.partition_record("channel_audience", DAY)
        == "curated/channel_audience/date=2020-04-03/_channel_audience.json"
    )
    assert lake.partition_record("overlap_graph", DAY) == "atlas/date=2020-04-03/_overlap_graph.json"
    assert (
        lake.partition_record("live_presence", DAY)
        == "curated/presence_snapshots/source=live/date=2020-04-03/_live_presence.json"
    )


def test_the_presence_table_is_the_days_live_presence() -> None:
    assert lake.table_file("presence_snapshots", DAY) == lake.live_presence(DAY)
    assert lake.table_file("layout", DAY) == "atlas/date=2020-04-03/layout.parquet"


@given(st.datetimes(dt.datetime(1000, 1, 1), timezones=st.just(dt.UTC)))  # noqa: DTZ001 (hypothesis takes naive bounds)
def test_the_hour_of_a_raw_snapshot_is_read_back(moment: dt.datetime) -> None:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    key = f"{lake.raw_hour(moment)}collector-1.parquet"
    assert key.startswith(lake.raw_day(moment.date()))
    assert lake.raw_hour_of(key) == lake.raw_hour_of(f"s3://bucket/pre/{key}") == hour


@pytest.mark.parametrize(
    "key",
    [
        "raw/snapshots/2020/04/03/24/x.parquet",
        "raw/snapshots/2020/02/30/01/x.parquet",
        "raw/snapshots/2020/04/03/x.parquet",
        "raw/snapshots/2020/04/03/01/deeper/x.parquet",
        "raw/snapshots/_imported/import-live/000001.parquet",
        "draw/snapshots/2020/04/03/01/x.parquet",
    ],
)
def test_a_key_without_a_raw_hour_gives_none(key: str) -> None:
    assert lake.raw_hour_of(key) is None


def test_records_of_importers_lie_hidden_next_to_the_raw_hours() -> None:
    assert lake.imported_files("import-live") == "raw/snapshots/_imported/import-live/"


def test_the_roster_of_a_day_is_the_prefix_of_its_hours() -> None:
    hours = [lake.channel_roster(DAY, hour) for hour in range(24)]
    assert len(set(hours)) == 24
    assert sorted(hours) == hours
    assert all(key.startswith(lake.channel_roster_day(DAY)) for key in hours)
    assert not hours[0].startswith(lake.channel_roster_day(DAY + dt.timedelta(days=1)))


def test_planted_communities_lie_outside_the_tables() -> None:
    assert lake.planted_communities() == "sandbox/planted_communities.json"
