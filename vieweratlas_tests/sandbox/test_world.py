"""The sandbox's world: what is planted, who exists, and that the seed decides everything."""

import datetime as dt
import re

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.sandbox.vocabulary import COMMON_BOTS, GAMES, LANGUAGES, RARE_BOTS
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec

LOGIN = re.compile(r"^[a-z0-9_]{4,25}$")


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldSpec())


def test_the_smallest_worlds_can_be_built() -> None:
    world = build_world(WorldSpec(channels=6, viewers=60, languages=1, games=1, days=1))
    assert world.channels["community"].unique().to_list() == [0]
    assert build_world(WorldSpec(channels=72, viewers=720, languages=12, games=1)).channels.height == 72


@pytest.mark.parametrize("frame", ["channels", "viewers", "follows", "streams"])
def test_the_seed_decides_the_world(world: World, frame: str) -> None:
    same, other = build_world(WorldSpec()), build_world(WorldSpec(seed=8))
    assert getattr(world, frame).equals(getattr(same, frame))
    assert not getattr(world, frame).equals(getattr(other, frame))


def test_logins_are_valid_on_twitch_and_unique(world: World) -> None:
    logins = world.viewers["login"]
    assert logins.is_unique().all()
    assert all(LOGIN.match(login) for login in logins)
    assert logins.is_sorted()
    broadcasters = world.viewers.filter(pl.col("role") == "broadcaster")["login"]
    assert broadcasters.to_list() == world.channels["channel"].to_list()
    assert world.viewers.filter(pl.col("role") == "viewer").height == world.spec.viewers
    assert (world.channels["display_name"].str.to_lowercase() == world.channels["channel"]).all()


def test_each_community_is_one_language_and_game(world: World) -> None:
    planted = world.channels.group_by("community").agg(pl.col("language", "game_name").n_unique(), pl.len())
    assert sorted(planted["community"]) == list(range(12))
    assert (planted["language"] == 1).all()
    assert (planted["game_name"] == 1).all()
    sizes = planted.sort("community")["len"].to_list()
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 6
    assert set(world.channels["language"]) == {language.code for language in LANGUAGES[:4]}
    assert set(world.channels["game_name"]) <= {game.name for game in GAMES[:4]}


def test_channels_look_like_real_ones(world: World) -> None:
    channels = world.channels
    assert channels["channel_id"].is_unique().all()
    assert channels["channel_id"].str.contains(r"^[0-9]+$").all()
    assert 0.03 < (channels["source"] == "vod").to_numpy().mean() < 0.2
    popularity = channels["popularity"].to_numpy()
    assert popularity.sum() == pytest.approx(1)
    assert popularity.max() > 50 * popularity.min()


def test_most_follow_few_channels_and_some_many(world: World) -> None:
    bots = world.viewers.with_row_index("viewer_no").filter(pl.col("role") == "bot")["viewer_no"]
    people = world.follows.filter(~pl.col("viewer_no").is_in(bots.implode()))
    degree = people.group_by("viewer_no").len()["len"].to_numpy()
    assert np.median(degree) in (1, 2, 3)
    assert (degree >= 10).sum() > 100


def test_broadcasts_last_two_to_eight_hours_and_never_overlap(world: World) -> None:
    streams = world.streams.with_columns(ended_at=pl.col("started_at") + pl.duration(seconds="duration_s")).sort(
        "channel_no", "started_at"
    )
    assert streams["duration_s"].is_between(7200, 28_800).all()
    is_apart = streams.select(pl.col("started_at") > pl.col("ended_at").shift(1).over("channel_no"))
    assert is_apart["started_at"].drop_nulls().all()
    assert (streams["started_at"].dt.date() != streams["ended_at"].dt.date()).sum() > 50
    assert streams["stream_id"].is_unique().all()
    assert streams["vod_id"].is_unique().all()
    days = streams["started_at"].dt.date().to_list()
    assert min(days) >= world.spec.start - dt.timedelta(days=1)
    assert max(days) == world.spec.dates[-1]


def test_games_change_at_times_and_languages_never(world: World) -> None:
    usual = world.channels["game_name"].gather(world.streams["channel_no"])
    assert 0.05 < (world.streams["game_name"] != usual).to_numpy().mean() < 0.15


def test_bots_serve_many_channels_and_broadcasters_their_own(world: World) -> None:
    named = world.follows.with_columns(
        login=world.viewers["login"].gather(world.follows["viewer_no"]),
        channel=world.channels["channel"].gather(world.follows["channel_no"]),
    )
    served = dict(named.filter(pl.col("role") == "bot").group_by("login").len().iter_rows())
    assert set(served) == {*COMMON_BOTS, *RARE_BOTS}
    assert min(served[bot] for bot in COMMON_BOTS) > 90
    assert max(served[bot] for bot in RARE_BOTS) < 90
    own = named.filter(pl.col("role") == "broadcaster")
    assert (own["login"] == own["channel"]).all()
    assert own.height == world.channels.height
    assert not named.select("channel", "login").is_duplicated().any()
