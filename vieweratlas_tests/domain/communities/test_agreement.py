import itertools
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.communities.agreement import Agreement, agreement, mean_pairwise_rand_index

labelings = st.integers(2, 14).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 4), min_size=size, max_size=size)] * 2)
)


def _frame(labels: Mapping[str, object]) -> pl.DataFrame:
    return pl.DataFrame({"channel": list(labels), "community": list(labels.values())})


def _frames(left: list[int], right: list[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    communities = {f"c{number}": label for number, label in enumerate(left)}
    reference = {f"c{number}": f"community {label}" for number, label in enumerate(right)}
    return _frame(communities), _frame(reference)


def _rand_by_hand(left: list[int], right: list[int]) -> float:
    """Hubert and Arabie 1985, counted pair by pair."""
    together = [(left[a] == left[b], right[a] == right[b]) for a, b in itertools.combinations(range(len(left)), 2)]
    both = sum(one and other for one, other in together)
    mine, theirs = (sum(pair[side] for pair in together) for side in (0, 1))
    expected, most = mine * theirs / len(together), (mine + theirs) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _information_by_hand(left: list[int], right: list[int]) -> float:
    def entropy(labels: Sequence[Hashable]) -> float:
        return -sum(n / len(labels) * math.log(n / len(labels)) for n in Counter(labels).values())

    mine, theirs, joint = entropy(left), entropy(right), entropy(list(zip(left, right, strict=True)))
    return 1.0 if mine == theirs == 0 else 2 * (mine + theirs - joint) / (mine + theirs)


def _full_agreement(result: Agreement, channels: int) -> bool:
    same = result.normalized_mutual_information == pytest.approx(1.0)
    return same and (result.adjusted_rand_index, result.channels) == (1.0, channels)


@given(labelings)
def test_indices_are_counted_as_by_hand(pair: tuple[list[int], list[int]]) -> None:
    result = agreement(*_frames(*pair))
    assert result.channels == len(pair[0])
    assert result.adjusted_rand_index == pytest.approx(_rand_by_hand(*pair), abs=1e-9)
    assert result.normalized_mutual_information == pytest.approx(_information_by_hand(*pair), abs=1e-9)


def test_only_channels_with_a_community_in_both_are_compared() -> None:
    communities = _frame({"a": 0, "b": 0, "c": 1, "d": 1, "e": None, "mine": 0})
    reference = _frame({"d": "x", "c": "x", "b": "y", "a": "y", "e": "y", "theirs": "x"})
    assert _full_agreement(agreement(communities, reference), 4)


def test_partitions_of_single_channels_agree() -> None:
    alone = _frame({f"c{number}": number for number in range(40)})
    assert _full_agreement(agreement(alone, alone), 40)


@pytest.mark.parametrize(
    ("communities", "reference"),
    [({"a": 0}, {"b": 0}), ({"a": None, "b": 1}, {"a": 1, "b": None})],
)
def test_partitions_without_a_common_channel_are_refused(
    communities: dict[str, object], reference: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="no channel has a community in both"):
        agreement(_frame(communities), _frame(reference))


def test_the_mean_is_over_every_pair() -> None:
    partitions = [[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]]
    pairs = [_rand_by_hand(a, b) for a, b in itertools.combinations(partitions, 2)]
    assert pairs[0] == 1.0
    assert pairs[1] < 0
    assert mean_pairwise_rand_index([np.array(part) for part in partitions]) == pytest.approx(sum(pairs) / 3)


@pytest.mark.parametrize("partitions", [[], [np.array([0, 1])]])
def test_fewer_than_two_partitions_have_no_mean(partitions: list[np.ndarray]) -> None:
    assert mean_pairwise_rand_index(partitions) is None
