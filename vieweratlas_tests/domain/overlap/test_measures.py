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
    found = with_measures(edges, sizes, total_viewers=total)
    assert found.schema == GRAPH_EDGES.schema
    return found.row(0, named=True)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 400), st.integers(0, 2000))
def test_measures_follow_their_formulas(a: int, b: int, shared: int, others: int) -> None:
    assume(shared <= min(a, b))
    total = a + b - shared + others
    found = _measured(shared, a, b, total)
    assert found["jaccard"] == pytest.approx(shared / (a + b - shared))
    assert found["overlap_coefficient"] == pytest.approx(shared / min(a, b))
    if total in (a, b):
        assert found["overlap_z"] is None
    else:
        independent = hypergeom(total, a, b)
        # Of two or three viewers SciPy cannot tell the kurtosis, and computes it with the mean.
        with np.errstate(all="ignore"):
            expected = (shared - independent.mean()) / independent.std()
        assert found["overlap_z"] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_sign_of_the_score_says_more_or_less_than_chance() -> None:
    # Of 1000 viewers, audiences of 100 and 200 share 20 by chance.
    scores = [_measured(shared, 100, 200, 1000)["overlap_z"] for shared in (10, 20, 40)]
    assert scores == [pytest.approx(-scores[2] / 2), pytest.approx(0, abs=1e-12), pytest.approx(scores[2])]
    assert scores[2] > 5


@pytest.mark.parametrize(("a", "b"), [(None, 5), (5, None), (None, None)])
def test_a_measure_that_needs_an_unknown_size_is_null(a: int | None, b: int | None) -> None:
    found = _measured(3, a, b, 100)
    assert found["shared_viewers"] == 3
    assert [found[name] for name in MEASURES[1:]] == [None] * 3


def test_channels_that_the_sizes_do_not_name_are_unknown() -> None:
    edges = pl.DataFrame({"channel_a": ["a"], "channel_b": ["x"], "shared_viewers": [3]})
    sizes = pl.DataFrame({"channel": ["a"], "viewers": [9]})
    assert with_measures(edges, sizes, total_viewers=99).row(0) == ("a", "x", 3, None, None, None)


def test_unknown_shared_viewers_leave_every_measure_null() -> None:
    assert list(_measured(None, 5, 6, 100).values())[2:] == [None] * 4


def test_without_the_number_of_all_viewers_only_the_score_is_null() -> None:
    found = _measured(3, 4, 6, None)
    assert found["overlap_z"] is None
    assert (found["jaccard"], found["overlap_coefficient"]) == (pytest.approx(3 / 7), 0.75)


@pytest.mark.parametrize(("shared", "a", "b", "total"), [(4, 4, 9, 9), (9, 9, 9, 9), (1, 1, 1, 1)])
def test_an_audience_that_is_everybody_has_no_score(shared: int, a: int, b: int, total: int) -> None:
    assert _measured(shared, a, b, total)["overlap_z"] is None


def test_large_audiences_keep_their_precision() -> None:
    found = _measured(1_000_000, 40_000_000, 50_000_000, 2_000_000_000)
    assert found["overlap_z"] == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(_measured(40_000_000, 40_000_000, 50_000_000, 2_000_000_000)["overlap_z"])


def test_no_edges_are_no_edges() -> None:
    edges = GRAPH_EDGES.empty().select("channel_a", "channel_b", "shared_viewers")
    sizes = pl.DataFrame(schema={"channel": pl.String, "viewers": pl.Int64})
    assert with_measures(edges, sizes, total_viewers=0).equals(GRAPH_EDGES.empty())


def test_a_pair_that_stands_twice_is_refused() -> None:
    edges = pl.DataFrame({"channel_a": ["a", "a"], "channel_b": ["b", "b"], "shared_viewers": [1, 2]})
    sizes = pl.DataFrame({"channel": ["a", "b"], "viewers": [3, 4]})
    with pytest.raises(SchemaError, match="graph_edges: more than one row"):
        with_measures(edges, sizes, total_viewers=9)


@pytest.mark.parametrize("held", MEASURES)
def test_an_imported_graph_is_weighed_with_what_it_holds(held: str) -> None:
    edges = edges_between(ring(["a", "b", "c"]), **{held: [2, None, 1]})
    assert [usable_weight(edges, wanted) for wanted in MEASURES] == [held] * 4


def test_the_wanted_weight_is_used_where_it_is_held_and_in_an_empty_graph() -> None:
    edges = edges_between(ring(["a", "b", "c"]), jaccard=[0.1] * 3, shared_viewers=[1] * 3)
    assert usable_weight(edges, "jaccard") == "jaccard"
    assert usable_weight(edges) == usable_weight(edges, "overlap_z") == "shared_viewers"
    assert usable_weight(GRAPH_EDGES.empty(), "overlap_z") == "overlap_z"


def test_unknown_weights_and_edges_without_any_are_refused_with_the_known_ones() -> None:
    known = "shared_viewers, jaccard, overlap_coefficient, overlap_z"
    with pytest.raises(ValueError, match=f"unknown weight 'weight'; known are {known}"):
        usable_weight(GRAPH_EDGES.empty(), "weight")
    with pytest.raises(ValueError, match=f"the edges hold none of {known}"):
        usable_weight(edges_between(ring(["a", "b", "c"])), "jaccard")
