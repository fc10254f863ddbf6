"""Coded pairs: none is lost, all pairs of a viewer are together, and days come and go."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vieweratlas_assets.domain.overlap.pairs import ChannelCodes, CodedPairs, WindowPairs, code_audience
from vieweratlas_tests.domain.overlap.samples import FIRST, PLENTY, Pairs, pair_lists, pairs_frame, window_of


def digest(viewer: str) -> int:
    return int(pl.Series([viewer]).hash()[0])


def held_by(window: WindowPairs, days: Iterable[dt.date] | None = None) -> Counter[tuple[str, int]]:
    """How often a window holds each channel and digest."""
    channels = window.codes.names()
    return Counter(
        (channels[code], int(viewer))
        for viewers, codes in window.parts(days)
        for viewer, code in zip(viewers, codes, strict=True)
    )


def coded(pairs: Pairs) -> Counter[tuple[str, int]]:
    return Counter((channel, digest(viewer)) for channel, viewer in pairs)


def test_channels_are_numbered_in_order_of_first_occurrence() -> None:
    codes = ChannelCodes()
    assert codes.code(["b", "a", "b"]).tolist() == [0, 1, 0]
    assert codes.code(["c", "a"]).tolist() == [2, 1]
    assert (codes.names(), len(codes)) == (["b", "a", "c"], 3)


def test_consecutive_pairs_of_a_channel_are_one_run() -> None:
    pairs = code_audience(pairs_frame([("b", "ann"), ("b", "bob"), ("a", "ann"), ("b", "cid")]), ChannelCodes())
    assert pairs.ends.tolist() == [2, 3, 4]
    assert pairs.channels.tolist() == [0, 1, 0]
    assert pairs.viewers.tolist() == [digest(name) for name in ("ann", "bob", "ann", "cid")]


@given(st.lists(pair_lists, max_size=3), st.sampled_from((1, 100, PLENTY)))
@settings(max_examples=40)
@example([[(f"c{number % 3}", f"v{number}") for number in range(3000)]], 1)
def test_no_pair_is_lost_in_memory_or_on_disk(days: list[Pairs], memory_bytes: int) -> None:
    with window_of(days, memory_bytes) as window:
        assert held_by(window) == coded([pair for day in days for pair in day])
        for number, pairs in enumerate(days):
            assert held_by(window, [FIRST + dt.timedelta(days=number)]) == coded(pairs)


@pytest.mark.parametrize("memory_bytes", [1, PLENTY])
def test_all_pairs_of_a_viewer_are_in_one_part(memory_bytes: int) -> None:
    # More pairs than are processed together.
    names = [f"v{number}" for number in range(80_000)]
    pairs = [(f"c{number % 40_000 % 7}", names[number % 40_000 + number // 40_000]) for number in range(80_000)]
    with window_of([pairs], memory_bytes) as window:
        read = [(viewers.tolist(), codes.tolist()) for viewers, codes in window.parts()]
        code = {name: number for number, name in enumerate(window.codes.names())}
    assert len(read) > 1
    digests = pl.Series([viewer for _, viewer in pairs]).hash().to_list()
    expected = set(zip(digests, (code[channel] for channel, _ in pairs), strict=True))
    assert {pair for viewers, codes in read for pair in zip(viewers, codes, strict=True)} == expected
    assert sum(len(set(viewers)) for viewers, _ in read) == len(set(digests))


def test_days_before_a_day_are_dropped() -> None:
    window = window_of([[("a", "ann")], [("b", "bob")], [("c", "cid")]])
    window.drop_before(FIRST + dt.timedelta(days=1))
    assert window.days == {FIRST + dt.timedelta(days=number) for number in (1, 2)}
    assert held_by(window) == coded([("b", "bob"), ("c", "cid")])
    with pytest.raises(KeyError):
        list(window.parts([FIRST]))


def test_nothing_is_kept_of_a_day_that_fails() -> None:
    with window_of([[("a", "ann")]], memory_bytes=1) as window:
        chunk = code_audience(pairs_frame([("b", "ann")]), window.codes)

        def broken() -> Iterator[CodedPairs]:
            yield chunk
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            window.add(FIRST + dt.timedelta(days=1), broken())
        assert window.days == {FIRST}
        assert window.pairs == 1
        assert held_by(window) == Counter({("a", digest("ann")): 1})


def test_pairs_beyond_the_memory_limit_are_kept_on_disk() -> None:
    pairs = [(f"c{number % 7}", f"v{number % 50}") for number in range(350)]
    with window_of([pairs] * 4) as held, window_of([pairs] * 4, memory_bytes=1) as spilled:
        assert spilled.pairs_in_memory == 0
        assert held.pairs_in_memory == held.pairs == spilled.pairs
        assert held_by(spilled) == held_by(held)
    assert (held.pairs, spilled.pairs) == (0, 0)
