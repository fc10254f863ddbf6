"""A sandbox Twitch for the tests of clients."""

from collections.abc import Iterator

import pytest

from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_tests.clients.twitch import Twitch, twitch


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldSpec(channels=1_600, viewers=16_000, days=2))


@pytest.fixture
def running(world: World) -> Iterator[Twitch]:
    with twitch(world) as sandbox:
        yield sandbox
