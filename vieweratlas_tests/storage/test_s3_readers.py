"""The lake on S3 through other readers than ours: Polars, PyArrow, and DuckDB on top of it."""

import datetime as dt

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import fs

from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, PRESENCE
from vieweratlas_assets.steps.audience import audience_of_day
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import table_files
from vieweratlas_tests.lake_factories import DAY, live_rows, put_live, two_groups
from vieweratlas_tests.storage.conftest import S3Server

DAYS = [DAY, DAY + dt.timedelta(days=1)]
KEY = ["date", "channel", "viewer"]
VODS = [("a1", "0012345678"), ("a1", "2345678901"), ("007", "31")]
"""Channels and VOD ids that a reader who guesses takes for numbers."""
pytestmark = pytest.mark.slow


@pytest.fixture
def audience(s3_store: ObjectStore) -> pl.DataFrame:
    """A lake with the audience of two days; its rows as our own reader gives them, with their date."""
    manager = LakeIOManager(root=s3_store.root)
    for day, chat in zip(DAYS, (two_groups(), {"a1": [["eve", "bob0"]]}), strict=True):
        put_live(s3_store, day, chat)
        made = audience_of_day(manager, Analysis(), PLAIN, day)
        files = table_files(day, made.tables)
        manager.sealed.seal("channel_audience", day, files, facts=made.facts, made_from=made.made_from)
    days = [
        s3_store.download_parquet(lake.channel_audience(day), CHANNEL_AUDIENCE).with_columns(date=pl.lit(day))
        for day in DAYS
    ]
    return pl.concat(days).sort(KEY)


@pytest.fixture
def for_polars(s3_server: S3Server) -> dict[str, str]:
    return {
        "aws_endpoint_url": s3_server.url,
        "aws_allow_http": "true",
        "aws_region": "us-east-1",
        "aws_access_key_id": s3_server.admin[0],
        "aws_secret_access_key": s3_server.admin[1],
        "connect_timeout": "10s",
        "timeout": "30s",
    }


@pytest.fixture
def file_system(s3_server: S3Server) -> fs.S3FileSystem:
    return fs.S3FileSystem(
        access_key=s3_server.admin[0],
        secret_key=s3_server.admin[1],
        endpoint_override=s3_server.url,
        region="us-east-1",
        connect_timeout=10,
        request_timeout=30,
    )


def dataset(store: ObjectStore, file_system: fs.S3FileSystem) -> ds.Dataset:
    """The folder of audiences, in which records of partitions lie too."""
    folder = f"{store.root}/{lake.CHANNEL_AUDIENCE}".removeprefix("s3://")
    by_date = ds.partitioning(pa.schema([("date", pa.date32())]), flavor="hive")
    return ds.dataset(folder, filesystem=file_system, format="parquet", partitioning=by_date)


def test_polars_reads_audiences(s3_store: ObjectStore, audience: pl.DataFrame, for_polars: dict[str, str]) -> None:
    files = f"{s3_store.root}/{lake.CHANNEL_AUDIENCE}/date=*/part-0000.parquet"
    found = pl.scan_parquet(files, hive_partitioning=True, storage_options=for_polars)
    assert found.select(audience.columns).collect().sort(KEY).equals(audience)
    one_day = found.filter(pl.col("date") == DAYS[1]).select(audience.columns).collect()
    assert one_day.sort(KEY).equals(audience.filter(pl.col("date") == DAYS[1]))
    assert one_day.height == 2


def test_pyarrow_reads_audiences(s3_store: ObjectStore, audience: pl.DataFrame, file_system: fs.S3FileSystem) -> None:
    read = dataset(s3_store, file_system)
    assert sorted(file.rpartition("/")[2] for file in read.files) == ["part-0000.parquet"] * 2
    found = pl.DataFrame(pl.from_arrow(read.to_table()))
    assert found.select(audience.columns).sort(KEY).equals(audience)


def test_duckdb_reads_audiences_through_pyarrow(
    s3_store: ObjectStore, audience: pl.DataFrame, file_system: fs.S3FileSystem
) -> None:
    read = dataset(s3_store, file_system)
    with duckdb.connect() as connection:
        connection.register("audience", read)
        found = connection.sql("SELECT date, channel, count(*) FROM audience GROUP BY ALL ORDER BY ALL").fetchall()
    assert found == audience.group_by("date", "channel").len().sort("date", "channel").rows()


def vod_rows(channel: str, vod: str) -> pl.DataFrame:
    minutes = live_rows(DAY, {channel: [["ann", "bob"], ["eve"]]})
    return PRESENCE.conform(minutes.with_columns(source=pl.lit("vod"), content_id=pl.lit(f"vod:{vod}")))


def test_polars_keeps_ids_of_vods_as_text(s3_store: ObjectStore, for_polars: dict[str, str]) -> None:
    for channel, vod in VODS:
        s3_store.upload_parquet(lake.vod_presence(channel, vod), vod_rows(channel, vod), PRESENCE)
    own = pl.concat(
        s3_store.download_parquet(lake.vod_presence(channel, vod), PRESENCE).with_columns(vod=pl.lit(vod))
        for channel, vod in VODS
    )
    files = f"{s3_store.root}/{lake.VOD_PRESENCE}/channel=*/vod=*/part-0000.parquet"
    schema = {"source": pl.String, "channel": pl.String, "vod": pl.String}
    found = pl.scan_parquet(files, hive_partitioning=True, hive_schema=schema, storage_options=for_polars).collect()
    order = ["channel", "vod", "bucket_start"]
    assert found.schema["vod"] == pl.String
    assert found.select(own.columns).sort(order).equals(own.sort(order))
