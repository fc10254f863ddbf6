"""A made-up Twitch with VODs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vieweratlas_tests.vods.made_up import MadeUpTwitch, made_up_twitch


@pytest.fixture
def twitch(tmp_path: Path) -> Iterator[MadeUpTwitch]:
    with made_up_twitch(tmp_path) as running:
        yield running
