"""What Athena is told: the tables of the lake, SQL of its two grammars, and results that Python agrees with."""

import datetime as dt
import json
import math
import runpy
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
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
from vieweratlas_tests.lake_factories import put_live, put_roster, run, settings_for, two_groups

ATHENA = REPOSITORY / "deploy/aws/athena"
QUERIES = {path.stem: path.read_text() for path in sorted((ATHENA / "queries").glob("*.sql"))}
TABLES: dict[str, Any] = json.loads((ATHENA / "tables.json").read_text())
DAYS = [dt.date(2020, 12, 9), dt.date(2020, 12, 10)]
CHANNEL = "a1"
PARAMETERS = {
    "chatter_distribution": [str(DAYS[1])],
    "live_and_vod_overlap": [str(DAYS[1])],
    "top_overlaps_of_a_channel": [CHANNEL, str(DAYS[1]), CHANNEL],
}


def test_the_tables_are_those_of_the_lake() -> None:
    written = runpy.run_path(str(ATHENA / "tables.py"))["files"]()
    there = {name: (ATHENA / name).read_text() for name in written}
    assert there == written, "run PYTHONPATH=. python deploy/aws/athena/tables.py"


@pytest.mark.parametrize("name", QUERIES)
def test_queries_name_only_what_there_is(name: str) -> None:
    schema = {
        table: {column["name"]: column["type"] for column in (*told["columns"], *told["partitions"])}
        for table, told in TABLES.items()
    }
    query = sqlglot.parse_one(QUERIES[name], read="athena")
    qualified = qualify(query, schema=schema, dialect="athena", validate_qualify_columns=True)
    assert len(list(qualified.find_all(exp.Placeholder))) == len(PARAMETERS.get(name, []))


@pytest.mark.slow
@pytest.mark.xdist_group("npm")
def test_the_grammars_of_trino_and_hive_take_them() -> None:
    folder = Path(__file__).parent / "npm"
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=110)
    # A query that is none shows that the grammar would tell.
    statements = {
        "trino": {**QUERIES, "wrong": "SELECT count(*) FROM WHERE day = ?"},
        "hive": {"tables": (ATHENA / "tables.sql").read_text()},
    }
    command = ["npm", "run", "--silent", "check"]
    ran = subprocess.run(
        command, cwd=folder, input=json.dumps(statements), capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout).keys() == {"wrong"}


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VODs of 2019 and 2020 that others collected, with live chat of ours on two of their days, analysed."""
    command = Command(tmp_path_factory.mktemp("athena"))
    command.run("import", "vod-lake", str(shared_data / "vod_lake"))
    store = LocalStore(command.root)
    for day in DAYS:
        put_live(store, day, two_groups())
        put_roster(store, day, {"a1": ("Chess", "en"), "b1": ("Art", "pt")})
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(settings_for(command.root), "daily_atlas", *DAYS, instance=instance).success
    return command.root


@pytest.fixture
def ask(lake: Path) -> Iterator[Any]:
    """Runs a query as DuckDB understands it, over the folders and partitions that Athena is told of."""
    with duckdb.connect() as database:
        for name, told in TABLES.items():
            days = "".join(f"/{part}=*" for part in ("date", "hour")[: len(told["partitions"])])
            files = (
                f"{lake}/{told['folder']}{days.lstrip('/')}/*.parquet"
                if days
                else f"{lake}/{told['folder']}**/*.parquet"
            )
            columns = "*, CAST(date AS VARCHAR) AS day" if days else "*"
            read = f"read_parquet('{files}', hive_partitioning = {bool(days)}, union_by_name = true)"
            database.sql(f"CREATE VIEW {name} AS SELECT {columns} FROM {read}")

        def asked(name: str) -> list[tuple[Any, ...]]:
            query = sqlglot.transpile(QUERIES[name], read="athena", write="duckdb")[0]
            rows: list[tuple[Any, ...]] = database.execute(query, PARAMETERS.get(name, [])).fetchall()
            return rows

        yield asked


def rows_of(lake: Path, folder: str) -> list[dict[str, Any]]:
    """All rows below a folder, by PyArrow alone, with the day of their path where it has one."""
    found = []
    for file in sorted((lake / folder).rglob("*.parquet")):
        day = next((part.removeprefix("date=") for part in file.parts if part.startswith("date=")), None)
        found += [{**row, "day": day} for row in pq.ParquetFile(file).read().to_pylist()]
    return found


@pytest.mark.slow
@pytest.mark.xdist_group("athena")
class TestResults:
    """Each query, beside the same counted in Python."""

    def test_vods_per_channel(self, ask: Any, lake: Path) -> None:
        rows = rows_of(lake, "curated/presence_snapshots/source=vod")
        vods, minutes, viewers = defaultdict(set), Counter[str](), Counter[str]()
        for row in rows:
            vods[row["channel"]].add(row["content_id"])
            minutes[row["channel"]] += 1
            viewers[row["channel"]] += len(row["chatters"])
        expected = [(channel, len(vods[channel]), minutes[channel], viewers[channel]) for channel in vods]
        found = ask("vods_per_channel")
        assert sum(row[1] for row in found) == 823
        assert found == sorted(expected, key=lambda row: (-row[1], row[0]))

    def test_chatter_distribution(self, ask: Any, lake: Path) -> None:
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

    def test_live_and_vod_overlap(self, ask: Any, lake: Path) -> None:
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows_of(lake, f"curated/channel_audience/date={DAYS[1]}"):
            counted[row["channel"]][row["sources"]] += 1
        expected = [
            (channel, sum(by.values()), by["live"], by["vod"], by["live+vod"]) for channel, by in counted.items()
        ]
        found = ask("live_and_vod_overlap")
        assert found == sorted(expected, key=lambda row: (-row[1], row[0]))
        assert sum(row[2] for row in found)
        assert sum(row[3] for row in found)

    def test_processing_per_day(self, ask: Any, lake: Path) -> None:
        live = Counter(row["day"] for row in rows_of(lake, "curated/presence_snapshots/source=live"))
        days = {f"vod:{row['vod_id']}": row["day"] for row in rows_of(lake, "curated/vod_catalog")}
        vods, rows = defaultdict(set), Counter[str]()
        for row in rows_of(lake, "curated/presence_snapshots/source=vod"):
            vods[days[row["content_id"]]].add(row["content_id"])
            rows[days[row["content_id"]]] += 1
        expected = [(day, live[day], len(vods[day]), rows[day]) for day in sorted({*live, *vods})]
        assert sum(row[3] for row in expected) == 188_125
        assert ask("processing_per_day") == expected

    def test_top_overlaps_of_a_channel(self, ask: Any, lake: Path) -> None:
        viewers: dict[str, set[str]] = defaultdict(set)
        for row in rows_of(lake, "curated/channel_audience"):
            viewers[row["channel"]].add(row["viewer"])
        shared = {other: len(names & viewers[CHANNEL]) for other, names in viewers.items() if other != CHANNEL}
        expected = sorted(((-count, other) for other, count in shared.items() if count))
        found = [(-row[1], row[0]) for row in ask("top_overlaps_of_a_channel")]
        assert len(found) >= 3
        assert found == expected[:20]

    def test_community_sizes(self, ask: Any, lake: Path) -> None:
        found = ask("community_sizes")
        members: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row in rows_of(lake, "atlas"):
            # atlas/latest/ shows the newest day once more.
            if row["day"] and set(row) == {"channel", "community", "day"} and row["community"] is not None:
                members[row["day"], row["community"]].append(row["channel"])
        assert sorted((row[0], row[3]) for row in found) == sorted(
            (day, len(all_)) for (day, _), all_ in members.items()
        )
        assert len({(row[0], row[1]) for row in found}) == len(found)
        assert all(row[2] for row in found)
