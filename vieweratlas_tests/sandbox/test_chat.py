"""What is written in one broadcast: drawn alone, always the same, and by those who follow the channel."""

import polars as pl
import pytest

from vieweratlas_assets.sandbox.chat import stream_chat
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec

SPEC = WorldSpec(channels=72, viewers=8_000, languages=3, games=3)
BROADCASTS = 12


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SPEC)


def test_the_chat_of_one_broadcast_is_the_same_when_drawn_alone(world: World) -> None:
    again = stream_chat(build_world(SPEC), 40)
    assert stream_chat(world, 40).equals(again)
    assert again["second"].is_sorted()
    assert again["second"].is_between(0, world.streams["duration_s"][40], closed="left").all()


@pytest.fixture(scope="module")
def chats(world: World) -> list[pl.DataFrame]:
    """The chats of the first broadcasts."""
    return [stream_chat(world, number) for number in range(BROADCASTS)]


def test_only_followers_of_the_channel_write(world: World, chats: list[pl.DataFrame]) -> None:
    for number, chat in enumerate(chats):
        followers = world.followers(world.streams["channel_no"][number])["viewer_no"]
        assert set(chat["viewer_no"]) <= set(followers)
        assert 0 < chat["viewer_no"].n_unique() < followers.len()


def test_viewers_write_only_on_their_days_of_the_week(world: World, chats: list[pl.DataFrame]) -> None:
    for number, chat in enumerate(chats):
        weekday = world.streams["started_at"][number].weekday()
        viewers = world.viewers[chat["viewer_no"].unique()].filter(pl.col("role") == "viewer")
        assert viewers.height
        assert all(weekdays >> weekday & 1 for weekdays in viewers["weekdays"])


def test_a_bot_writes_at_a_nearly_fixed_interval(world: World, chats: list[pl.DataFrame]) -> None:
    bots = world.viewers.with_row_index("viewer_no").filter(pl.col("role") == "bot")["viewer_no"]
    seen = 0
    for chat in chats:
        for (_,), messages in chat.filter(pl.col("viewer_no").is_in(bots.implode())).group_by("viewer_no"):
            gaps = messages["second"].sort().diff().drop_nulls().to_list()
            # 5 % around one interval from 15 to 30 minutes, and seconds that are cut off.
            assert not gaps or max(gaps) <= 1.05 / 0.95 * min(gaps) + 3
            assert all(0.95 * 900 - 1 <= gap <= 1.05 * 1800 + 1 for gap in gaps)
            seen += len(gaps)
    assert seen > 20
