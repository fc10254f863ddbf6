"""A week of days on a published atlas: the map stays readable from one day to the next."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from vieweratlas_assets.importers.atlas import read_atlas
from vieweratlas_tests.domain.atlas.week import days_of

DAYS = 7


@pytest.mark.slow
@pytest.mark.xdist_group("real_data")
def test_a_week_with_churn_keeps_places_countries_and_names(shared_data: Path) -> None:
    folder = shared_data / "atlas"
    graph = read_atlas(folder / "twitchatlas_2021-02_edges.csv", folder / "twitchatlas_2021-02_nodes.csv").graph
    moves, changes = [], []
    for before, today in itertools.pairwise(days_of(graph.nodes, graph.edges, DAYS)):
        both = before.atlas.layout.join(today.atlas.layout, on="channel", suffix="_now")
        away = np.hypot(both["x"] - both["x_now"], both["y"] - both["y_now"])
        width = np.ptp(today.atlas.layout["x"].to_numpy())
        moves.append(float(np.median(away)) / width)
        changes.append(today.events.filter(event="moved").height / both.height)
        same = before.atlas.history.join(today.atlas.history, on="community_id", suffix="_now")
        assert same.height >= 0.8 * before.atlas.history.height
        assert same["colour"].equals(same["colour_now"])
        assert same["name"].equals(same["name_now"])
    assert len(moves) == DAYS - 1
    assert max(moves) < 0.01
    assert max(changes) < 0.03
