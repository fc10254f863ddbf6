"""In every layout, each (channel, minute, chatter) of a folder arrives in the lake exactly once."""

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vieweratlas_assets.importers.live import BatchLimits
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.snapshot_files import (
    SampleSnapshot,
    csv_by_chatter,
    csv_by_username,
    csv_of_lists,
    import_snapshots,
    json_array,
    json_flat,
    seen_by_hand,
    seen_in_lake,
)

START = dt.datetime(2020, 3, 1, 22, tzinfo=dt.UTC)

logins = st.text("abcXYZ_019", min_size=1, max_size=6)
# Characters that no login has, but a file may.
names = logins | st.text("aB_é🎮日'\"\\,;|[]{}() -", min_size=1, max_size=6)
channels = st.sampled_from(["alpha", "Beta", "under_score", "x_20200101_000000", "_", "o"])
# A few minutes around midnight, so that snapshots share minutes, hours and days.
times = st.integers(0, 4 * 3600).map(lambda s: START + dt.timedelta(seconds=s)) | st.sampled_from(
    [START + dt.timedelta(seconds=s) for s in (0, 59, 60, 7199, 7200)]
)


def snapshots_with(chatters: st.SearchStrategy[str]) -> st.SearchStrategy[list[SampleSnapshot]]:
    return st.lists(
        st.builds(SampleSnapshot, channels, times, st.lists(chatters, max_size=5).map(tuple)), min_size=1, max_size=12
    )


EXAMPLE = [
    SampleSnapshot("alpha", START, ("Ann", "ann", " ANN ")),
    SampleSnapshot("alpha", START + dt.timedelta(seconds=59), ("bob",)),
    SampleSnapshot("Alpha", START + dt.timedelta(seconds=60), ()),
    SampleSnapshot("x_20200101_000000", START + dt.timedelta(hours=2), ("o'brien", 'say "hi"', "a,b", "a;b", "日本")),
]

Write = Callable[[Path, list[SampleSnapshot]], None]
WITH_ANY_NAME: dict[str, Write] = {
    "one JSON file per snapshot": json_flat,
    "a JSON array": json_array,
    "a CSV row per username": csv_by_username,
    "a CSV row per chatter": csv_by_chatter,
    "a JSON list in a cell": csv_of_lists(lambda chatters: json.dumps(chatters, ensure_ascii=False)),
    "an escaped JSON list in a cell": csv_of_lists(json.dumps),
    "a Python list in a cell": csv_of_lists(lambda chatters: str(list(chatters))),
    "a Python tuple in a cell": csv_of_lists(str),
}
WITH_LOGINS: dict[str, Write] = {
    f"{separator!r} in a cell": csv_of_lists(separator.join) for separator in (";", "|", ",", " ", ", ", "\n")
} | {
    "a list without quotes": csv_of_lists(lambda chatters: f"[{', '.join(chatters)}]"),
    "a Python set": csv_of_lists(lambda chatters: str(set(chatters))),
    "as NumPy prints it": csv_of_lists(lambda chatters: f"[{' '.join(map(repr, chatters))}]"),
}
often = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def arrives_exactly_once(write: Write, snapshots: list[SampleSnapshot]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch) / "theirs", LocalStore(Path(scratch) / "lake")
        write(folder, snapshots)
        # Small batches, so that a file is spread over several writes.
        done = import_snapshots(folder, store, limits=BatchLimits(names=4, snapshots=3, files=2))
        assert done.report.rejections == []
        assert seen_in_lake(store) == seen_by_hand(snapshots)


@pytest.mark.parametrize("write", WITH_ANY_NAME.values(), ids=WITH_ANY_NAME)
@often
@given(snapshots=snapshots_with(names))
@example(snapshots=EXAMPLE)
def test_every_chatter_of_every_minute_arrives_exactly_once(write: Write, snapshots: list[SampleSnapshot]) -> None:
    arrives_exactly_once(write, snapshots)


@pytest.mark.parametrize("write", WITH_LOGINS.values(), ids=WITH_LOGINS)
@often
@given(snapshots=snapshots_with(logins))
def test_every_login_of_a_list_without_quotes_arrives_exactly_once(
    write: Write, snapshots: list[SampleSnapshot]
) -> None:
    arrives_exactly_once(write, snapshots)


@often
@given(snapshots=snapshots_with(names), again=st.booleans())
def test_all_layouts_in_one_folder_give_the_same_as_one(snapshots: list[SampleSnapshot], again: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch) / "theirs", LocalStore(Path(scratch) / "lake")
        for number, write in enumerate(WITH_ANY_NAME.values()):
            write(folder / str(number), snapshots)
        done = import_snapshots(folder, store)
        if again:
            import_snapshots(folder, store, replace=True)
        assert done.report.rejections == []
        assert seen_in_lake(store) == seen_by_hand(snapshots)
