"""Imports of VODs at the command line: what they print, refuse, resume and report to Dagster."""

import json

import dagster as dg
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, VOD_CATALOG
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.chats import chat, comment, record, write_json
from vieweratlas_tests.importers.samples import three_days, vod_path
from vieweratlas_tests.integration.command import Command


@pytest.mark.slow
def test_an_import_of_twitchdownloader_chat_skips_broken_files_and_imports_each_vod_once(command: Command) -> None:
    folder = command.folder / "chat"
    write_json(folder / "a.json", chat([comment(1, "ann"), comment(70, None)]))
    write_json(folder / "b.json", chat([comment(1, "bob")], video__id="78", video__created_at=None))

    printed = command.run("import", "twitchdownloader", str(folder))

    assert "VODs accepted" in printed
    assert "comments whose writer is not known, left out" in printed
    assert "b.json: video.created_at is missing" in printed
    assert "--created-at" in printed
    assert command.materialized("vod_presence") == command.materialized("vod_catalog") == {"2026-07-08"}
    command.run("import", "twitchdownloader", str(folder / "b.json"), "--created-at", "2026-07-01T10:00:00Z")
    assert command.materialized("vod_catalog") == {"2026-07-08", "2026-07-01"}
    assert "VODs already there     │ 1" in command.run("import", "twitchdownloader", str(folder / "a.json"))


def test_a_corrected_day_is_reported_to_dagster(command: Command) -> None:
    path = write_json(command.folder / "77.json", chat([comment(1, "ann")]))
    command.run("import", "twitchdownloader", str(path))

    printed = command.run("import", "twitchdownloader", str(path), "--created-at", "2026-07-01 10:00")

    assert "VODs moved from another day │ 1" in printed
    assert LocalStore(command.root).list_files(lake.VOD_CATALOG) == [
        "curated/vod_catalog/date=2026-07-01/part-0000.parquet"
    ]
    with dg.DagsterInstance.from_config(str(command.folder / "home")) as instance:
        key = dg.AssetKey("vod_catalog")
        events = instance.fetch_materializations(
            dg.AssetRecordsFilter(key, asset_partitions=["2026-07-08"]), limit=1
        ).records
        assert events[0].asset_materialization is not None
        assert events[0].asset_materialization.metadata["dagster/row_count"].value == 0


@pytest.mark.slow
def test_presence_as_json_is_imported_and_analyzed(command: Command) -> None:
    path = command.folder / "presence.jsonl"
    rows = [
        record(offset, names, channel=channel, content_id=f"vod:{number}")
        for number, (channel, names) in enumerate([("alpha", ["ann", "bob"]), ("beta", ["ann", "cid"])])
        for offset in (0, 60)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n")

    printed = command.run("import", "vod-json", str(path))

    assert "presence.jsonl, row 5: the line is not JSON" in printed
    catalog = LocalStore(command.root).list_files(lake.VOD_CATALOG)
    assert LocalStore(command.root).download_parquet(catalog[0], VOD_CATALOG)["channel"].to_list() == [
        "alpha",
        "beta",
    ]
    small = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}
    assert "2026-07-08" in command.run("analyze", **small)
    edges = LocalStore(command.root).download_parquet("atlas/date=2026-07-08/graph_edges.parquet", GRAPH_EDGES)
    assert edges.select("channel_a", "channel_b", "shared_viewers").rows() == [("alpha", "beta", 1)]


def test_a_graph_as_gexf_and_as_percentages_is_the_graph_of_a_day(command: Command) -> None:
    nodes = '<node id="a" label="a"/><node id="b" label="b"/>'
    path = command.folder / "g.gexf"
    path.write_text(
        f'<gexf><graph><nodes>{nodes}</nodes><edges><edge source="a" target="b" weight="3"/></edges></graph></gexf>'
    )
    folder = command.folder / "it"
    folder.mkdir()
    (folder / "Streamer_dataset.csv").write_text("idStreamer,streamer,spectTot\n0,a,100\n1,b,50\n")
    (folder / "Streamer-Streamer_dataset.csv").write_text(
        "ID_streamer_i,ID_streamer_j,overlap_percentage\n0,1,20.0\n"
    )

    command.run("import", "atlas", "--gexf", str(path), "--date", "2022-05-01")
    command.run("import", "atlas", "--percentages", str(folder), "--language", "it", "--date", "2022-05-02")

    assert command.materialized("overlap_graph") == {"2022-05-01", "2022-05-02"}
    store = LocalStore(command.root)
    shared = [
        store.download_parquet(f"atlas/date=2022-05-0{day}/graph_edges.parquet", GRAPH_EDGES)["shared_viewers"][0]
        for day in (1, 2)
    ]
    assert shared == [3, 10]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["atlas", "--date", "2022-05-01"], "give one of --edges, --gexf and --percentages"),
        (["atlas", "--date", "2022-05-01", "--edges", "x.csv", "--gexf", "x.csv"], "give one of --edges"),
        (["atlas", "--date", "2022-05-01", "--gexf", "x.csv", "--language", "it"], "--language with --percentages"),
        (["atlas", "--date", "2022-05-01", "--gexf", "x.csv"], "x.csv: is not valid XML at line 1, column 1"),
        (["twitchdownloader", "x.csv", "--created-at", "soon"], "'soon' is not an ISO 8601 time"),
        (["twitchdownloader", "x.csv"], "x.csv: is not JSON near byte"),
        (["twitchdownloader", "empty"], "empty holds no VOD"),
        (["vod-json", "x.csv"], "nothing of x.csv was imported"),
        (["vod-lake", "empty"], "empty holds no VOD"),
        (["vod-json", "missing"], "does not exist"),
    ],
)
def test_an_impossible_import_is_one_clear_line(command: Command, arguments: list[str], message: str) -> None:
    (command.folder / "x.csv").write_text("source,target,weight\n")
    (command.folder / "empty").mkdir()

    printed = command.fail("import", *arguments)

    assert message in " ".join(printed.split())


def test_an_import_skips_broken_files_and_is_reported_to_dagster(command: Command) -> None:
    folder = three_days(command.folder / "vods")
    broken = vod_path(folder, "gamma", "502")
    broken.write_bytes(broken.read_bytes()[:100])
    printed = command.run("import", "vod-lake", str(folder))
    assert "channel=gamma/vod=502/part-0000.parquet" in printed
    assert "cut off after 100 bytes" in printed
    days = {"2020-03-01", "2020-03-02", "2020-03-03"}
    assert command.materialized("vod_presence") == command.materialized("vod_catalog") == days
    assert "VODs already there     │ 5" in command.run("import", "vod-lake", str(folder))
