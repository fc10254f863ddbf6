import random

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vieweratlas_assets.domain.overlap import counting
from vieweratlas_assets.domain.overlap.counting import SHARED, shared_viewers
from vieweratlas_tests.domain.overlap.samples import CHANNELS, Pairs, pair_lists, pairs_frame, shared_by_hand

EVERYBODY = [(channel, "ann") for channel in CHANNELS]


@given(pair_lists, st.integers(1, 4), st.sampled_from((1, 7, 12, 30, 32_000_000)))
@example([], 1, 1)
@example([("alpha", "ann"), ("alpha", "bob")], 1, 1)
@example(EVERYBODY, 1, 1)
@example(EVERYBODY, 2, 12)
@example([("alpha", "ann"), ("beta", "bob")], 1, 1)
@example([("b", "ann"), ("a", "ann")] * 5, 1, 32_000_000)
def test_every_pair_of_channels_is_counted_as_by_hand(pairs: Pairs, min_shared: int, block_entries: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "BLOCK_ENTRIES", block_entries)
        found = shared_viewers(pairs_frame(pairs), min_shared=min_shared)
    assert found.schema == SHARED
    assert found.rows() == shared_by_hand(pairs, min_shared)


@given(pair_lists, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(pairs: Pairs, shuffler: random.Random) -> None:
    mixed = list(pairs)
    shuffler.shuffle(mixed)
    assert shared_viewers(pairs_frame(mixed)).equals(shared_viewers(pairs_frame(pairs)))


@pytest.mark.parametrize("block_entries", [1, 300, 100_000])
def test_a_larger_world_in_many_blocks(block_entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(7)
    # Squared: a few channels that most viewers visit and many that few do.
    pairs = [(f"c{int(120 * draw.random() ** 2)}", f"v{draw.randrange(400)}") for _ in range(6000)]
    monkeypatch.setattr(counting, "BLOCK_ENTRIES", block_entries)
    expected = shared_by_hand(pairs, 3)
    assert len(expected) > 1000
    assert shared_viewers(pairs_frame(pairs), min_shared=3).rows() == expected


def test_other_columns_and_repeats_do_not_count() -> None:
    pairs = pairs_frame([("a", "ann"), ("b", "ann"), ("a", "ann")]).with_columns(buckets=pl.int_range(3))
    assert shared_viewers(pairs).rows() == [("a", "b", 1)]


def test_a_count_beyond_16_bits_is_exact() -> None:
    viewers = [str(number) for number in range(70_000)]
    pairs = pl.DataFrame({"channel": ["a"] * 70_000 + ["b"] * 70_000, "viewer": viewers * 2})
    assert shared_viewers(pairs).rows() == [("a", "b", 70_000)]


def test_the_smallest_count_stays_and_the_one_below_goes() -> None:
    pairs = [(channel, str(viewer)) for channel, size in (("a", 9), ("b", 5), ("c", 4)) for viewer in range(size)]
    assert shared_viewers(pairs_frame(pairs), min_shared=5).rows() == [("a", "b", 5)]


@pytest.mark.parametrize("min_shared", [0, -1])
def test_a_minimum_below_one_is_refused(min_shared: int) -> None:
    with pytest.raises(ValueError, match=f"min_shared is {min_shared}; it must be at least 1"):
        shared_viewers(pairs_frame([]), min_shared=min_shared)
