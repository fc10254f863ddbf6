"""Presence as JSON: every layout of a file gives the same lake, and every bad record is named."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_CATALOG
from vieweratlas_assets.importers.vod_import import DayImported
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.importers.chats import (
    START,
    chat,
    comment,
    import_json,
    lake_bytes,
    reasons,
    record,
    write_json,
)

DAY = dt.date(2026, 7, 8)
KEY = lake.vod_presence("alpha", "77")
RECORDS = [record(0, ["Ann", "bob"]), record(60, []), record(7260, ["ann"])]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs"


def _chatters(store: LocalStore, key: str = KEY) -> dict[int, list[str]]:
    return dict(store.download_parquet(key, PRESENCE).select("offset_s", "chatters").rows())


def _lines(records: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(each) for each in records) + "\n"


LAYOUTS: dict[str, str | bytes] = {
    "list.json": json.dumps(RECORDS),
    "indented.json": json.dumps(RECORDS, indent=2),
    "lines.jsonl": _lines(RECORDS),
    "lines.ndjson": "\n" + _lines(RECORDS),
    "lines.json": _lines(RECORDS),
    "object.json": json.dumps({"version": 3, "snapshots": RECORDS, "count": 3}),
    "lists.json": json.dumps({"first": RECORDS[:1], "rest": RECORDS[1:]}),
    "list.json.gz": gzip.compress(json.dumps(RECORDS).encode()),
    "lines.jsonl.gz": gzip.compress(_lines(RECORDS).encode()),
    "mark.json": b"\xef\xbb\xbf" + json.dumps(RECORDS).encode(),
    "outer.json": json.dumps(
        {
            "channel": "ALPHA",
            "content_id": "vod:77",
            "records": [
                {name: value for name, value in each.items() if name not in ("channel", "content_id")}
                for each in RECORDS
            ],
        }
    ),
    "channel=alpha/vod=77/part-0000.json": json.dumps(
        [{name: value for name, value in each.items() if name not in ("channel", "content_id")} for each in RECORDS]
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_of_a_file_gives_the_same_lake(store: LocalStore, folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = LAYOUTS[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    report, days = import_json(folder, store)

    assert report.rejections == []
    assert report.counts == {"records read": 3, "VODs accepted": 1, "presence rows accepted": 3, "days": 1}
    assert days == [DayImported(DAY, 1, 3, 1)]
    assert _chatters(store) == {0: ["ann", "bob"], 60: [], 7260: ["ann"]}
    rows = store.download_parquet(KEY, PRESENCE)
    PRESENCE.validate(rows)
    assert rows["bucket_start"].to_list() == [START + dt.timedelta(seconds=offset) for offset in (0, 60, 7260)]
    assert store.download_parquet(lake.vod_catalog(DAY), VOD_CATALOG)["created_at"].to_list() == [START]


def test_one_file_may_hold_many_vods_and_one_vod_may_lie_in_many_files(store: LocalStore, folder: Path) -> None:
    other = {"channel": "beta", "content_id": "vod:9", "bucket_start": "2026-07-10T00:01:00Z"}
    first = [record(0, ["ann"]), record(60, ["zoe"], **other), record(60, ["ann"])]
    write_json(folder / "a.json", first)
    write_json(folder / "b/c.json", [record(60, ["bob"]), record(120, ["cid"], title="a title")])

    report, days = import_json(folder, store)

    assert report.rejections == []
    assert _chatters(store) == {0: ["ann"], 60: ["ann", "bob"], 120: ["cid"]}
    assert _chatters(store, lake.vod_presence("beta", "9")) == {60: ["zoe"]}
    assert days == [DayImported(DAY, 1, 3, 1), DayImported(dt.date(2026, 7, 10), 1, 1, 1)]
    assert store.download_parquet(lake.vod_catalog(DAY), VOD_CATALOG)["title"].to_list() == ["a title"]


def test_a_single_file_may_be_imported(store: LocalStore, folder: Path) -> None:
    write_json(folder / "a.json", RECORDS)
    write_json(folder / "b.json", [record(0, ["ann"], content_id="vod:78")])

    import_json(folder / "a.json", store)

    assert store.list_files(lake.VOD_PRESENCE) == [KEY]


@pytest.mark.parametrize(
    "changed",
    [
        {"content_id": None, "_content_id": "vod:77", "source": None, "_source": "vod"},
        {"content_id": "77"},
        {"content_id": 77},
        {"content_id": None, "vod_id": "77"},
        {"channel": "Unknown", "_channel": "Alpha"},
        {
            "game_name": "Unknown",
            "language": "unknown",
            "title": "",
            "channel_id": "Unknown",
            "started_at": "Unknown",
        },
        {"offset_s": 60.0, "bucket_len_s": 60.0},
        {"bucket_len_s": None, "platform": None, "viewer_count": None, "timestamp": None},
        {"bucket_start": "2026-07-08 12:03:51"},
        {"bucket_start": "2026-07-08T14:03:51+02:00"},
        {"chatters": ["ann", None, "ANN", " "]},
    ],
)
def test_older_names_placeholders_and_spellings_give_the_same_lake(
    store: LocalStore, folder: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    plain = LocalStore(tmp_path / "plain")
    import_json(write_json(tmp_path / "plain.json", [record(60, ["ann"])]), plain)

    report, _ = import_json(write_json(folder / "a.json", [record(60, ["ann"], **changed)]), store)

    assert report.rejections == []
    assert lake_bytes(store) == lake_bytes(plain)


BAD = [
    ({"offset_s": 61}, "offset_s is 61; it must be a multiple of 60, at least 0"),
    ({"offset_s": -60}, "offset_s is -60"),
    ({"offset_s": 60 * 2**40}, "offset_s is"),
    ({"offset_s": True}, "offset_s is True"),
    ({"offset_s": "0"}, "offset_s is '0'"),
    ({"offset_s": None}, "offset_s is missing; it must be a multiple of 60"),
    ({"bucket_len_s": 30}, "bucket_len_s is 30; only 60 is supported"),
    ({"chatters": "ann"}, "chatters is not a list of names"),
    ({"chatters": [1]}, "chatters is not a list of names"),
    ({"chatters": None}, "chatters is not a list of names"),
    ({"bucket_start": "soon"}, "bucket_start is 'soon', not an ISO 8601 time such as 2020-03-01T20:31:25Z"),
    ({"bucket_start": 1783512171}, "bucket_start is 1783512171, not an ISO 8601 time"),
    ({"title": ["x"]}, "title is ['x'], not text"),
]


@pytest.mark.parametrize(("changed", "reason"), BAD)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_bad_record_is_named_with_its_row_and_its_vod_rejected_until_it_is_mended(
    store: LocalStore, folder: Path, changed: dict[str, Any], reason: str, name: str
) -> None:
    bad = record(120, ["ann"], **changed)
    good = record(0, ["bob"], content_id="vod:78")
    listed = [record(0, ["ann"]), bad, good]
    path = folder / name
    path.write_text(_lines(listed) if name.endswith("l") else json.dumps(listed))

    report, _ = import_json(folder, store)

    given = reasons(report)
    assert set(given) == {f"{name}, row 2", f"{name}: VOD 77 of alpha"}
    assert given[f"{name}, row 2"].startswith(reason)
    assert given[f"{name}: VOD 77 of alpha"] == f"left out, because record 2 of {name} cannot be used"
    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "78")]
    path.write_text(
        _lines([record(0, ["ann"]), good]) if name.endswith("l") else json.dumps([record(0, ["ann"]), good])
    )
    assert import_json(folder, store)[0].counts["VODs accepted"] == 1
    assert _chatters(store) == {0: ["ann"]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"channel": "al', "the line is not JSON: "),
        ("[1]", "is [1], not a record (a JSON object)"),
        ('"text"', "is 'text', not a record (a JSON object)"),
        ('{"offset_s": 0}', "channel is missing, not a login"),
        ('{"channel": "alpha"}', "content_id is missing, not the id of a VOD such as 'vod:123'"),
        ('{"channel": "alpha", "content_id": "live:5"}', "content_id is 'live:5', not the id of a VOD"),
        ('{"channel": "\\ud800", "content_id": "vod:7"}', "a text holds half a character"),
        ("[" * 100_000, "the line is not JSON: nested too deeply"),
    ],
)
def test_a_line_without_a_vod_is_named_and_the_others_are_imported(
    store: LocalStore, folder: Path, line: str, reason: str
) -> None:
    (folder / "a.jsonl").write_text(_lines(RECORDS[:1]) + line + "\n" + _lines(RECORDS[1:]))

    report, _ = import_json(folder, store)

    assert list(reasons(report)) == ["a.jsonl, row 2"]
    assert reasons(report)["a.jsonl, row 2"].startswith(reason)
    assert len(_chatters(store)) == 3


def test_all_vods_of_a_cut_off_file_are_rejected_even_with_rows_in_other_files(
    store: LocalStore, folder: Path
) -> None:
    write_json(folder / "a.json", [record(0, ["ann"]), record(0, ["ann"], content_id="vod:78")])
    cut = write_json(folder / "b.json", [record(60, ["ann"]), record(120, ["ann"])])
    cut.write_bytes(cut.read_bytes()[:-30])

    report, _ = import_json(folder, store)

    given = reasons(report)
    assert given["b.json"].startswith("is not JSON near byte")
    assert "cut off" in given["b.json"]
    assert given["a.json, b.json: VOD 77 of alpha"] == "left out, because b.json cannot be read to its end"
    assert store.list_files(lake.VOD_PRESENCE) == [lake.vod_presence("alpha", "78")]


def test_the_reason_of_a_missing_creation_time_says_what_to_add(store: LocalStore, folder: Path) -> None:
    write_json(folder / "a.json", [record(0, ["ann"], bucket_start=None), record(60, ["ann"], bucket_start=None)])

    report, _ = import_json(folder, store)

    reason = reasons(report)["a.json: VOD 77 of alpha"]
    assert "creation time is not known" in reason
    assert "add a row with channel, vod_id, created_at to vods.csv" in reason
    (folder / "vods.csv").write_text(
        "channel,vod_id,created_at,title\nAlpha,77,2026-07-08T12:02:51Z,given\nbeta,1,2020-01-01,\n"
    )
    report, _ = import_json(folder, store)
    assert report.rejections == []
    assert report.counts["VODs in vods.csv without a file"] == 1
    assert store.download_parquet(KEY, PRESENCE)["bucket_start"][0] == START


def test_records_that_contradict_each_other_need_a_row_in_vods_csv(store: LocalStore, folder: Path) -> None:
    write_json(folder / "a.json", [record(0, ["ann"]), record(60, ["ann"], bucket_start="2026-07-08T12:02:51Z")])

    reason = reasons(import_json(folder, store)[0])["a.json: VOD 77 of alpha"]

    assert "put the VOD's creation at 2 times, 2026-07-08 12:01:51+00:00 to 2026-07-08 12:02:51+00:00" in reason
    (folder / "vods.csv").write_text("channel,vod_id,created_at\nalpha,77,2026-07-08T12:02:51Z\n")
    assert import_json(folder, store)[0].rejections == []


def test_the_rejection_of_a_twitchdownloader_chat_names_its_command(store: LocalStore, folder: Path) -> None:
    write_json(folder / "a.json", chat([comment(1, "ann")]))

    report, _ = import_json(folder, store)

    assert reasons(report) == {"a.json": "is a chat by TwitchDownloader: use `vieweratlas import twitchdownloader`"}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[[]]", "[1, 2]"])
def test_a_file_without_records_leaves_the_lake_empty(store: LocalStore, folder: Path, text: str) -> None:
    (folder / "a.json").write_text(text)

    report, days = import_json(folder, store)

    assert (report.rejections == []) == (text == "[]")
    assert days == []
    assert store.list_files() == []


def test_many_records_pass_through_in_batches(
    store: LocalStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [
        record(offset * 60, [f"v{offset % 11}", f"v{offset % 3}"], content_id=f"vod:{vod}", channel=f"c{vod % 2}")
        for offset in range(40)
        for vod in range(5)
    ]
    write_json(folder / "a.json", records)
    whole = LocalStore(tmp_path / "whole")
    import_json(folder, whole)
    monkeypatch.setattr("vieweratlas_assets.importers.vod_json.BATCH_CHATTERS", 7)

    report, _ = import_json(folder, store)

    assert report.counts["VODs accepted"] == 5
    assert report.counts["presence rows accepted"] == 200
    assert lake_bytes(store) == lake_bytes(whole)
