"""Agreement of maps, compared with a count by hand."""

import math

import numpy as np
import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.nearness import neighbors_kept


def _map(places: np.ndarray) -> pl.DataFrame:
    names = [f"c{number:03}" for number in range(len(places))]
    return pl.DataFrame({"channel": names, "x": places[:, 0], "y": places[:, 1]})


def _by_hand(mine: np.ndarray, theirs: np.ndarray, nearest: int) -> float:
    def around(places: np.ndarray, one: int) -> set[int]:
        others = sorted((math.dist(places[one], place), n) for n, place in enumerate(places) if n != one)
        return {n for _, n in others[:nearest]}

    shares = [len(around(mine, one) & around(theirs, one)) / nearest for one in range(len(mine))]
    return sum(shares) / len(shares)


@pytest.mark.parametrize(("channels", "nearest"), [(3, 1), (12, 4), (60, 10)])
def test_neighbors_are_counted_as_by_hand(channels: int, nearest: int) -> None:
    draw = np.random.default_rng(5)
    mine, theirs = draw.random((channels, 2)), draw.random((channels, 2))
    kept = neighbors_kept(_map(mine), _map(theirs).sample(fraction=1, shuffle=True, seed=1), nearest)
    assert kept.share == pytest.approx(_by_hand(mine, theirs, nearest))
    assert (kept.nearest, kept.channels) == (nearest, channels)
    assert kept.by_chance == nearest / (channels - 1)


def test_a_rotated_and_scaled_map_agrees_and_a_shuffled_one_does_not() -> None:
    places = np.random.default_rng(6).random((400, 2))
    turned = 7 * places @ np.array([[0.6, -0.8], [0.8, 0.6]]) + 3
    assert neighbors_kept(_map(places), _map(turned)).share == 1.0
    shuffled = neighbors_kept(_map(places), _map(np.random.default_rng(7).permutation(places)))
    assert shuffled.share == pytest.approx(shuffled.by_chance, abs=0.01)


def test_few_channels_have_few_neighbors_and_positions_may_coincide() -> None:
    kept = neighbors_kept(_map(np.zeros((5, 2))), _map(np.random.default_rng(8).random((5, 2))))
    assert (kept.nearest, kept.channels) == (3, 5)
    assert 0 < kept.share <= 1
    with pytest.raises(ValueError, match="2 channel"):
        neighbors_kept(_map(np.zeros((2, 2))), _map(np.zeros((9, 2))))
