"""A small sandbox Twitch on one evening, and an empty lake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.clients.twitch import Twitch, twitch


@pytest.fixture(scope="session")
def small_world() -> World:
    return build_world(WorldSpec(channels=72, viewers=720, days=2))


@pytest.fixture
def helix(small_world: World) -> Iterator[Twitch]:
    with twitch(small_world) as sandbox:
        yield sandbox


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")
