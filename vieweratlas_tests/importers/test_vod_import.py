"""The import of VODs: every format gives the same lake, a corrected time moves a VOD, a kill loses nothing."""

import datetime as dt
import json
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.importers.vod_import import DayImported
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.chats import (
    START,
    chat,
    comment,
    expected_minutes,
    import_chat,
    import_json,
    import_parquet,
    lake_bytes,
    record,
    write_json,
)

KEY = lake.vod_presence("alpha", "77")
DAY = START.date()
LATER = START + dt.timedelta(days=3)
Written = list[tuple[float, str]]
letters = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
names = st.text(letters, min_size=1, max_size=6).filter(str.strip)
written = st.lists(st.tuples(st.integers(0, 400) | st.floats(0, 400, allow_nan=False), names), max_size=30)


def _as_chat(folder: Path, parts: list[Written]) -> None:
    for number, part in enumerate(parts):
        comments = [comment(offset, name, number) for offset, name in part]
        write_json(folder / f"alpha_{number}.json", chat(comments, video__title=None, streamer__id=None))


def _records(parts: list[Written]) -> list[list[dict[str, object]]]:
    return [[record(int(offset // 60) * 60, [name]) for offset, name in part] for part in parts]


def _as_json(folder: Path, parts: list[Written]) -> None:
    for number, part in enumerate(_records(parts)):
        if number % 2:
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in part))
        else:
            write_json(folder / f"{number}.json", {"records": part})


def _as_parquet(folder: Path, parts: list[Written]) -> None:
    folder.mkdir()
    schema = pl.Schema(
        {
            "channel": pl.String(),
            "content_id": pl.String(),
            "offset_s": pl.Int64(),
            "chatters": pl.List(pl.String()),
            "bucket_start": pl.String(),
        }
    )
    for number, part in enumerate(_records(parts)):
        pl.DataFrame(part, schema=schema).write_parquet(folder / f"{number}.parquet")


FORMATS: list[tuple[Callable[..., None], Callable[..., object]]] = [
    (_as_chat, import_chat),
    (_as_json, import_json),
    (_as_parquet, import_parquet),
]


@settings(max_examples=25, deadline=None)
@given(written.filter(bool), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_split_into_files_of_any_format_gives_the_same_presence(
    comments: Written, draw: random.Random, pieces: int
) -> None:
    shuffled = draw.sample(comments, len(comments))
    edges = sorted(draw.randint(0, len(comments)) for _ in range(pieces - 1))
    bounds = zip([0, *edges], [*edges, len(comments)], strict=True)
    parts = [shuffled[first:last] for first, last in bounds]
    objects = []
    with TemporaryDirectory() as scratch:
        for write, import_files in FORMATS:
            folder, store = Path(scratch) / write.__name__, LocalStore(Path(scratch) / f"lake{write.__name__}")
            write(folder, parts)
            import_files(folder, store)
            objects.append(store.download_bytes(KEY))
            rows = store.download_parquet(KEY, PRESENCE)
    # Polars and Python lowercase some letters differently; logins are ASCII.
    if all(name.isascii() for _, name in comments):
        assert dict(rows.select("offset_s", "chatters").rows()) == expected_minutes(comments)
    assert rows["bucket_start"].to_list() == [START + dt.timedelta(seconds=offset) for offset in rows["offset_s"]]
    assert objects[0] == objects[1] == objects[2]


def _catalogs(store: LocalStore) -> dict[str, list[str]]:
    return {
        str(lake.day_of(key)): store.download_parquet(key, VOD_CATALOG)["vod_id"].to_list()
        for key in store.list_files(lake.VOD_CATALOG)
    }


def _three(folder: Path) -> Path:
    for vod_id in ("77", "78", "79"):
        write_json(folder / f"{vod_id}.json", chat([comment(1, f"of{vod_id}")], video__id=vod_id))
    return folder


def test_a_vod_whose_creation_time_was_corrected_leaves_its_old_day(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    import_chat(_three(tmp_path / "chat"), store)

    report, days = import_chat(tmp_path / "chat/77.json", store, created_at=LATER)

    assert _catalogs(store) == {str(DAY): ["78", "79"], str(LATER.date()): ["77"]}
    assert days == [DayImported(DAY, 0, 0, 2, moved=1), DayImported(LATER.date(), 1, 1, 1)]
    assert report.counts["VODs moved from another day"] == 1
    assert store.download_parquet(KEY, PRESENCE)["bucket_start"].to_list() == [LATER]
    report, days = import_chat(tmp_path / "chat/77.json", store, created_at=LATER)
    assert days == [DayImported(LATER.date(), 0, 0, 1)]
    assert report.counts["VODs already there"] == 1
    assert not report.counts["VODs moved from another day"]


@pytest.mark.parametrize("replace", [True, False])
def test_a_corrected_time_gives_the_same_lake_as_a_time_right_from_the_start(tmp_path: Path, replace: bool) -> None:
    store, right = LocalStore(tmp_path / "lake"), LocalStore(tmp_path / "right")
    folder = _three(tmp_path / "chat")
    import_chat(folder, store)
    rows = (f"alpha,77,{LATER.isoformat()}", f"alpha,79,{(START - dt.timedelta(days=9)).isoformat()}")
    (folder / "vods.csv").write_text("\n".join(("channel,vod_id,created_at", *rows)))

    import_chat(folder, store, replace=replace)
    import_chat(folder, right)

    assert lake_bytes(store) == lake_bytes(right)


def test_a_day_that_loses_its_last_vod_loses_its_catalog_and_its_audience(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    import_chat(write_json(tmp_path / "77.json", chat([comment(1, "ann")])), store)
    record_of_audience = lake.partition_record("channel_audience", DAY)
    store.upload_bytes(record_of_audience, b"{}")

    _, days = import_chat(tmp_path / "77.json", store, created_at=LATER)

    assert _catalogs(store) == {str(LATER.date()): ["77"]}
    assert days[0] == DayImported(DAY, 0, 0, 0, moved=1)
    assert not store.exists(record_of_audience)


def test_a_damaged_catalog_of_another_day_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    other = lake.vod_catalog(LATER.date())
    store.upload_bytes(other, b"PAR1 cut off")

    report, days = import_chat(_three(tmp_path / "chat"), store)

    assert [each.file for each in report.rejections] == [other]
    assert days == [DayImported(DAY, 3, 3, 3)]
    assert store.download_bytes(other) == b"PAR1 cut off"


class InterruptedStore(LocalStore):
    """A store whose process dies before it writes the catalog of the new day."""

    def upload_bytes(self, key: str, data: bytes) -> str:
        if key == lake.vod_catalog(LATER.date()):
            raise KeyboardInterrupt
        return super().upload_bytes(key, data)


def test_an_interrupted_move_is_completed_by_the_next_import(tmp_path: Path) -> None:
    store, right = LocalStore(tmp_path / "lake"), LocalStore(tmp_path / "right")
    import_chat(_three(tmp_path / "chat"), store)
    import_chat(_three(tmp_path / "chat"), right)
    import_chat(tmp_path / "chat/77.json", right, created_at=LATER)

    with pytest.raises(KeyboardInterrupt):
        import_chat(tmp_path / "chat/77.json", InterruptedStore(tmp_path / "lake"), created_at=LATER)
    assert _catalogs(store) == {str(DAY): ["78", "79"]}

    import_chat(tmp_path / "chat/77.json", store, created_at=LATER)

    assert lake_bytes(store) == lake_bytes(right)


IMPORT = """
import datetime as dt, sys, time
from pathlib import Path
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.importers.twitchdownloader import plan_import
from vieweratlas_assets.importers.vod_import import run_import
from vieweratlas_assets.storage.local import LocalStore
plan = plan_import(Path(sys.argv[1]), first_day=dt.date(2018, 1, 1), last_day=dt.date(2026, 11, 22))
run_import(plan, LocalStore(sys.argv[2]), names=PLAIN, on_vod=lambda vod: time.sleep(0.02), on_day=lambda day: None)
"""


@pytest.mark.slow
def test_a_killed_import_ends_like_an_uninterrupted_one_after_another_run(tmp_path: Path) -> None:
    folder, store, whole = tmp_path / "chat", LocalStore(tmp_path / "lake"), LocalStore(tmp_path / "whole")
    for number in range(40):
        start = (START + dt.timedelta(days=number // 4)).isoformat()
        comments = [comment(offset, f"v{offset % 13}") for offset in range(0, 3000, 17)]
        write_json(folder / f"{number}.json", chat(comments, video__id=str(number), video__created_at=start))
    import_chat(folder, whole)
    for vods_before_kill in (3, 17, 30):
        process = subprocess.Popen([sys.executable, "-c", IMPORT, str(folder), str(store.root)])
        while len(store.list_files(lake.VOD_PRESENCE)) < vods_before_kill and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lake_bytes(store) != lake_bytes(whole), "no import was interrupted"

    report, _ = import_chat(folder, store)

    assert report.counts["VODs already there"] > 20
    assert lake_bytes(store) == lake_bytes(whole)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts_of_comments(tmp_path: Path) -> None:
    def peak(text: str) -> int:
        comments = [comment(n % 3600, f"v{n % 50}", n) for n in range(20_000)]
        for each in comments:
            each["message"]["body"] = text
        path = write_json(tmp_path / f"{len(text)}.json", chat(comments))
        size = path.stat().st_size
        del comments
        tracemalloc.start()
        import_chat(path, LocalStore(tmp_path / f"lake{len(text)}"))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest if size > 20_000 * len(text) else 0

    small, large = peak("x"), peak("x" * 2_000)

    assert 0 < large < small + 2_000_000  # the file grew by 40 MB
