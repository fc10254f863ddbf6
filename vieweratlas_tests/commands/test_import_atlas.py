"""Graphs of others at the command line."""

import pytest

from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.lake_factories import DAY, put_live, two_groups

SMALL = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}


def test_an_imported_atlas_is_reported_to_dagster(command: Command) -> None:
    edges = command.folder / "edges.csv"
    edges.write_text("Source,Target,Weight\nA,b,5\nb,a,7\nb,b,9\nc,d,many\n")
    printed = command.run("import", "atlas", "--edges", str(edges), "--date", "2021-02-27")
    assert "edges.csv, row 5: weight is 'many'" in printed
    assert command.materialized("overlap_graph") == {"2021-02-27"}


@pytest.mark.slow
@pytest.mark.long
def test_an_atlas_imported_over_an_analyzed_day_rebuilds_its_products(command: Command) -> None:
    put_live(LocalStore(command.root), DAY, two_groups())
    command.run("analyze", **SMALL)
    edges = command.folder / "edges.csv"
    edges.write_text("source,target,weight\nx,y,5\ny,z,7\n")
    printed = command.run("import", "atlas", "--edges", str(edges), "--date", str(DAY), **SMALL)
    assert "everything that follows from it is rebuilt" in printed
    store = LocalStore(command.root)
    for place in (f"date={DAY}", "latest"):
        results = store.download_json(f"atlas/{place}/analysis_results.json")
        assert sorted(results["partition"]) == ["x", "y", "z"]
    assert results["settings"]["graph"] is None
    assert results["settings"]["detection"]["algorithm"] == "louvain_fast"
