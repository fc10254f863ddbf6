"""The number of channels per viewer, and who saw them."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.viewer_counts import count_viewers, pair_digests, viewer_digests
from vieweratlas_tests.domain.presence.samples import WEIRD

PAIRS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(WEIRD)), st.sampled_from(["live", "vod", "live+vod"])
)


@given(PAIRS, st.integers(0, 8))
def test_viewers_are_counted_as_by_hand_in_any_pieces(pairs: dict[tuple[str, str], str], cut: int) -> None:
    frame = pl.DataFrame(
        [(viewer, sources) for (_, viewer), sources in pairs.items()],
        schema={"viewer": pl.String, "sources": pl.String},
        orient="row",
    )
    counts = count_viewers([pair_digests(frame[:cut]), pair_digests(frame[cut:])])
    names = sorted({viewer for _, viewer in pairs})
    digests = viewer_digests(pl.Series(names, dtype=pl.String)).tolist()
    expected = {
        digest: sum(viewer == name for _, viewer in pairs) for digest, name in zip(digests, names, strict=True)
    }
    assert dict(zip(counts.viewers.tolist(), counts.channels.tolist(), strict=True)) == expected
    assert (np.diff(counts.viewers.astype(np.float64)) >= 0).all()
    for source in ("live", "vod"):
        seen = {viewer for (_, viewer), sources in pairs.items() if source in sources}
        assert counts.seen_by(source) == len(seen)
    often = counts.those(counts.channels > 1)
    assert sorted(often.channels.tolist()) == sorted(number for number in expected.values() if number > 1)
