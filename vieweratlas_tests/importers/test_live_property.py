"""Whatever the shape, every (channel, minute, chatter) of a folder arrives exactly once."""

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
    Told,
    csv_by_chatter,
    csv_by_username,
    csv_of_lists,
    json_array,
    json_flat,
    seen_by_hand,
    seen_in_lake,
    take_in,
)

START = dt.datetime(2020, 3, 1, 22, tzinfo=dt.UTC)

logins = st.text("abcXYZ_019", min_size=1, max_size=6)
# What no login holds, but a file may.
names = logins | st.text("aB_é🎮日'\"\\,;|[]{}() -", min_size=1, max_size=6)
channels = st.sampled_from(["alpha", "Beta", "under_score", "x_20200101_000000", "_", "o"])
# Few minutes around midnight, so that snapshots share minutes, hours and days.
times = st.integers(0, 4 * 3600).map(lambda s: START + dt.timedelta(seconds=s)) | st.sampled_from(
    [START + dt.timedelta(seconds=s) for s in (0, 59, 60, 7199, 7200)]
)


def snapshots_with(chatters: st.SearchStrategy[str]) -> st.SearchStrategy[list[Told]]:
    return st.lists(
        st.builds(Told, channels, times, st.lists(chatters, max_size=5).map(tuple)), min_size=1, max_size=12
    )


EXAMPLE = [
    Told("alpha", START, ("Ann", "ann", " ANN ")),
    Told("alpha", START + dt.timedelta(seconds=59), ("bob",)),
    Told("Alpha", START + dt.timedelta(seconds=60), ()),
    Told("x_20200101_000000", START + dt.timedelta(hours=2), ("o'brien", 'say "hi"', "a,b", "a;b", "日本")),
]

Write = Callable[[Path, list[Told]], None]
WITH_ANY_NAME: dict[str, Write] = {
    "one JSON file a snapshot": json_flat,
    "a JSON array": json_array,
    "a CSV row a username": csv_by_username,
    "a CSV row a chatter": csv_by_chatter,
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


def arrives_exactly_once(write: Write, told: list[Told]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch) / "theirs", LocalStore(Path(scratch) / "lake")
        write(folder, told)
        # Small batches, so that one file is spread over several writes.
        done = take_in(folder, store, limits=BatchLimits(names=4, snapshots=3, files=2))
        assert done.report.rejections == []
        assert seen_in_lake(store) == seen_by_hand(told)


@pytest.mark.parametrize("write", WITH_ANY_NAME.values(), ids=WITH_ANY_NAME)
@often
@given(told=snapshots_with(names))
@example(told=EXAMPLE)
def test_every_chatter_of_every_minute_arrives_exactly_once(write: Write, told: list[Told]) -> None:
    arrives_exactly_once(write, told)


@pytest.mark.parametrize("write", WITH_LOGINS.values(), ids=WITH_LOGINS)
@often
@given(told=snapshots_with(logins))
def test_every_login_of_a_list_without_quotes_arrives_exactly_once(write: Write, told: list[Told]) -> None:
    arrives_exactly_once(write, told)


@often
@given(told=snapshots_with(names), again=st.booleans())
def test_all_shapes_beside_one_another_say_no_more_than_one(told: list[Told], again: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch) / "theirs", LocalStore(Path(scratch) / "lake")
        for number, write in enumerate(WITH_ANY_NAME.values()):
            write(folder / str(number), told)
        done = take_in(folder, store)
        if again:
            take_in(folder, store, replace=True)
        assert done.report.rejections == []
        assert seen_in_lake(store) == seen_by_hand(told)
