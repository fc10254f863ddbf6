"""The whole chain on real data: 823 VODs, and a published atlas."""

import csv
import datetime as dt
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from vieweratlas_assets.domain.communities.agreement import agreement
from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.schemas import COMMUNITIES, GRAPH_EDGES, GRAPH_NODES, REFERENCE_COMMUNITIES
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.sealed_records import sealed_record, sealed_table

# The tests share one import.
pytestmark = [
    pytest.mark.xdist_group("real_data"),
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(900),
]
LAST = dt.date(2020, 4, 30)
FIRST = dt.date(2020, 3, 1)
DAYS = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
ASSETS = (
    "channel_audience",
    "overlap_graph",
    "communities",
    "community_tags",
    "atlas_layout",
    "community_history",
    "atlas_png",
    "atlas_html",
    "explorer_data",
    "atlas_explorer",
    "atlas_site",
    "gephi_export",
    "analysis_results",
    "query_tables",
)


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(tmp_path_factory.mktemp("real"))
    printed = command.run("import", "vod-lake", str(shared_data / "vod_lake"))
    assert "823" in printed
    assert "188,125" in printed
    return command


def audiences_of_window(folder: Path, last: dt.date, days: int) -> dict[str, set[str]]:
    """Distinct viewers per channel of the VODs created in a window, counted with Python sets and PyArrow."""
    first = last - dt.timedelta(days=days - 1)
    viewers: dict[str, set[str]] = defaultdict(set)
    bots = known_bots()
    with (folder / "vods.csv").open(newline="") as handle:
        for vod in csv.DictReader(handle):
            if first <= dt.date.fromisoformat(vod["created_at"][:10]) <= last:
                place = f"channel={vod['channel']}/vod={vod['vod_id']}/part-0000.parquet"
                file = folder / "curated/presence_snapshots/source=vod" / place
                for chatters in pq.ParquetFile(file).read(columns=["chatters"])["chatters"].to_pylist():
                    names = {name.strip().lower() for name in chatters}
                    viewers[vod["channel"].lower()] |= names - bots - {vod["channel"].lower()}
    return viewers


def test_two_months_are_61_partitions_and_their_graph_equals_a_brute_force_count(
    imported: Command, shared_data: Path
) -> None:
    all_channels = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "0"}
    printed = imported.run("analyze", "--from", str(FIRST), "--to", str(LAST), **all_channels)
    assert "13 day(s) have no presence of their own" in printed
    sealed = SealedPartitions(LocalStore(imported.root))
    assert [(asset, day) for asset in ASSETS for day in DAYS if sealed.record(asset, day) is None] == []
    record = sealed_record(sealed, "overlap_graph", LAST)
    viewers = audiences_of_window(shared_data / "vod_lake", LAST, 30)
    nodes = sealed.table(record, GRAPH_NODES)
    assert dict(nodes.select("channel", "viewers").iter_rows()) == {
        name: len(names) for name, names in viewers.items()
    }
    expected = {
        (a, b): len(viewers[a] & viewers[b]) for a, b in combinations(sorted(viewers), 2) if viewers[a] & viewers[b]
    }
    edges = sealed.table(record, GRAPH_EDGES)
    assert {(a, b): n for a, b, n in edges.select(*edges.columns[:3]).iter_rows()} == expected
    assert len(expected) >= 10
    assert max(expected.values()) > 100


def test_the_published_atlas_is_analyzed_below_its_imported_graph(shared_data: Path, tmp_path: Path) -> None:
    command = Command(tmp_path)
    atlas = shared_data / "atlas"
    printed = command.run(
        "import",
        "atlas",
        "--edges",
        str(atlas / "twitchatlas_2021-02_edges.csv"),
        "--nodes",
        str(atlas / "twitchatlas_2021-02_nodes.csv"),
        "--date",
        "2021-02-27",
    )
    for figure in ("67,939", "1,814", "1,809", "67,747", "330"):
        assert figure in printed
    day = dt.date(2021, 2, 27)
    store = LocalStore(command.root)
    graph = store.download_bytes(f"atlas/date={day}/graph_edges.parquet")
    assert "imported" in command.run("analyze", "--date", str(day))
    assert store.download_bytes(f"atlas/date={day}/graph_edges.parquet") == graph
    sealed = SealedPartitions(store)
    assert sealed.record("channel_audience", day) is None
    for asset in ASSETS[1:]:
        assert sealed.record(asset, day) is not None, asset
    assert sealed_table(sealed, "communities", day, COMMUNITIES)["community"].n_unique() > 10
    assert "no presence" in command.fail("analyze", "--date", str(day), "--force")


def test_the_default_settings_detect_the_published_communities(shared_data: Path, tmp_path: Path) -> None:
    command = Command(tmp_path)
    atlas = shared_data / "atlas"
    day = dt.date(2021, 2, 27)
    files = [f"--{kind}={atlas / f'twitchatlas_2021-02_{kind}.csv'}" for kind in ("edges", "nodes")]
    command.run("import", "atlas", *files, "--date", str(day))
    command.run("analyze", "--date", str(day))
    sealed = SealedPartitions(LocalStore(command.root))
    record = sealed_record(sealed, "communities", day)
    published = sealed_table(sealed, "overlap_graph", day, REFERENCE_COMMUNITIES).drop_nulls("community")
    same = agreement(sealed.table(record, COMMUNITIES), published)
    assert same.adjusted_rand_index >= 0.83, record.facts
    assert same.channels == 1479
    assert record.facts["weight_used"] == "shared_viewers"
    assert record.facts["natural_resolution"] > 1.5

    printed = command.run("compare", "--date", str(day), "--resolution", "1.0", "--resolution", "2.0")
    assert "32 published communities" in printed
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]
    natural = {row[0]: float(row[5]) for row in rows if row[1].startswith("natural")}
    plain = {row[0]: float(row[5]) for row in rows if row[1] == "1.0000"}
    assert natural["louvain_fast"] == pytest.approx(same.adjusted_rand_index, abs=1e-4)
    assert min(natural.values()) >= 0.8, natural
    assert max(plain.values()) < 0.75, plain
    assert {row[1] for row in rows if row[0] == "louvain"} >= {"1.0000", "2.0000"}
