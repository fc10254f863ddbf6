import math

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from vieweratlas_assets.domain.overlap.measures import MEASURES, usable_weight, with_measures
from vieweratlas_assets.domain.schemas import GRAPH_EDGES
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_tests.domain.atlas.samples import edges_between, ring


def _measured(shared: int | None, a: int | None, b: int | None, total: int | None) -> dict[str, float | None]:
    edges = pl.DataFrame(
        {"channel_a": ["a"], "channel_b": ["b"], "shared_viewers": [shared]},
        schema_overrides={"shared_viewers": pl.Int64},
    )
    sizes = pl.DataFrame({"channel": ["b", "a"], "viewers": [b, a]}, schema_overrides={"viewers": pl.Int64})
    measured = with_measures(edges, sizes, total_viewers=total)
    assert measured.schema == GRAPH_EDGES.schema
    return measured.row(0, named=True)


def _score(shared: int, a: int, b: int, total: int) -> float:
    score = _measured(shared, a, b, total)["overlap_z"]
    assert score is not None
    return score


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 400), st.integers(0, 2000))
def test_measures_follow_their_formulas(a: int, b: int, shared: int, others: int) -> None:
    assume(shared <= min(a, b))
    total = a + b - shared + others
    row = _measured(shared, a, b, total)
    assert row["jaccard"] == pytest.approx(shared / (a + b - shared))
    assert row["overlap_coefficient"] == pytest.approx(shared / min(a, b))
    if total in (a, b):
        assert row["overlap_z"] is None
    else:
        independent = hypergeom(total, a, b)
        # SciPy computes the kurtosis with the mean, and fails to for two or three viewers.
        with np.errstate(all="ignore"):
            expected = (shared - independent.mean()) / independent.std()
        assert row["overlap_z"] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_sign_of_the_score_shows_more_or_less_than_chance() -> None:
    # Of 1000 viewers, audiences of 100 and 200 share 20 by chance.
    scores = [_score(shared, 100, 200, 1000) for shared in (10, 20, 40)]
    assert scores == [pytest.approx(-scores[2] / 2), pytest.approx(0, abs=1e-12), pytest.approx(scores[2])]
    assert scores[2] > 5


@pytest.mark.parametrize(("a", "b"), [(None, 5), (5, None), (None, None)])
def test_a_measure_that_needs_an_unknown_size_is_null(a: int | None, b: int | None) -> None:
    row = _measured(3, a, b, 100)
    assert row["shared_viewers"] == 3
    assert [row[name] for name in MEASURES[1:]] == [None] * 3


def test_channels_without_a_size_are_unknown() -> None:
    edges = pl.DataFrame({"channel_a": ["a"], "channel_b": ["x"], "shared_viewers": [3]})
    sizes = pl.DataFrame({"channel": ["a"], "viewers": [9]})
    assert with_measures(edges, sizes, total_viewers=99).row(0) == ("a", "x", 3, None, None, None)


def test_unknown_shared_viewers_leave_every_measure_null() -> None:
    assert list(_measured(None, 5, 6, 100).values())[2:] == [None] * 4


def test_without_the_number_of_all_viewers_only_the_score_is_null() -> None:
    row = _measured(3, 4, 6, None)
    assert row["overlap_z"] is None
    assert row["jaccard"] == pytest.approx(3 / 7)
    assert row["overlap_coefficient"] == 0.75


@pytest.mark.parametrize(("shared", "a", "b", "total"), [(4, 4, 9, 9), (9, 9, 9, 9), (1, 1, 1, 1)])
def test_an_audience_that_is_everybody_has_no_score(shared: int, a: int, b: int, total: int) -> None:
    assert _measured(shared, a, b, total)["overlap_z"] is None


def test_large_audiences_keep_their_precision() -> None:
    assert _score(1_000_000, 40_000_000, 50_000_000, 2_000_000_000) == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(_score(40_000_000, 40_000_000, 50_000_000, 2_000_000_000))


def test_no_edges_stay_no_edges() -> None:
    edges = GRAPH_EDGES.empty().select("channel_a", "channel_b", "shared_viewers")
    sizes = pl.DataFrame(schema={"channel": pl.String, "viewers": pl.Int64})
    assert with_measures(edges, sizes, total_viewers=0).equals(GRAPH_EDGES.empty())


def test_a_repeated_pair_is_refused() -> None:
    edges = pl.DataFrame({"channel_a": ["a", "a"], "channel_b": ["b", "b"], "shared_viewers": [1, 2]})
    sizes = pl.DataFrame({"channel": ["a", "b"], "viewers": [3, 4]})
    with pytest.raises(SchemaError, match="graph_edges: more than one row"):
        with_measures(edges, sizes, total_viewers=9)


@pytest.mark.parametrize("held", MEASURES)
def test_an_imported_graph_is_weighted_by_the_measure_that_it_has(held: str) -> None:
    edges = edges_between(ring(["a", "b", "c"]), **{held: [2, None, 1]})
    assert [usable_weight(edges, wanted) for wanted in MEASURES] == [held] * 4


def test_the_wanted_weight_is_used_if_it_exists_and_in_an_empty_graph() -> None:
    edges = edges_between(ring(["a", "b", "c"]), jaccard=[0.1] * 3, shared_viewers=[1] * 3)
    assert usable_weight(edges, "jaccard") == "jaccard"
    assert usable_weight(edges) == usable_weight(edges, "overlap_z") == "shared_viewers"
    assert usable_weight(GRAPH_EDGES.empty(), "overlap_z") == "overlap_z"


def test_unknown_weights_and_edges_without_any_are_refused_with_the_known_ones() -> None:
    known = "shared_viewers, jaccard, overlap_coefficient, overlap_z"
    with pytest.raises(ValueError, match=f"unknown weight 'weight'; known are {known}"):
        usable_weight(GRAPH_EDGES.empty(), "weight")
    with pytest.raises(ValueError, match=f"the edges have none of {known}"):
        usable_weight(edges_between(ring(["a", "b", "c"])), "jaccard")


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ({"shared_viewers": [1, None], "jaccard": [0.1, 0.2]}, "shared_viewers"),
        ({"jaccard": [None, 0.2], "overlap_z": [1.0, 2.0]}, "jaccard"),
        ({"overlap_coefficient": [0.1, 0.2]}, "overlap_coefficient"),
        ({"overlap_z": [-1.0, 2.0]}, "overlap_z"),
    ],
)
def test_edge_weight_is_the_first_measure_that_is_known(
    measures: dict[str, list[float | None]], expected: str
) -> None:
    assert usable_weight(edges_between([("a", "b"), ("b", "c")], **measures)) == expected


def test_edge_weight_of_no_edges_and_of_edges_without_measures() -> None:
    assert usable_weight(GRAPH_EDGES.empty()) == "shared_viewers"
    with pytest.raises(ValueError, match="have none of"):
        usable_weight(edges_between([("a", "b")]))
