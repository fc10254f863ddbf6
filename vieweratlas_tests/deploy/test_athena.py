"""Athena's tables and queries: generated from the lake's schemas, valid SQL, and the same results as Python."""

import datetime as dt
import json
import math
import runpy
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.conftest import REPOSITORY
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.lake_factories import TABLES as TABLES_OF_A_DAY
from vieweratlas_tests.lake_factories import put_live, put_roster, run, settings_for, two_groups

ATHENA = REPOSITORY / "deploy/aws/athena"
QUERIES = {path.stem: path.read_text() for path in sorted((ATHENA / "queries").glob("*.sql"))}
FILES: dict[str, str] = runpy.run_path(str(ATHENA / "tables.py"))["files"]()
TABLES: dict[str, Any] = json.loads(FILES["tables.json"])
Row = dict[str, Any]
Ask = Callable[[str], list[tuple[Any, ...]]]
DAYS = [dt.date(2020, 12, 9), dt.date(2020, 12, 10)]
CHANNEL = "a1"
PARAMETERS = {
    "chatter_distribution": [str(DAYS[1])],
    "live_and_vod_overlap": [str(DAYS[1])],
    "top_overlaps_of_a_channel": [CHANNEL, str(DAYS[1]), CHANNEL],
}


def test_the_command_writes_both_files_next_to_itself(tmp_path: Path) -> None:
    program = shutil.copy(ATHENA / "tables.py", tmp_path)
    runpy.run_path(str(program), run_name="__main__")
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.suffix != ".py"} == FILES


@pytest.mark.parametrize("name", QUERIES)
def test_queries_use_only_columns_that_exist(name: str) -> None:
    schema: dict[str, object] = {
        name: {column["name"]: column["type"] for column in (*table["columns"], *table["partitions"])}
        for name, table in TABLES.items()
    }
    query = sqlglot.parse_one(QUERIES[name], read="athena")
    qualified = qualify(query, schema=schema, dialect="athena", validate_qualify_columns=True)
    assert len(list(qualified.find_all(exp.Placeholder))) == len(PARAMETERS.get(name, []))


@pytest.mark.slow
@pytest.mark.xdist_group("npm")
def test_queries_are_valid_trino_and_tables_valid_hive() -> None:
    folder = Path(__file__).parent / "npm"
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=110)
    # An invalid query shows that the parser reports errors.
    statements = {
        "trino": {**QUERIES, "invalid": "SELECT count(*) FROM WHERE day = ?"},
        "hive": {"tables": FILES["tables.sql"]},
    }
    command = ["npm", "run", "--silent", "check"]
    checked = subprocess.run(
        command, cwd=folder, input=json.dumps(statements), capture_output=True, text=True, check=True
    )
    assert json.loads(checked.stdout).keys() == {"invalid"}


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an atlas from real VODs of 2019 and 2020, and made-up live chat on two of their days."""
    command = Command(tmp_path_factory.mktemp("athena"))
    command.run("import", "vod-lake", str(shared_data / "vod_lake"))
    store = LocalStore(command.root)
    for day in DAYS:
        put_live(store, day, two_groups())
        put_roster(store, day, {"a1": ("Chess", "en"), "b1": ("Art", "pt")})
    with dg.DagsterInstance.ephemeral() as instance:
        assets = (*TABLES_OF_A_DAY, "query_tables")
        assert run(settings_for(command.root), "daily_atlas", *DAYS, instance=instance, assets=assets).success
    return command.root


@pytest.fixture
def ask(lake: Path) -> Iterator[Ask]:
    """Run queries in DuckDB, over the folders and partitions that Athena's tables have."""
    with duckdb.connect() as database:
        for name, table in TABLES.items():
            days = "".join(f"/{part}=*" for part in ("date", "hour")[: len(table["partitions"])])
            files = (
                f"{lake}/{table['folder']}{days.lstrip('/')}/*.parquet"
                if days
                else f"{lake}/{table['folder']}**/*.parquet"
            )
            columns = "*, CAST(date AS VARCHAR) AS day" if days else "*"
            read = f"read_parquet('{files}', hive_partitioning = {bool(days)}, union_by_name = true)"
            database.sql(f"CREATE VIEW {name} AS SELECT {columns} FROM {read}")

        def run_query(name: str) -> list[tuple[Any, ...]]:
            query = sqlglot.transpile(QUERIES[name], read="athena", write="duckdb")[0]
            rows: list[tuple[Any, ...]] = database.execute(query, PARAMETERS.get(name, [])).fetchall()
            return rows

        yield run_query


def rows_of(lake: Path, folder: str) -> list[Row]:
    """Read all rows below a folder with PyArrow. If the path has a day, each row gets it as `day`."""
    rows: list[Row] = []
    for file in sorted((lake / folder).rglob("*.parquet")):
        day = next((part.removeprefix("date=") for part in file.parts if part.startswith("date=")), None)
        rows += [{**row, "day": day} for row in pq.ParquetFile(file).read().to_pylist()]
    return rows


@pytest.mark.slow
@pytest.mark.xdist_group("athena")
class TestResults:
    """Each query returns what Python counts."""

    def test_vods_per_channel(self, ask: Ask, lake: Path) -> None:
        rows = rows_of(lake, "curated/presence_snapshots/source=vod")
        vods, minutes, viewers = defaultdict(set), Counter[str](), Counter[str]()
        for row in rows:
            vods[row["channel"]].add(row["content_id"])
            minutes[row["channel"]] += 1
            viewers[row["channel"]] += len(row["chatters"])
        expected = [(channel, len(vods[channel]), minutes[channel], viewers[channel]) for channel in vods]
        result = ask("vods_per_channel")
        assert sum(row[1] for row in result) == 823
        assert result == sorted(expected, key=lambda row: (-row[1], row[0]))

    def test_chatter_distribution(self, ask: Ask, lake: Path) -> None:
        viewers: dict[str, set[str]] = defaultdict(set)
        for row in rows_of(lake, f"curated/channel_audience/date={DAYS[1]}"):
            viewers[row["channel"]].add(row["viewer"])
        powers: dict[int, list[int]] = defaultdict(list)
        for names in viewers.values():
            powers[int(math.log10(len(names)))].append(len(names))
        expected = [
            (power, len(sizes), min(sizes), max(sizes), sum(sizes)) for power, sizes in sorted(powers.items())
        ]
        assert len(expected) > 1
        assert ask("chatter_distribution") == expected

    def test_live_and_vod_overlap(self, ask: Ask, lake: Path) -> None:
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows_of(lake, f"curated/channel_audience/date={DAYS[1]}"):
            counted[row["channel"]][row["sources"]] += 1
        expected = [
            (channel, sum(by.values()), by["live"], by["vod"], by["live+vod"]) for channel, by in counted.items()
        ]
        result = ask("live_and_vod_overlap")
        assert result == sorted(expected, key=lambda row: (-row[1], row[0]))
        assert all(sum(row[column] for row in result) for column in (2, 3))

    def test_processing_per_day(self, ask: Ask, lake: Path) -> None:
        live = Counter(row["day"] for row in rows_of(lake, "curated/presence_snapshots/source=live"))
        days = {f"vod:{row['vod_id']}": row["day"] for row in rows_of(lake, "curated/vod_catalog")}
        vods, rows = defaultdict(set), Counter[str]()
        for row in rows_of(lake, "curated/presence_snapshots/source=vod"):
            vods[days[row["content_id"]]].add(row["content_id"])
            rows[days[row["content_id"]]] += 1
        expected = [(day, live[day], len(vods[day]), rows[day]) for day in sorted({*live, *vods})]
        assert sum(row[3] for row in expected) == 188_125
        assert ask("processing_per_day") == expected

    def test_top_overlaps_of_a_channel(self, ask: Ask, lake: Path) -> None:
        viewers: dict[str, set[str]] = defaultdict(set)
        for row in rows_of(lake, "curated/channel_audience"):
            viewers[row["channel"]].add(row["viewer"])
        shared = {other: len(names & viewers[CHANNEL]) for other, names in viewers.items() if other != CHANNEL}
        expected = sorted(((-count, other) for other, count in shared.items() if count))
        result = [(-row[1], row[0]) for row in ask("top_overlaps_of_a_channel")]
        assert len(result) >= 3
        assert result == expected[:20]

    def test_community_sizes(self, ask: Ask, lake: Path) -> None:
        result = ask("community_sizes")
        members: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row in rows_of(lake, "atlas"):
            # atlas/latest/ has the newest day again, without a day in its path.
            if row["day"] and set(row) == {"channel", "community", "day"} and row["community"] is not None:
                members[row["day"], row["community"]].append(row["channel"])
        assert sorted((row[0], row[3]) for row in result) == sorted(
            (day, len(channels)) for (day, _), channels in members.items()
        )
        assert len({(row[0], row[1]) for row in result}) == len(result)
        assert all(row[2] for row in result)
