"""The sandbox's chat feed: in order, the same however it is cut, with Shared Chat in every channel that shares."""

import datetime as dt
import re

import pytest

from vieweratlas_assets.sandbox.feed import WorldFeed, messages_of_hour
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec

HOUR = dt.datetime(2026, 10, 5, 19, tzinfo=dt.UTC)
ONE_HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldSpec(channels=24, viewers=400, languages=2, games=2, days=2))


def test_messages_come_in_order_and_within_their_time(world: World) -> None:
    sent_ms = [message.sent_ms for message in WorldFeed(world).between(HOUR, HOUR + ONE_HOUR)]

    assert sent_ms
    assert sent_ms == sorted(sent_ms)
    assert HOUR.timestamp() * 1000 <= sent_ms[0]
    assert sent_ms[-1] < (HOUR + ONE_HOUR).timestamp() * 1000


def test_two_halves_give_the_same_messages_as_the_whole(world: World) -> None:
    middle, end = HOUR + dt.timedelta(minutes=47), HOUR + 2 * ONE_HOUR
    feed = WorldFeed(world)

    halves = [*feed.between(HOUR, middle), *feed.between(middle, end)]

    assert halves == list(WorldFeed(world).between(HOUR, end))


def test_nothing_is_written_after_the_last_day(world: World) -> None:
    end = dt.datetime.combine(world.spec.dates[-1], dt.time(), dt.UTC) + dt.timedelta(days=1)
    assert list(WorldFeed(world).between(end, end + ONE_HOUR)) == []


def test_a_shared_message_has_one_number_and_a_line_per_channel(world: World) -> None:
    hours = (HOUR + number * ONE_HOUR for number in range(-19, 24))
    shared = next(
        rows for rows in (messages_of_hour(world, hour).drop_nulls("source_room_id") for hour in hours) if rows.height
    )

    copies = shared.group_by("source_no").len()["len"]
    assert set(copies) <= {2, 3}
    first = shared.filter(shared["source_no"] == shared["source_no"][0])
    assert first["room_id"].n_unique() == first.height
    assert first["source_room_id"].unique().to_list() == [min(first["source_room_id"])]
    assert first["source_room_id"][0] in first["room_id"].to_list()


def test_a_line_names_its_room_and_its_writer(world: World) -> None:
    feed = WorldFeed(world)
    message = next(feed.between(HOUR, HOUR + ONE_HOUR))

    assert f";room-id={feed.room_ids[message.channel]};" in message.line
    assert f";tmi-sent-ts={message.sent_ms};" in message.line
    assert re.search(rf" :(\w+)!\1@\1\.tmi\.twitch\.tv PRIVMSG #{message.channel} :", message.line)
