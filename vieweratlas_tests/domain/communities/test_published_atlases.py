"""The defaults compared with published and planted communities; nothing here sets a resolution."""

from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.domain.communities.agreement import agreement
from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.overlap.counting import overlap_of
from vieweratlas_assets.domain.overlap.measures import with_measures
from vieweratlas_assets.importers.atlas import read_atlas
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec


@pytest.mark.parametrize(
    ("name", "weight", "published", "least"),
    [("twitchatlas_2021-02", "shared_viewers", 32, 0.83), ("italy_2022-07_08", "overlap_coefficient", 37, 0.75)],
)
def test_published_communities_are_detected_with_any_seed(
    shared_data: Path, name: str, weight: str, published: int, least: float
) -> None:
    files = (shared_data / "atlas" / f"{name}_{kind}.csv" for kind in ("edges", "nodes"))
    atlas = read_atlas(*files, weight=weight)
    known = atlas.reference.drop_nulls("community")
    assert known["community"].n_unique() == published
    for seed in (42, 0, 1):
        detection = detect_communities(atlas.graph.nodes, atlas.graph.edges, seed=seed)
        assert detection.weight == weight
        assert agreement(detection.communities, known).adjusted_rand_index >= least


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, pytest.param(11, marks=pytest.mark.long)])
@pytest.mark.parametrize("size", ["S", "M", pytest.param("L", marks=pytest.mark.long)])
def test_communities_planted_in_a_harder_world_are_detected(size: str, seed: int) -> None:
    from benchmarks import communities  # the import limits this process to one thread

    case = communities.planted(size, seed)
    assert case.known["community"].n_unique() > 2 * case.known["language"].n_unique()
    assert communities.at_defaults(case) >= 0.9


@pytest.mark.parametrize(
    ("channels", "viewers", "languages", "games"),
    [(100, 15_000, 4, 3), (400, 60_000, 5, 6), (1_000, 150_000, 6, 8)],
)
def test_planted_communities_are_detected_and_not_only_languages(
    channels: int, viewers: int, languages: int, games: int
) -> None:
    spec = WorldSpec(channels=channels, viewers=viewers, languages=languages, games=games, days=1)
    world = build_world(spec)
    follows = world.follows.filter(pl.col("role") == "viewer")
    audience = pl.DataFrame(
        {
            "channel": world.channels["channel"].gather(follows["channel_no"]),
            "viewer": world.viewers["login"].gather(follows["viewer_no"]),
        }
    )
    nodes = audience.group_by("channel").agg(pl.len().cast(pl.Int64).alias("viewers")).sort("channel")
    edges = with_measures(overlap_of(audience).shared, nodes, total_viewers=audience["viewer"].n_unique())
    detection = detect_communities(nodes, edges)
    known = world.channels.select("channel", "community")
    assert detection.weight == "overlap_z"
    assert spec.communities > 2 * languages
    assert agreement(detection.communities, known).adjusted_rand_index >= 0.9
