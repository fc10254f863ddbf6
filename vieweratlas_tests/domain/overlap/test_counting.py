import datetime as dt
import itertools
import random
import string
from collections import Counter

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.presence_pairs import code_presence
from vieweratlas_assets.domain.overlap.counting import SHARED, SIZES, Overlap, count_overlap, overlap_of
from vieweratlas_assets.domain.overlap.pairs import WindowPairs
from vieweratlas_tests.domain.overlap.samples import (
    CHANNELS,
    FIRST,
    PLENTY,
    Pairs,
    audiences,
    pair_lists,
    pairs_frame,
    shared_by_hand,
    window_of,
)

EVERYBODY = [(channel, "ann") for channel in CHANNELS]


def _without_the_busiest(pairs: Pairs, most: int) -> Pairs:
    channels = Counter(viewer for _, viewer in set(pairs))
    return [pair for pair in pairs if channels[pair[1]] <= most]


@given(
    st.lists(pair_lists, max_size=3),
    st.integers(1, 4),
    st.integers(0, 4),
    st.none() | st.integers(1, 4),
    st.sampled_from((1, 40, 100, PLENTY)),
)
@example([], 1, 0, None, 1)
@example([[]], 1, 0, None, 1)
@example([[("alpha", "ann"), ("alpha", "bob")]], 1, 0, None, 1)
@example([[("alpha", "ann")]], 1, 0, None, 1)
@example([EVERYBODY], 1, 0, None, 1)
@example([EVERYBODY, EVERYBODY], 2, 0, 4, 40)
@example([[("b", "ann"), ("a", "ann")] * 5], 1, 2, 1, PLENTY)
def test_a_window_of_days_is_counted_as_by_hand(
    days: list[Pairs], min_shared: int, minimum: int, most: int | None, memory_bytes: int
) -> None:
    with window_of(days, memory_bytes) as window:
        overlap = count_overlap(
            window,
            min_shared=min_shared,
            min_channel_viewers=minimum,
            max_channels_per_viewer=most,
            memory_bytes=memory_bytes,
        )
    everything = [pair for day in days for pair in day]
    kept = everything if most is None else _without_the_busiest(everything, most)
    viewers = audiences(kept)
    assert overlap.sizes.schema == SIZES
    assert overlap.shared.schema == SHARED
    assert overlap.sizes.rows() == [(channel, len(viewers[channel])) for channel in sorted(viewers)]
    large = [pair for pair in kept if len(viewers[pair[0]]) >= minimum]
    assert overlap.shared.rows() == shared_by_hand(large, min_shared)
    assert overlap.viewers == len({viewer for _, viewer in kept})
    assert overlap.viewers + overlap.viewers_left_out == len({viewer for _, viewer in everything})


@given(pair_lists, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(pairs: Pairs, shuffler: random.Random) -> None:
    mixed = list(pairs)
    shuffler.shuffle(mixed)
    _equal(overlap_of(pairs_frame(mixed)), overlap_of(pairs_frame(pairs)))


@given(
    st.lists(st.tuples(st.sampled_from(CHANNELS), st.lists(st.sampled_from(["ann", "bob", "", "😀"]))), max_size=20)
)
def test_presence_gives_the_same_overlap_as_its_pairs(rows: list[tuple[str, list[str]]]) -> None:
    presence = pl.DataFrame(rows, schema={"channel": pl.String, "chatters": pl.List(pl.String)}, orient="row")
    window = WindowPairs(PLENTY)
    window.add(FIRST, [code_presence(presence[:7], window.codes), code_presence(presence[7:], window.codes)])
    pairs = [(channel, name) for channel, chatters in rows for name in chatters]
    _equal(count_overlap(window), overlap_of(pairs_frame(pairs)))


def _equal(overlap: Overlap, expected: Overlap) -> None:
    assert overlap.sizes.equals(expected.sizes)
    assert overlap.shared.equals(expected.shared)
    assert overlap.viewers == expected.viewers


@pytest.mark.parametrize("memory_bytes", [400, 20_000, PLENTY])
def test_a_larger_window_in_many_rounds_and_on_disk(memory_bytes: int) -> None:
    draw = random.Random(7)
    # Squared: a few channels that most viewers visit and many that few do.
    days = [[(f"c{int(120 * draw.random() ** 2)}", f"v{draw.randrange(400)}") for _ in range(3000)] for _ in range(3)]
    expected = shared_by_hand(itertools.chain(*days), 3)
    assert len(expected) > 1000
    with window_of(days, memory_bytes) as window:
        assert count_overlap(window, min_shared=3, memory_bytes=memory_bytes).shared.rows() == expected


def test_more_viewers_than_one_part_takes_are_counted_in_parts() -> None:
    draw = random.Random(3)
    names = ["".join(draw.choices(string.ascii_lowercase, k=9)) for _ in range(60_000)]
    pairs = [(f"c{draw.randrange(8)}", name) for name in names for _ in range(3)]
    assert overlap_of(pairs_frame(pairs)).shared.rows() == shared_by_hand(pairs)


def test_a_window_moves_over_the_days_that_it_holds() -> None:
    days = [[("a", "ann"), ("b", "ann")], [("a", "bob"), ("b", "bob")], [("c", "ann"), ("a", "bob")]]
    window = window_of(days)
    first, second, third = (FIRST + dt.timedelta(days=number) for number in range(3))
    assert count_overlap(window, [first, second]).shared.rows() == [("a", "b", 2)]
    assert count_overlap(window, [second, third]).shared.rows() == [("a", "b", 1)]
    window.drop_before(third)
    assert window.days == {third}
    assert window.pairs == 2
    left = count_overlap(window)
    assert left.sizes.rows() == [("a", 1), ("c", 1)]
    assert left.shared.is_empty()


def test_other_columns_and_repeats_do_not_count() -> None:
    pairs = pairs_frame([("a", "ann"), ("b", "ann"), ("a", "ann")]).with_columns(buckets=pl.int_range(3))
    assert overlap_of(pairs).shared.rows() == [("a", "b", 1)]


def test_a_count_beyond_16_bits_is_exact() -> None:
    viewers = [str(number) for number in range(70_000)]
    pairs = pl.DataFrame({"channel": ["a"] * 70_000 + ["b"] * 70_000, "viewer": viewers * 2})
    assert overlap_of(pairs).shared.rows() == [("a", "b", 70_000)]


def test_the_smallest_count_stays_and_the_one_below_goes() -> None:
    pairs = [(channel, str(viewer)) for channel, size in (("a", 9), ("b", 5), ("c", 4)) for viewer in range(size)]
    assert overlap_of(pairs_frame(pairs), min_shared=5).shared.rows() == [("a", "b", 5)]


@pytest.mark.parametrize("min_shared", [0, -1])
def test_a_minimum_below_one_is_refused(min_shared: int) -> None:
    with pytest.raises(ValueError, match=f"min_shared is {min_shared}; it must be at least 1"):
        overlap_of(pairs_frame([]), min_shared=min_shared)
