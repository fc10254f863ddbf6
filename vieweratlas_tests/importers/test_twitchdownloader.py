"""TwitchDownloader chat: presence is stored, texts are not, and every oddity of real files is handled."""

import datetime as dt
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.importers.documents import DocumentError
from vieweratlas_assets.importers.vod_import import DayImported
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.chats import (
    SECRET,
    START,
    chat,
    comment,
    expected_minutes,
    import_chat,
    lake_bytes,
    reasons,
    write_json,
)

DAY = dt.date(2026, 7, 8)
KEY = lake.vod_presence("alpha", "77")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat/77.json"


def _minutes(store: LocalStore, key: str = KEY) -> dict[int, list[str]]:
    return dict(store.download_parquet(key, PRESENCE).select("offset_s", "chatters").rows())


def test_who_wrote_in_which_minute_is_stored_completely(store: LocalStore, file: Path) -> None:
    comments = [comment(0, "Ann"), comment(59.9, "bob"), comment(60, "ann"), comment(61, "ann"), comment(7261, "cid")]
    write_json(file, chat(comments))

    report, days = import_chat(file, store)

    assert _minutes(store) == {0: ["ann", "bob"], 60: ["ann"], 7260: ["cid"]}
    rows = store.download_parquet(KEY, PRESENCE)
    PRESENCE.validate(rows)
    assert rows["bucket_start"].to_list() == [START + dt.timedelta(seconds=offset) for offset in (0, 60, 7260)]
    assert rows["channel_id"].to_list() == ["42"] * 3
    assert rows["game_name"].to_list() == [None] * 3
    catalog = store.download_parquet(lake.vod_catalog(DAY), VOD_CATALOG)
    assert catalog.rows() == [("alpha", "42", "77", START, "a title", None, 3600, 9, None)]
    assert days == [DayImported(DAY, 1, 3, 1)]
    assert report.counts == {"comments read": 5, "VODs accepted": 1, "presence rows accepted": 3, "days": 1}
    assert report.rejections == []


def test_no_text_biography_or_picture_reaches_the_lake(store: LocalStore, file: Path) -> None:
    write_json(file, chat([comment(offset, f"viewer{offset}") for offset in range(0, 600, 7)]))

    import_chat(file, store)

    tables = [pq.read_table(Path(store.root) / key, partitioning=None) for key in store.list_files()]
    everything = lake_bytes(store) + "".join(str(table.to_pydict()) for table in tables).encode()
    assert b"viewer595" in everything
    assert SECRET.encode() in file.read_bytes()
    for part in (SECRET, "what-some", "https", "2031"):
        assert part.encode() not in everything


@pytest.mark.parametrize(
    ("breaking", "fault"),
    [
        (lambda data: data[: data.rindex(SECRET.encode()) + 5], "premature EOF, the file is cut off"),
        (lambda data: data[:-200] + b"\xff\xfe secret \x01" + data[-200:], "invalid bytes in UTF8 string"),
        (lambda data: data.replace(b'"bob"', b'"bob" secret'), "invalid char in json text"),
        (lambda data: data + b"secret", "trailing garbage"),
    ],
)
def test_a_fault_is_reported_without_the_text_around_it(
    store: LocalStore, file: Path, breaking: Callable[[bytes], bytes], fault: str
) -> None:
    write_json(file, chat([comment(1, "ann"), comment(2, "bob")]))
    file.write_bytes(breaking(file.read_bytes()))

    report, _ = import_chat(file, store)

    reason = reasons(report)["77.json"]
    assert reason.startswith("is not JSON near byte ")
    assert fault in reason
    assert not any(word in reason for word in ("what-", "secret", "ann", "bob", "\n"))
    assert store.list_files() == []


@pytest.mark.parametrize("form", ["plain", "gzip", "gzip without its suffix", "byte order mark", "both"])
def test_compression_and_byte_order_marks_change_nothing(store: LocalStore, tmp_path: Path, form: str) -> None:
    data = json.dumps(chat([comment(5, "ann")])).encode()
    if form in ("byte order mark", "both"):
        data = b"\xef\xbb\xbf" + data
    name = "c.json.gz" if form in ("gzip", "both") else "c.json"
    folder = tmp_path / "chat"
    folder.mkdir()
    (folder / name).write_bytes(gzip.compress(data) if form.startswith("gzip") or form == "both" else data)

    report, _ = import_chat(folder, store)

    assert report.rejections == []
    assert _minutes(store) == {0: ["ann"]}


@pytest.mark.parametrize(
    "changed",
    [
        {"FileInfo": None},
        {"clipper": None, "embeddedData": None},
        {"streamer__login": None},
        {"streamer__id": None},
        {"video__chapters": None, "video__game": None, "video__title": None, "video__length": None},
        {"video__created_at": "2026-07-08T12:02:51Z"},
        {"video__created_at": "2026-07-08T12:02:51.0000000Z"},
        {"video__created_at": "2026-07-08T14:02:51+02:00"},
    ],
)
def test_a_file_may_omit_optional_fields(store: LocalStore, file: Path, changed: dict[str, Any]) -> None:
    write_json(file, chat([comment(61, "ann")], **changed))

    report, _ = import_chat(file, store)

    assert report.rejections == []
    rows = store.download_parquet(KEY, PRESENCE)
    assert rows.select("channel", "bucket_start").rows() == [("alpha", START + dt.timedelta(seconds=60))]


def test_the_order_of_the_parts_of_a_file_does_not_matter(store: LocalStore, file: Path) -> None:
    document = chat([comment(61, "ann")])
    write_json(file, {name: document[name] for name in reversed(document)})

    assert import_chat(file, store)[0].rejections == []
    assert _minutes(store) == {60: ["ann"]}


@pytest.mark.parametrize(
    ("streamer", "name", "channel"),
    [
        ({"login": "Alpha_1", "name": "Somebody"}, "x.json", "alpha_1"),
        ({"login": None, "name": "Alpha_2"}, "beta_77.json", "alpha_2"),
        ({"name": "アルファ"}, "Al_pha_77.json", "al_pha"),
        ({"name": "two words"}, "alpha_77.json.gz", "alpha"),
        ({}, "alpha_77.json", "alpha"),
        ({"login": "", "name": ""}, "alpha_77.json", "alpha"),
        ({"name": "アルファ"}, "chat.json", None),
        ({"name": None}, "alpha.json", None),
        (None, "alpha_v77.json", None),
    ],
)
def test_the_channel_is_a_login_from_the_file_or_its_name_or_the_file_is_rejected(
    store: LocalStore, tmp_path: Path, streamer: Any, name: str, channel: str | None
) -> None:
    write_json(tmp_path / "chat" / name, chat([comment(1, "ann")], streamer=streamer))

    report, _ = import_chat(tmp_path / "chat", store)

    if channel is None:
        assert "the channel is not known" in reasons(report)[name]
        assert "name the file <channel>_<id>.json" in reasons(report)[name]
    else:
        assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence(channel, "77")]


def test_the_id_of_the_vod_may_come_from_the_file_name_alone(store: LocalStore, tmp_path: Path) -> None:
    write_json(tmp_path / "chat/alpha_123.json", chat([comment(1, "ann")], video__id=None))
    write_json(tmp_path / "chat/nothing.json", chat([comment(1, "ann")], video__id=None))

    report, _ = import_chat(tmp_path / "chat", store)

    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "123")]
    assert "the VOD is not known" in reasons(report)["nothing.json"]


@pytest.mark.parametrize("missing", [None, "", "0001-01-01T00:00:00", "soon", 1783512171])
def test_a_vod_without_a_creation_time_is_rejected_until_somebody_gives_one(
    store: LocalStore, file: Path, missing: Any
) -> None:
    write_json(file, chat([comment(1, "ann")], video__created_at=missing))

    report, _ = import_chat(file, store)

    assert "video.created_at is missing" in reasons(report)["77.json"]
    assert "vods.csv" in reasons(report)["77.json"]
    assert "--created-at" in reasons(report)["77.json"]
    assert store.list_files() == []
    assert import_chat(file, store, created_at=START)[0].rejections == []
    start = store.download_parquet(KEY, PRESENCE)["bucket_start"][0]
    store.delete(KEY)
    (file.parent / "vods.csv").write_text("channel,vod_id,created_at\nalpha,77,2026-07-08 12:02:51\n")
    assert import_chat(file, store)[0].rejections == []
    assert store.download_parquet(KEY, PRESENCE)["bucket_start"][0] == start == START


def test_a_given_creation_time_takes_precedence_over_the_file_and_applies_to_one_vod(
    store: LocalStore, tmp_path: Path
) -> None:
    write_json(tmp_path / "chat/a.json", chat([comment(1, "ann")]))
    other = START + dt.timedelta(days=1)

    import_chat(tmp_path / "chat", store, created_at=other)

    assert store.download_parquet(KEY, PRESENCE)["bucket_start"].to_list() == [other]
    write_json(tmp_path / "chat/b.json", chat([comment(1, "ann")], video__id="78"))
    with pytest.raises(DocumentError, match=r"has 2 VODs, but --created-at applies to one; list .* in vods\.csv"):
        import_chat(tmp_path / "chat", store, created_at=other)


def test_comments_without_an_author_and_from_before_the_recording_are_counted_and_left_out(
    store: LocalStore, file: Path
) -> None:
    nameless = comment(3, "ann")
    nameless["commenter"]["name"] = None
    comments = [
        comment(-0.5, "early"),
        comment(-61, "early"),
        comment(2, None),
        nameless,
        comment(4, " "),
        comment(5, "b"),
    ]
    write_json(file, chat(comments))

    report, _ = import_chat(file, store)

    assert _minutes(store) == {0: ["b"]}
    assert report.counts["comments read"] == 6
    assert report.counts["comments before the recording, left out"] == 2
    assert report.counts["comments whose writer is not known, left out"] == 3


@pytest.mark.parametrize("offset", ["12", None, True, [], 1e300, 2**31])
def test_a_comment_without_an_offset_rejects_its_vod_with_the_comments_number(
    store: LocalStore, file: Path, offset: Any
) -> None:
    write_json(file, chat([comment(1, "ann"), comment(offset, "bob")]))
    write_json(file.with_name("78.json"), chat([comment(1, "ann")], video__id="78"))

    report, days = import_chat(file.parent, store)

    assert list(reasons(report)) == ["77.json"]
    assert "content_offset_seconds of comment 2 is" in reasons(report)["77.json"]
    # Comments of a rejected VOD are not counted.
    assert report.counts["comments read"] == 1
    assert [day.catalog_rows for day in days] == [1]
    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "78")]


def test_parts_of_a_vod_and_repeated_comments_are_merged(store: LocalStore, tmp_path: Path) -> None:
    comments = [comment(offset, f"v{offset % 7}", offset) for offset in range(0, 900, 11)]
    whole = write_json(tmp_path / "whole/77.json", chat(comments))
    write_json(tmp_path / "parts/77a.json", chat(comments[:50]))
    write_json(tmp_path / "parts/77b.json", chat(comments[40:] + comments[60:]))

    import_chat(whole, store)
    parts = LocalStore(tmp_path / "other")
    report, _ = import_chat(tmp_path / "parts", parts)

    assert lake_bytes(parts) == lake_bytes(store)
    assert _minutes(parts) == expected_minutes(
        (c["content_offset_seconds"], c["commenter"]["name"]) for c in comments
    )
    assert report.counts["VODs accepted"] == 1


def test_a_vod_with_a_broken_part_or_contradicting_times_is_rejected(store: LocalStore, tmp_path: Path) -> None:
    write_json(tmp_path / "chat/a.json", chat([comment(1, "ann")]))
    write_json(tmp_path / "chat/b.json", chat([comment("x", "ann")]))
    write_json(tmp_path / "chat/c.json", chat([comment(1, "ann")], video__id="78"))
    write_json(tmp_path / "chat/d.json", chat([comment(1, "ann")], video__id="78", video__created_at="2026-07-09"))

    report, _ = import_chat(tmp_path / "chat", store)

    given = reasons(report)
    assert given["a.json, b.json"].startswith("b.json content_offset_seconds of comment 1 is a string, not a number")
    assert "put the VOD's creation at 2026-07-08 12:02:51+00:00 and 2026-07-09" in given["c.json, d.json"]
    assert store.list_files() == []


def test_the_game_of_each_minute_is_that_of_its_chapter(store: LocalStore, file: Path) -> None:
    chapters = [
        {"startMilliseconds": 0, "gameDisplayName": "Chess"},
        {"startMilliseconds": 200_000, "gameDisplayName": None},
        {"startMilliseconds": 119_999, "gameDisplayName": "Tetris"},
        {"startMilliseconds": "later", "gameDisplayName": "Go"},
    ]
    comments = [comment(offset, "ann") for offset in range(0, 300, 60)]
    write_json(file, chat(comments, video__chapters=chapters, video__game="Tetris"))
    write_json(file.with_name("78.json"), chat(comments, video__id="78", video__game="Tetris"))

    import_chat(file.parent, store)

    games = store.download_parquet(KEY, PRESENCE)["game_name"].to_list()
    assert games == ["Chess", "Chess", "Tetris", "Tetris", None]
    assert set(store.download_parquet(lake.vod_presence("alpha", "78"), PRESENCE)["game_name"]) == {"Tetris"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON near byte 0: parse error: premature EOF, the file is cut off"),
        ("[]", "it is not a JSON object"),
        ("{}", "it has no list of comments"),
        ('{"streamer":{},"video":{},"comments":null}', "it has no list of comments"),
        ('{"streamer":5,"video":[],"comments":[]}', "the channel is not known"),
        ("<html>", "is not JSON"),
    ],
)
def test_a_file_of_another_kind_is_rejected_and_the_others_are_imported(
    store: LocalStore, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat/bad.json").write_text(text)
    write_json(tmp_path / "chat/good.json", chat([comment(1, "ann")]))
    (tmp_path / "chat/._good.json").write_text("left by a system")
    (tmp_path / "chat/notes.txt").write_text("not a chat")

    report, days = import_chat(tmp_path / "chat", store)

    assert list(reasons(report)) == ["bad.json"]
    assert reason in reasons(report)["bad.json"]
    assert len(days) == 1


def test_damaged_compression_is_named(store: LocalStore, tmp_path: Path) -> None:
    path = write_json(tmp_path / "chat/a.json.gz", chat([comment(n, f"viewer{n}") for n in range(2000)]))
    path.write_bytes(path.read_bytes()[:-200])
    write_json(tmp_path / "chat/b.json", chat([comment(1, "ann")], video__id="78"))

    report, _ = import_chat(tmp_path / "chat", store)

    assert "is a damaged gzip file" in reasons(report)["a.json.gz"]
    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "78")]


def test_a_chat_in_which_nobody_wrote_is_a_vod_without_rows(store: LocalStore, file: Path) -> None:
    write_json(file, chat([]))

    report, days = import_chat(file, store)

    assert days == [DayImported(DAY, 1, 0, 1)]
    assert report.rejections == []
    assert store.download_parquet(KEY, PRESENCE).equals(PRESENCE.empty())


def test_the_real_files_give_the_same_as_json_and_sets(shared_data: Path, store: LocalStore) -> None:
    folder = shared_data / "twitchdownloader"

    report, days = import_chat(folder, store)

    assert report.rejections == []
    assert report.counts == {
        "comments read": 1_179,
        "VODs accepted": 3,
        "presence rows accepted": 203,
        "days": 3,
    }
    assert [(str(day.day), day.vods, day.snapshots) for day in days] == [
        ("2026-02-15", 1, 63),
        ("2026-07-08", 1, 99),
        ("2026-08-21", 1, 41),
    ]
    pairs = 0
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        expected = expected_minutes(
            (c["content_offset_seconds"], c["commenter"]["name"]) for c in document["comments"]
        )
        channel, vod_id = path.stem.rsplit("_", 1)
        assert _minutes(store, lake.vod_presence(channel, vod_id)) == expected
        start = dt.datetime.fromisoformat(document["video"]["created_at"]).replace(tzinfo=dt.UTC)
        starts = store.download_parquet(lake.vod_presence(channel, vod_id), PRESENCE)["bucket_start"].to_list()
        assert starts == [start + dt.timedelta(seconds=offset) for offset in expected]
        pairs += sum(map(len, expected.values()))
    assert b"xxxx" not in lake_bytes(store)
    assert pairs == 838
