"""Other readers of a lake on S3: Polars, PyArrow, and DuckDB through PyArrow."""

import datetime as dt

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import fs

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, PRESENCE
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.audience import audience_of_day
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.lake_factories import DAY, live_rows, put_live, two_groups
from vieweratlas_tests.storage.conftest import S3Server

DAYS = [DAY, DAY + dt.timedelta(days=1)]
KEY = ["date", "channel", "viewer"]
VODS = [("a1", "0012345678"), ("a1", "2345678901"), ("007", "31")]
"""Channels and VOD ids that a reader without a schema reads as numbers."""
pytestmark = pytest.mark.slow


@pytest.fixture
def audience(s3_store: ObjectStore) -> pl.DataFrame:
    """The rows of a lake with the audience of two days, read by our own reader, with their date."""
    sealed = SealedPartitions(s3_store)
    for day, chat in zip(DAYS, (two_groups(), {"a1": [["eve", "bob0"]]}), strict=True):
        put_live(s3_store, day, chat)
        result = audience_of_day(sealed, AnalysisSettings(), PLAIN, day)
        files = table_files(day, result.tables)
        sealed.seal("channel_audience", day, files, facts=result.facts, made_from=result.made_from)
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
    """The folder of audiences, which also holds records of partitions."""
    folder = f"{store.root}/{lake.CHANNEL_AUDIENCE}".removeprefix("s3://")
    by_date = ds.partitioning(pa.schema([("date", pa.date32())]), flavor="hive")
    return ds.dataset(folder, filesystem=file_system, format="parquet", partitioning=by_date)


def test_polars_reads_audiences(s3_store: ObjectStore, audience: pl.DataFrame, for_polars: dict[str, str]) -> None:
    files = f"{s3_store.root}/{lake.CHANNEL_AUDIENCE}/date=*/part-0000.parquet"
    rows = pl.scan_parquet(files, hive_partitioning=True, storage_options=for_polars)
    assert rows.select(audience.columns).collect().sort(KEY).equals(audience)
    one_day = rows.filter(pl.col("date") == DAYS[1]).select(audience.columns).collect()
    assert one_day.sort(KEY).equals(audience.filter(pl.col("date") == DAYS[1]))
    assert one_day.height == 2


def test_pyarrow_reads_audiences(s3_store: ObjectStore, audience: pl.DataFrame, file_system: fs.S3FileSystem) -> None:
    read = dataset(s3_store, file_system)
    assert sorted(file.rpartition("/")[2] for file in read.files) == ["part-0000.parquet"] * 2
    rows = pl.DataFrame(pl.from_arrow(read.to_table()))
    assert rows.select(audience.columns).sort(KEY).equals(audience)


def test_duckdb_reads_audiences_through_pyarrow(
    s3_store: ObjectStore, audience: pl.DataFrame, file_system: fs.S3FileSystem
) -> None:
    read = dataset(s3_store, file_system)
    with duckdb.connect() as connection:
        connection.register("audience", read)
        rows = connection.sql("SELECT date, channel, count(*) FROM audience GROUP BY ALL ORDER BY ALL").fetchall()
    assert rows == audience.group_by("date", "channel").len().sort("date", "channel").rows()


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
    rows = pl.scan_parquet(files, hive_partitioning=True, hive_schema=schema, storage_options=for_polars).collect()
    order = ["channel", "vod", "bucket_start"]
    assert rows.schema["vod"] == pl.String
    assert rows.select(own.columns).sort(order).equals(own.sort(order))
