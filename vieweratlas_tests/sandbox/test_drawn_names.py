"""Names of made-up people and channels: valid on Twitch, unique, and the same for the same random numbers."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from vieweratlas_assets.sandbox.drawn_names import draw_channel_names, draw_viewer_names

LOGIN = re.compile(r"^[a-z0-9_]{4,25}$")
Draw = Callable[[np.random.Generator, int, set[str]], list[str]]


def test_names_never_run_out() -> None:
    names = draw_channel_names(np.random.default_rng(0), 100_000, set())
    assert len({name.lower() for name in names}) == 100_000


@pytest.mark.parametrize("draw", [draw_viewer_names, draw_channel_names])
def test_names_are_logins_of_twitch_that_nobody_has(draw: Draw) -> None:
    taken = {name.lower() for name in draw(np.random.default_rng(7), 300, set())}
    names = draw(np.random.default_rng(7), 300, taken)
    assert len(names) == 300
    logins = [name.lower() for name in names]
    assert all(LOGIN.match(login) for login in logins)
    assert not taken & set(logins)


@pytest.mark.parametrize("draw", [draw_viewer_names, draw_channel_names])
def test_the_random_numbers_decide_the_names(draw: Draw) -> None:
    names = draw(np.random.default_rng(7), 50, set())
    assert draw(np.random.default_rng(7), 50, set()) == names
    assert draw(np.random.default_rng(8), 50, set()) != names
    assert draw(np.random.default_rng(7), 0, set()) == []
