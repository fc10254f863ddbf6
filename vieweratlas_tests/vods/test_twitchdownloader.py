"""TwitchDownloaderCLI, played by a program that succeeds and fails as the real one does; and its files."""

import datetime as dt
import json
import os
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from vieweratlas_assets.clients.vod_chat import VodChatError, VodChatMisconfiguredError, VodGoneError
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.vods import twitchdownloader
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
from vieweratlas_assets.vods.sources import ChatRequest, FileSource
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.vods.twitchdownloader import TwitchDownloaderSource
from vieweratlas_assets.vods.worker import VodWorkers
from vieweratlas_tests.vods.conditions import when

CREATED = dt.datetime(2026, 10, 5, 18, tzinfo=dt.UTC)
VOD = QueuedVod("77", "ann", CREATED)
CHAT: dict[str, Any] = {
    "streamer": {"name": "Ann", "id": 1},
    "video": {
        "id": "77",
        "game": "Chess",
        "chapters": [{"startMilliseconds": 60_000, "gameDisplayName": "Go"}],
    },
    "comments": [
        {"content_offset_seconds": second, "commenter": {"name": name}, "message": {"body": "words"}}
        for second, name in ((1, "bob"), (59, "cid"), (61, "bob"), (7200, "dan"))
    ],
}
UNHANDLED = "Unhandled exception. System.AggregateException: One or more errors occurred. ({})"


def program(folder: Path, body: str) -> Path:
    """A program that first records its arguments; in its body `target` is the file to write, `chat` its text."""
    path = folder / "TwitchDownloaderCLI"
    path.write_text(
        "#!/usr/bin/env python3\nimport json, os, subprocess, sys, time\n"
        f"with open({str(folder / 'calls')!r}, 'a') as calls: print(json.dumps(sys.argv[1:]), file=calls)\n"
        "target = sys.argv[sys.argv.index('-o') + 1]\n"
        f"chat = {json.dumps(CHAT)!r}\n{body}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def source(folder: Path, body: str) -> TwitchDownloaderSource:
    return TwitchDownloaderSource(program(folder, body), timeout_s=30, output_limit_bytes=10**6)


def read(downloader: TwitchDownloaderSource) -> list[tuple[int, str | None]]:
    with downloader.chat(ChatRequest(VOD)) as chat:
        return [(comment.offset_s, comment.login) for page in chat.pages for comment in page]


def calls(folder: Path) -> list[list[str]]:
    """The arguments of each call."""
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


def test_it_is_called_as_its_readme_says_and_its_file_is_read(tmp_path: Path) -> None:
    downloader = source(tmp_path, "print('[STATUS] - Downloading 50%', end='\\r'); open(target, 'w').write(chat)")
    assert read(downloader) == [(1, "bob"), (59, "cid"), (61, "bob"), (7200, "dan")]
    [arguments] = calls(tmp_path)
    assert arguments[:3] == ["chatdownload", "--id", "77"]
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert (options["--collision"], options["--banner"], options["--compression"]) == ("Overwrite", "false", "None")
    folder = Path(options["-o"]).parent
    assert options["--temp-path"] == str(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("printed", "code", "error", "message"),
    [
        (UNHANDLED.format("Invalid VOD, deleted/expired VOD possibly?"), 134, VodGoneError, "deleted"),
        (UNHANDLED.format("Object reference not set to an instance of an object."), 134, VodChatError, "reference"),
        (UNHANDLED.format("Response status code does not indicate success: 503"), 134, VodChatError, "503"),
        ("Option 'id' is unknown.", 1, VodChatMisconfiguredError, "vod.cli_path"),
        ("", 0, VodChatError, "ended with 0"),
    ],
)
def test_failures_mean_what_their_message_says(
    tmp_path: Path, printed: str, code: int, error: type[Exception], message: str
) -> None:
    downloader = source(tmp_path, f"print({printed!r}, file=sys.stderr); sys.exit({code})")
    with pytest.raises(error, match=message):
        read(downloader)


def test_a_download_that_fails_with_many_threads_is_tried_again_with_one(tmp_path: Path) -> None:
    message = UNHANDLED.format("Received too many null comment lists. Try reducing your download threads.")
    downloader = source(
        tmp_path,
        f"if sys.argv[-1] != '1': print({message!r}, file=sys.stderr); sys.exit(134)\nopen(target, 'w').write(chat)",
    )
    assert len(read(downloader)) == 4
    assert [arguments[-1] for arguments in calls(tmp_path)] == ["4", "1"]


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = tmp_path / "child"
    body = f"child = subprocess.Popen(['sleep', '600']); open({str(pid_file)!r}, 'w').write(str(child.pid))"

    def clock() -> float:
        """An hour passes once the program has its child."""
        return 3600.0 if pid_file.exists() and pid_file.stat().st_size else 0.0

    monkeypatch.setattr(twitchdownloader, "time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
    with pytest.raises(VodChatError, match=r"vod\.cli_timeout"):
        read(source(tmp_path, f"{body}\ntime.sleep(600)"))
    child = int(pid_file.read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_the_folder_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    folders = [Path(tempfile.gettempdir()) / f"vieweratlas-vod-{pid}-test" for pid in (ended.pid, os.getpid())]
    for folder in folders:
        folder.mkdir()
        (folder / "1.json").write_text("words that must not stay")
    source(tmp_path, "")
    assert [folder.exists() for folder in folders] == [False, True]
    shutil.rmtree(folders[1])


def test_a_program_that_writes_without_end_is_killed(tmp_path: Path) -> None:
    downloader = source(
        tmp_path, "with open(target, 'w') as out:\n  while True: out.write('x' * 100000); out.flush()"
    )
    with pytest.raises(VodChatError, match=r"vod\.cli_output_limit"):
        read(downloader)


def test_a_program_that_prints_much_takes_no_memory(tmp_path: Path) -> None:
    downloader = source(tmp_path, "for _ in range(400): print('x' * 100000)\nopen(target, 'w').write(chat)")
    before = psutil.Process().memory_info().rss
    assert len(read(downloader)) == 4
    assert psutil.Process().memory_info().rss - before < 2e7


def test_a_missing_program_is_reported_with_its_setting(tmp_path: Path) -> None:
    downloader = TwitchDownloaderSource(tmp_path / "nowhere", timeout_s=1, output_limit_bytes=1)
    with pytest.raises(VodChatMisconfiguredError, match=r"vod\.cli_path is .*nowhere.*vod\.chat_source"):
        read(downloader)


def fetch(folder: Path, vod: QueuedVod, **settings: Any) -> tuple[VodQueue, LocalStore]:
    database = Database(f"sqlite:///{folder}/queue.db")
    queue, store = VodQueue(database), LocalStore(folder / "lake")
    queue.add([vod])
    VodWorkers(queue=queue, store=store, names=PLAIN, **settings).run()
    return queue, store


def test_each_minute_has_the_game_of_its_chapter(tmp_path: Path) -> None:
    queue, store = fetch(tmp_path, VOD, source=source(tmp_path, "open(target, 'w').write(chat)"))
    assert [row["state"] for row in queue.rows()] == [State.COMPLETED]
    rows = store.download_parquet(lake.vod_presence("ann", "77"), PRESENCE)
    assert rows.select("offset_s", "game_name", "chatters").rows() == [
        (0, "Chess", ["bob", "cid"]),
        (60, "Go", ["bob"]),
        (7200, "Go", ["dan"]),
    ]


def test_a_run_that_is_stopped_ends_the_program_and_returns_the_vod(tmp_path: Path) -> None:
    stop = threading.Event()
    downloader = source(tmp_path, "time.sleep(600)")
    when((tmp_path / "calls").exists, stop.set)
    began = time.monotonic()
    queue, _ = fetch(tmp_path, VOD, source=downloader, stop=stop)
    assert time.monotonic() - began < 30
    assert [(row["state"], row["attempts"]) for row in queue.rows()] == [(State.PENDING, 0)]


def test_the_program_is_ended_when_its_vod_is_skipped_by_hand(tmp_path: Path) -> None:
    queue = VodQueue(Database(f"sqlite:///{tmp_path}/queue.db"))
    when((tmp_path / "calls").exists, lambda: queue.skip_vods([VOD.vod_id], "by hand"))
    began = time.monotonic()
    fetch(tmp_path, VOD, source=source(tmp_path, "time.sleep(600)"), renew_every_s=0.1)
    assert time.monotonic() - began < 30
    assert [(row["state"], row["reason"]) for row in queue.rows()] == [(State.SKIPPED, "by hand")]


def test_every_file_that_it_wrote_becomes_presence(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "twitchdownloader"
    files = sorted(folder.glob("*.json"))
    assert len(files) == 3
    for path in files:
        login, _, vod_id = path.stem.rpartition("_")
        queue, store = fetch(tmp_path / vod_id, QueuedVod(vod_id, login, CREATED), source=FileSource(folder))
        expected: dict[int, set[str]] = defaultdict(set)
        comments = json.loads(path.read_text(encoding="utf-8-sig"))["comments"]
        for comment in comments:
            if comment["commenter"] is not None and comment["content_offset_seconds"] >= 0:
                name = comment["commenter"]["name"].strip().lower()
                expected[int(comment["content_offset_seconds"]) // 60 * 60].add(name)
        rows = store.download_parquet(lake.vod_presence(login, vod_id), PRESENCE)
        assert dict(zip(rows["offset_s"], map(set, rows["chatters"]), strict=True)) == expected
        (row,) = queue.rows()
        assert row["comments"] == len([each for each in comments if each["content_offset_seconds"] >= 0])
        assert row["chatters"] == len(set().union(*expected.values()))
