"""The plan of an analysis: which audiences and graphs are built, and which stay unchanged."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.days import ranges
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.presence.records import complete_vod_presence
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, PRESENCE
from vieweratlas_assets.runs.plan import NothingToAnalyzeError, Plan, newest_day, plan_analysis
from vieweratlas_assets.settings import AnalysisSettings, PartitionSettings, PrivacySettings, Settings
from vieweratlas_assets.steps.freshness import audience_fingerprint
from vieweratlas_assets.storage.audiences import mark_pruned
from vieweratlas_assets.storage.day_files import find_day
from vieweratlas_assets.storage.lake import Lake
from vieweratlas_assets.storage.sealed import table_files
from vieweratlas_assets.wiring.lake import open_lake
from vieweratlas_assets.wiring.viewer_names import viewer_names

WINDOW = 3


def _day(number: int) -> dt.date:
    """Day 1 is 2020-03-01; 0 and below lie in February."""
    return dt.date(2020, 3, 1) + dt.timedelta(days=number - 1)


def _days(*numbers: int) -> tuple[dt.date, ...]:
    return tuple(_day(number) for number in numbers)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_construct(
        root=str(tmp_path / "lake"),
        analysis=AnalysisSettings(),
        partitions=PartitionSettings(window_days=WINDOW, daily_start=dt.date(2020, 1, 1)),
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


def _put_presence(lake: Lake, *numbers: int, viewers: Iterable[str] = ("ann",)) -> None:
    for number in numbers:
        rows = pl.DataFrame(
            {"channel": ["c"], "content_id": ["live:1"], "offset_s": [0], "chatters": [list(viewers)]}
        )
        start = dt.datetime.combine(_day(number), dt.time(), dt.UTC)
        lake.store.upload_parquet(
            paths.live_presence(_day(number)), complete_vod_presence(rows, created_at=start, names=PLAIN), PRESENCE
        )


def _seal_audience(lake: Lake, settings: Settings, *numbers: int, names: ViewerNames = PLAIN) -> None:
    """Seal audiences as the asset does, with the fingerprint of the current files."""
    for number in numbers:
        day = _day(number)
        inputs = audience_fingerprint(find_day(lake.store, day), settings.analysis, names)
        files = table_files(day, {CHANNEL_AUDIENCE: CHANNEL_AUDIENCE.empty()})
        lake.sealed.seal("channel_audience", day, files, facts={}, made_from=inputs)


def _import_graph(lake: Lake, *numbers: int, origin: str = "import atlas e.csv") -> None:
    for number in numbers:
        files = {paths.atlas_file(_day(number), "graph_nodes.parquet"): b"nodes"}
        lake.sealed.seal("overlap_graph", _day(number), files, facts={}, origin=origin)


def _with(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def test_audiences_are_built_from_the_start_of_the_first_window(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, *range(1, 11))

    assert plan_analysis(settings, open_lake(settings), _day(6), _day(7)) == Plan(
        _days(4, 5, 6, 7), _days(6, 7), (), ()
    )
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)) == Plan(_days(4, 5, 6), _days(6), (), ())
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).analyzed == [_day(6)]


def test_no_audience_is_built_before_the_first_presence(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, 5, 6)

    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(5, 6)


def test_no_audience_is_built_before_the_first_partition(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, *range(1, 7))
    starting = _with(settings, partitions=PartitionSettings(window_days=WINDOW, daily_start=_day(5)))

    assert plan_analysis(starting, open_lake(starting), _day(6), _day(6)).audience == _days(5, 6)


def test_days_without_presence_get_an_empty_audience_and_a_graph_of_their_window(
    settings: Settings, lake: Lake
) -> None:
    _put_presence(lake, 1, 4)

    plan = plan_analysis(settings, open_lake(settings), _day(3), _day(5))

    assert plan == Plan(_days(1, 2, 3, 4, 5), _days(3, 4, 5), (), ())


def test_days_with_an_empty_window_are_skipped(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, 3, 10)

    plan = plan_analysis(settings, open_lake(settings), _day(1), _day(14))

    assert plan.graph == _days(3, 4, 5, 10, 11, 12)
    assert plan.empty == _days(1, 2, 6, 7, 8, 9, 13, 14)
    assert set(plan.graph) <= set(plan.audience)
    assert min(plan.audience) == _day(3)
    assert plan.analyzed == list(plan.graph)


@pytest.mark.parametrize(
    ("window_days", "graph"),
    [(1, _days(3)), (2, _days(3, 4)), (30, _days(3, 4, 5, 6))],
)
def test_the_length_of_the_window_decides_which_graphs_are_built(
    settings: Settings, lake: Lake, window_days: int, graph: tuple[dt.date, ...]
) -> None:
    _put_presence(lake, 3)
    changed = _with(settings, partitions=settings.partitions.model_copy(update={"window_days": window_days}))

    assert plan_analysis(changed, open_lake(changed), _day(1), _day(6)).graph == graph


def test_the_message_for_a_range_without_presence_names_the_days_with_presence(
    settings: Settings, lake: Lake
) -> None:
    with pytest.raises(NothingToAnalyzeError) as raised:
        plan_analysis(settings, open_lake(settings), _day(1), _day(2))
    assert str(raised.value).endswith("from 2020-02-28 to 2020-03-02: it has no presence")
    assert lake.store.root in str(raised.value)

    _put_presence(lake, 5, 9)
    for first, last in ((1, 4), (12, 20)):
        with pytest.raises(NothingToAnalyzeError, match="its presence reaches from 2020-03-05 to 2020-03-09"):
            plan_analysis(settings, open_lake(settings), _day(first), _day(last))


def test_an_imported_day_is_analyzed_below_its_graph(settings: Settings, lake: Lake) -> None:
    _import_graph(lake, 5)

    plan = plan_analysis(settings, open_lake(settings), _day(5), _day(5))

    assert plan == Plan((), (), _days(5), ())
    assert plan.analyzed == [_day(5)]


def test_imported_days_among_others_keep_their_graph(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, 4, 5, 6)
    _import_graph(lake, 5, 20)

    plan = plan_analysis(settings, open_lake(settings), _day(4), _day(6))

    assert (plan.graph, plan.imported, plan.empty) == (_days(4, 6), _days(5), ())
    # The presence of the imported day is still part of the later window.
    assert plan.audience == _days(4, 5, 6)
    assert plan.analyzed == list(_days(4, 5, 6))


def test_force_computes_imported_days_again(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, 5)
    _import_graph(lake, 5)

    assert plan_analysis(settings, open_lake(settings), _day(5), _day(5), force=True) == Plan(
        _days(5), _days(5), (), ()
    )


def test_force_keeps_an_imported_day_without_presence(settings: Settings, lake: Lake) -> None:
    _import_graph(lake, 5)

    with pytest.raises(NothingToAnalyzeError):
        plan_analysis(settings, open_lake(settings), _day(5), _day(5), force=True)


def test_a_computed_graph_is_computed_again(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, 5)
    _import_graph(lake, 5, origin="computed")

    assert plan_analysis(settings, open_lake(settings), _day(5), _day(5)).graph == _days(5)


@pytest.fixture
def sealed(settings: Settings, lake: Lake) -> Lake:
    """Days 1 to 6 with presence, and with audiences built from it with the current settings."""
    _put_presence(lake, *range(1, 7))
    _seal_audience(lake, settings, *range(1, 7))
    return lake


def test_current_audiences_are_rebuilt_only_for_the_days_asked_for(settings: Settings, sealed: Lake) -> None:
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(6)
    assert plan_analysis(settings, open_lake(settings), _day(4), _day(6)).audience == _days(4, 5, 6)


def test_an_empty_audience_is_current_until_presence_comes(settings: Settings, lake: Lake) -> None:
    _put_presence(lake, 4, 6)
    _seal_audience(lake, settings, 4, 5)
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(6)

    _put_presence(lake, 5)
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(5, 6)


def test_an_audience_of_other_files_is_rebuilt(settings: Settings, sealed: Lake) -> None:
    _put_presence(sealed, 5, viewers=[f"viewer{n}" for n in range(50)])
    _put_presence(sealed, 3, viewers=[f"viewer{n}" for n in range(50)])  # before the window

    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(5, 6)


@pytest.mark.parametrize(
    "changed",
    [
        {"drop_known_bots": False},
        {"drop_broadcaster": False},
        {"min_buckets_per_viewer": 2},
        {"min_channels_per_viewer": 2},
        {"max_channels_per_viewer": 10},
        {"drop_viewers_over_max": True},
    ],
)
def test_audiences_of_other_filters_are_rebuilt(settings: Settings, sealed: Lake, changed: dict[str, Any]) -> None:
    other = _with(settings, analysis=settings.analysis.model_copy(update=changed))

    assert plan_analysis(other, open_lake(other), _day(6), _day(6)).audience == _days(4, 5, 6)


KEY = "a key of the tests, 32 bytes long"


@pytest.mark.parametrize(
    ("earlier", "current"),
    [
        ({}, {"viewer_names": "pseudonymous", "pseudonym_key": KEY}),
        ({"viewer_names": "pseudonymous", "pseudonym_key": KEY}, {}),
        (
            {"viewer_names": "pseudonymous", "pseudonym_key": KEY},
            {"viewer_names": "pseudonymous", "pseudonym_key": f"{KEY}!"},
        ),
        ({}, {"opt_out_file": "viewer ann"}),
        ({"opt_out_file": "viewer ann"}, {"opt_out_file": "channel ann"}),
        ({"opt_out_file": "viewer ann"}, {}),
    ],
)
def test_audiences_of_other_names_or_opt_outs_are_rebuilt(
    settings: Settings, sealed: Lake, tmp_path: Path, earlier: dict[str, str], current: dict[str, str]
) -> None:
    def with_privacy(name: str, privacy: dict[str, str]) -> Settings:
        listed = dict(privacy)
        if "opt_out_file" in listed:
            (tmp_path / name).write_text(listed["opt_out_file"])
            listed["opt_out_file"] = str(tmp_path / name)
        return _with(settings, privacy=PrivacySettings.model_validate(listed))

    before, after = with_privacy("earlier", earlier), with_privacy("current", current)
    _seal_audience(sealed, settings, *range(1, 7), names=viewer_names(before))

    assert plan_analysis(before, open_lake(before), _day(6), _day(6)).audience == _days(6)
    assert plan_analysis(after, open_lake(after), _day(6), _day(6)).audience == _days(4, 5, 6)


def test_an_audience_whose_presence_was_pruned_is_not_out_of_date(settings: Settings, sealed: Lake) -> None:
    for number in (4, 5):
        mark_pruned(sealed.sealed, _day(number))
        sealed.store.delete(paths.live_presence(_day(number)))
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(6)

    # The same holds when new presence arrives, and with other settings.
    _put_presence(sealed, 5, viewers=["late"])
    other = _with(settings, analysis=settings.analysis.model_copy(update={"drop_known_bots": False}))
    assert plan_analysis(other, open_lake(other), _day(6), _day(6)).audience == _days(6)


def test_a_day_whose_presence_was_pruned_can_be_analyzed_again(settings: Settings, sealed: Lake) -> None:
    for number in range(1, 7):
        mark_pruned(sealed.sealed, _day(number))
        sealed.store.delete(paths.live_presence(_day(number)))

    assert newest_day(sealed) == _day(6)
    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).graph == _days(6)
    with pytest.raises(NothingToAnalyzeError):
        plan_analysis(settings, open_lake(settings), _day(9), _day(9))


@pytest.mark.parametrize("changed", [{"overlap_threshold": 5}, {"seed": 7}, {"algorithm": "louvain"}])
def test_settings_of_later_steps_do_not_outdate_the_audience(
    settings: Settings, sealed: Lake, changed: dict[str, Any]
) -> None:
    other = _with(settings, analysis=settings.analysis.model_copy(update=changed))

    assert plan_analysis(other, open_lake(other), _day(6), _day(6)).audience == _days(6)


def test_an_audience_that_was_never_sealed_is_built(settings: Settings, sealed: Lake) -> None:
    sealed.store.delete(paths.partition_record("channel_audience", _day(5)))

    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(5, 6)


def test_an_audience_without_a_fingerprint_is_rebuilt(settings: Settings, sealed: Lake) -> None:
    sealed.sealed.seal("channel_audience", _day(5), {}, facts={"rows": 0})

    assert plan_analysis(settings, open_lake(settings), _day(6), _day(6)).audience == _days(5, 6)


def test_a_plan_changes_nothing(settings: Settings, sealed: Lake) -> None:
    before = {key: sealed.store.download_bytes(key) for key in sealed.store.list_files()}

    plan_analysis(settings, open_lake(settings), _day(1), _day(20), force=True)

    assert {key: sealed.store.download_bytes(key) for key in sealed.store.list_files()} == before


def test_impossible_ranges_are_refused_with_the_reason(settings: Settings, sealed: Lake) -> None:
    today = dt.datetime.now(dt.UTC).date()
    with pytest.raises(NothingToAnalyzeError, match="ends before it begins: from 2020-03-06 to 2020-03-05"):
        plan_analysis(settings, open_lake(settings), _day(6), _day(5))
    with pytest.raises(
        NothingToAnalyzeError, match=r"2019-12-31 is before the first partition 2020-01-01 \(setting part"
    ):
        plan_analysis(settings, open_lake(settings), dt.date(2019, 12, 31), _day(5))
    for last in (today, today + dt.timedelta(days=1), today + dt.timedelta(days=400)):
        with pytest.raises(NothingToAnalyzeError, match=f"{last} is not over: a day can be"):
            plan_analysis(settings, open_lake(settings), _day(5), last)


def test_the_newest_day_has_presence_or_an_imported_graph(settings: Settings, lake: Lake) -> None:
    with pytest.raises(NothingToAnalyzeError, match="has no presence: import some first") as raised:
        newest_day(lake)
    assert lake.store.root in str(raised.value)

    _put_presence(lake, 5, 3)
    assert newest_day(lake) == _day(5)
    _import_graph(lake, 9, origin="computed")
    assert newest_day(lake) == _day(5)
    _import_graph(lake, 8)
    assert newest_day(lake) == _day(8)
    _put_presence(lake, 10)
    assert newest_day(lake) == _day(10)


def test_a_day_that_is_not_over_is_not_the_newest_day_if_there_is_another(lake: Lake) -> None:
    ahead = (dt.datetime.now(dt.UTC).date() - _day(1)).days + 3
    _put_presence(lake, ahead)
    assert newest_day(lake) == _day(ahead)  # the lake has no other day; planning reports that it is not over

    _put_presence(lake, 5)
    assert newest_day(lake) == _day(5)


def test_ranges_join_consecutive_days() -> None:
    assert ranges([]) == []
    assert ranges(_days(4)) == [_days(4, 4)]
    assert ranges(_days(5, 1, 3, 2, 8, 9)) == [_days(1, 3), _days(5, 5), _days(8, 9)]


@pytest.mark.parametrize("days", [31, 32, 62, 63, 366])
def test_no_range_is_longer_than_one_run_of_a_backfill_and_no_day_is_lost(days: int) -> None:
    spans = ranges(_days(*range(1, days + 1)))

    assert all((last - first).days < 31 for first, last in spans)
    assert len(spans) == -(-days // 31)
    joined = [first + dt.timedelta(days=n) for first, last in spans for n in range((last - first).days + 1)]
    assert joined == list(_days(*range(1, days + 1)))
