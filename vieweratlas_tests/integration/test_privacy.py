"""Privacy from collecting to the atlas: pseudonyms change no count, opt-outs hold, erased viewers stay erased."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import (
    CHANNEL_ACTIVITY,
    CHANNEL_AUDIENCE,
    COMMUNITIES,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
    PRESENCE,
)
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.runs.plan import outdated_days, plan_analysis
from vieweratlas_assets.settings import PrivacySettings, Settings
from vieweratlas_assets.storage.audiences import mark_pruned
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_assets.wiring.lake import open_lake
from vieweratlas_assets.wiring.viewer_names import viewer_names
from vieweratlas_tests.lake_factories import (
    DAY,
    TABLES,
    live_rows,
    put_live,
    run,
    settings_for,
    two_groups_with_bots,
)
from vieweratlas_tests.sealed_records import sealed_table

SECRET = "7d" * 32
KEYED = {"viewer_names": "pseudonymous", "pseudonym_key": SECRET}
BELOW_AUDIENCE = {
    "overlap_graph": (GRAPH_NODES, GRAPH_EDGES),
    "communities": (COMMUNITIES,),
    "atlas_layout": (LAYOUT,),
}


def settings(root: Path, **privacy: Any) -> Settings:
    return settings_for(root).model_copy(update={"privacy": PrivacySettings.model_validate(privacy)})


def tables(root: Path, day: dt.date = DAY) -> dict[str, pl.DataFrame]:
    """The tables of a day that are built from its audience, by name."""
    sealed = SealedPartitions(LocalStore(root))
    return {
        table.name: sealed_table(sealed, asset, day, table)
        for asset, listed in BELOW_AUDIENCE.items()
        for table in listed
    }


def audience(root: Path, table: Table = CHANNEL_AUDIENCE, day: dt.date = DAY) -> pl.DataFrame:
    return sealed_table(SealedPartitions(LocalStore(root)), "channel_audience", day, table)


def test_the_atlas_of_pseudonyms_equals_the_atlas_of_plain_names(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    plain, on_collecting, on_rebuild = (tmp_path / name for name in ("plain", "collecting", "rebuild"))
    names = viewer_names(settings(on_collecting, **KEYED))
    for root in (plain, on_rebuild):
        put_live(LocalStore(root), DAY, two_groups_with_bots())
    stored = names.apply(live_rows(DAY, two_groups_with_bots()))
    LocalStore(on_collecting).upload_parquet(lake.live_presence(DAY), stored, PRESENCE)

    for root, privacy in ((plain, {}), (on_collecting, KEYED), (on_rebuild, KEYED)):
        assert run(settings(root, **privacy), "daily_atlas", DAY, instance=instance, assets=TABLES).success

    expected = tables(plain)
    assert expected["graph_edges"].height > 5
    for root in (on_collecting, on_rebuild):
        built = tables(root)
        assert all(built[name].equals(frame) for name, frame in expected.items())
        assert audience(root, CHANNEL_ACTIVITY).equals(audience(plain, CHANNEL_ACTIVITY))
    assert audience(on_collecting).equals(audience(on_rebuild))
    viewers = set(audience(plain)["viewer"])
    assert set(audience(on_collecting)["viewer"]) == set(names.stored(pl.Series(sorted(viewers))))
    assert "nightbot" not in viewers
    assert len(viewers) == 17


def test_a_minute_counts_once_when_one_collector_stored_plain_names(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    store = LocalStore(tmp_path)
    names = viewer_names(settings(tmp_path, **KEYED))
    live = live_rows(DAY, {"a": [["ann"]], "b": [["ann"]]})
    again = names.apply(live).filter(channel="a").with_columns(timestamp=pl.lit("another collector's"))
    store.upload_parquet(lake.live_presence(DAY), pl.concat([live, again]), PRESENCE)
    assert run(settings(tmp_path, **KEYED), "audience", DAY, instance=instance).success
    assert audience(tmp_path).select("channel", "buckets").rows() == [("a", 1), ("b", 1)]


def test_a_viewer_who_opts_out_is_gone_after_the_next_rebuild(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root, opted_out = tmp_path / "lake", tmp_path / "opt-out.txt"
    put_live(LocalStore(root), DAY, two_groups_with_bots())
    run(settings(root), "daily_atlas", DAY, instance=instance, assets=TABLES)
    assert outdated_days(settings(root), open_lake(settings(root))) == []
    opted_out.write_text("viewer ann3\nchannel b2\n")
    now = settings(root, opt_out_file=opted_out)

    assert outdated_days(now, open_lake(now)) == [DAY]
    assert run(now, "daily_atlas", DAY, instance=instance, assets=TABLES).success

    assert outdated_days(now, open_lake(now)) == []
    left = {
        c: [[name for name in row if name != "ann3"] for row in rows]
        for c, rows in two_groups_with_bots().items()
        if c != "b2"
    }
    put_live(LocalStore(tmp_path / "never"), DAY, left)
    run(settings(tmp_path / "never"), "daily_atlas", DAY, instance=instance, assets=TABLES)
    assert all(frame.equals(tables(root)[name]) for name, frame in tables(tmp_path / "never").items())
    assert audience(root).equals(audience(tmp_path / "never"))


def test_an_audience_whose_presence_was_pruned_stays(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    store = LocalStore(tmp_path)
    put_live(store, DAY, two_groups_with_bots())
    run(settings(tmp_path), "daily_atlas", DAY, instance=instance, assets=TABLES)
    before, graph = audience(tmp_path), tables(tmp_path)
    mark_pruned(SealedPartitions(store), DAY)
    store.delete(lake.live_presence(DAY))

    assert outdated_days(settings(tmp_path), open_lake(settings(tmp_path))) == []
    result = run(settings(tmp_path), "daily_atlas", DAY, instance=instance, assets=TABLES)

    assert result.success
    assert audience(tmp_path).equals(before)
    assert all(frame.equals(graph[name]) for name, frame in tables(tmp_path).items())
    [check] = [c for c in result.get_asset_check_evaluations() if c.check_name == "has_presence"]
    assert check.passed


def test_a_change_of_presence_outdates_every_day_whose_window_has_it_until_they_are_rebuilt(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    current = settings(tmp_path)
    store = LocalStore(tmp_path)
    days = [DAY + dt.timedelta(days=n) for n in range(5)]
    for day in days:
        put_live(store, day, two_groups_with_bots())
    run(current, "daily_atlas", days[0], days[-1], instance=instance, assets=TABLES)
    assert outdated_days(current, open_lake(current)) == []

    put_live(store, days[1], {**two_groups_with_bots(), "c1": [["ann1"]]})
    assert outdated_days(current, open_lake(current)) == days[1:4]
    # To rebuild the audience alone is not enough, nor is one of the graphs.
    run(current, "audience", days[1], instance=instance)
    assert outdated_days(current, open_lake(current)) == days[1:4]
    run(current, "overlap_and_atlas", days[2], instance=instance, assets=TABLES[1:])
    assert outdated_days(current, open_lake(current)) == [days[1], days[3]]
    assert plan_analysis(current, open_lake(current), days[1], days[1]).audience == (days[1],)
