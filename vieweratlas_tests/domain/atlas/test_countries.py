"""Borders: every land belongs to one community, and touching countries are known."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path

from vieweratlas_assets.domain.atlas.countries import Countries, Country
from vieweratlas_tests.domain.atlas.test_map_layout import lay_out, planted, with_homes


def channels_at(points: Sequence[tuple[float, float, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"c{number}", 100, home, x, y) for number, (x, y, home) in enumerate(points)],
        schema={
            "channel": pl.String,
            "viewers": pl.Int64,
            "community": pl.Int32,
            "x": pl.Float64,
            "y": pl.Float64,
        },
        orient="row",
    )


def holds(country: Country, points: np.ndarray) -> np.ndarray:
    """Mask of the points in a country: those inside an odd number of its rings."""
    inside = [Path(ring).contains_points(points) for ring in country.rings]
    return np.sum(inside, axis=0) % 2 == 1 if inside else np.zeros(len(points), bool)


@pytest.mark.parametrize("points", [[], [(0.5, 0.5, None)], [(0.2, 0.2, None), (0.8, 0.8, None)]])
def test_without_communities_there_is_no_land(points: list[tuple[float, float, int | None]]) -> None:
    countries = Countries(channels_at(points))
    assert countries.all == []
    assert countries.touching.shape == (0, 0)


def test_one_channel_has_a_land_around_it() -> None:
    [country] = Countries(channels_at([(0.5, 0.5, 3)])).all
    assert country.community == 3
    assert holds(country, np.array([[0.5, 0.5]]))[0]


def test_channels_lie_in_their_land_and_anchors_well_inside() -> None:
    tables = planted([60, 50, 40, 30, 20], alone=10)
    channels = with_homes(tables, lay_out(tables))
    countries = Countries(channels)
    for country in countries.all:
        of_it = channels.filter(community=country.community).select("x", "y").to_numpy()
        assert holds(country, of_it).mean() > 0.95
        assert holds(country, np.array([country.anchor]))[0]
        turns = np.linspace(0, 2 * np.pi, 16)
        around = np.array(country.anchor) + 0.9 * country.room * np.column_stack([np.cos(turns), np.sin(turns)])
        assert holds(country, around).all()
        for ring in country.rings:
            assert (ring[0] == ring[-1]).all()


POINTS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.none() | st.integers(0, 5)), min_size=1, max_size=40)


@settings(max_examples=25)
@given(POINTS)
def test_no_place_lies_in_two_countries(points: list[tuple[float, float, int | None]]) -> None:
    countries = Countries(channels_at(points))
    spots = np.random.default_rng(1).uniform(-0.1, 1.1, (500, 2))
    held = np.sum([holds(country, spots) for country in countries.all], axis=0)
    # Contours only approximate the border, so a place on the border may be in two countries.
    assert np.mean(held > 1) < 0.01
    assert (countries.touching == countries.touching.T).all()
    assert not countries.touching.diagonal().any()


def test_countries_touch_across_a_border_and_a_strait_but_not_across_a_sea() -> None:
    generator = np.random.default_rng(0)
    blobs = {0: (0.1, 0.5), 1: (0.25, 0.5), 2: (0.9, 0.5)}
    points = [
        (x + generator.normal(0, 0.03), y + generator.normal(0, 0.03), home)
        for home, (x, y) in blobs.items()
        for _ in range(60)
    ]
    touching = Countries(channels_at(points)).touching
    assert touching[0, 1] > 0
    assert touching[0, 2] == touching[1, 2] == 0
