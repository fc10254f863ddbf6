"""The communities of a day: settings, continued days, figures and verdicts."""

import datetime as dt

import polars as pl

from vieweratlas_assets.domain.schemas import COMMUNITIES, COMMUNITY_TAGS, GRAPH_NODES
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.communities import communities_of_day, tags_of_day
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions, table_files
from vieweratlas_tests.domain.atlas.samples import edges_between, table
from vieweratlas_tests.lake_factories import DAY

NEXT = DAY + dt.timedelta(days=1)
ANALYSIS = AnalysisSettings(min_community_size=1)
CHANNELS = [f"{group}{number}" for group in "ab" for number in range(4)]
NODES = table(GRAPH_NODES, channel=CHANNELS, game_name=["Chess"] * 4 + ["Art"] * 4, viewers=[10] * 8)
INSIDE = [(f"{group}{one}", f"{group}{two}") for group in "ab" for two in range(4) for one in range(two)]
EDGES = edges_between([*INSIDE, ("a0", "b0")], shared_viewers=[9] * len(INSIDE) + [1])


def detected(store: LocalStore, day: dt.date, analysis: AnalysisSettings, *, start_over: bool = False) -> DayResult:
    return communities_of_day(SealedPartitions(store), day, NODES, EDGES, analysis, start_over=start_over)


def labels(result: DayResult) -> dict[str, int | None]:
    frame = result.tables[COMMUNITIES]
    assert isinstance(frame, pl.DataFrame)
    return dict(frame.iter_rows())


def test_communities_follow_the_settings_and_pass_their_checks(store: LocalStore) -> None:
    result = detected(store, DAY, ANALYSIS)
    by_channel = labels(result)
    assert {by_channel[channel] for channel in CHANNELS[:4]} != {by_channel[channel] for channel in CHANNELS[4:]}
    assert (result.facts["communities"], result.facts["sizes"], result.facts["unclustered"]) == (2, [4, 4], 0)
    assert all(verdict.passed for verdict in result.verdicts.values())
    assert set(labels(detected(store, DAY, AnalysisSettings(min_community_size=5))).values()) == {None}


def test_a_day_continues_an_earlier_day_of_the_same_settings_only(store: LocalStore) -> None:
    first = detected(store, DAY, ANALYSIS)
    files = table_files(DAY, {COMMUNITIES: first.tables[COMMUNITIES]})
    SealedPartitions(store).seal("communities", DAY, files, facts=first.facts)
    assert detected(store, NEXT, ANALYSIS).facts["went_on_from"] == str(DAY)
    assert detected(store, NEXT, ANALYSIS, start_over=True).facts["went_on_from"] is None
    for change in ({"seed": 8}, {"keep_communities": False}):
        assert detected(store, NEXT, ANALYSIS.model_copy(update=change)).facts["went_on_from"] is None


def test_labels_name_the_game_of_each_community(store: LocalStore) -> None:
    communities = detected(store, DAY, ANALYSIS).tables[COMMUNITIES]
    assert isinstance(communities, pl.DataFrame)
    result = tags_of_day(NODES, communities, ANALYSIS)
    assert sorted(result.facts["labels"]) == ["Art", "Chess"]
    assert result.verdicts["labels_unique"].passed
    assert COMMUNITY_TAGS in result.tables
