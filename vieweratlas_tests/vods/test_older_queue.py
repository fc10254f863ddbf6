"""The queue file of an earlier tool."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.importers.documents import DocumentError
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.older_queue import read_older_queue
from vieweratlas_assets.vods.queue import VodQueue
from vieweratlas_assets.vods.tables import State


def entry(number: int, status: str, **more: Any) -> dict[str, Any]:
    return {
        "vod_id": str(number),
        "channel_login": "Ann",
        "status": status,
        "attempt_count": 2,
        "next_attempt_at": "2026-10-05T18:00:00Z",
        "lease_expires_at": None,
        "processing_by": "old-host",
        "created_at": "2026-10-04T00:00:00Z",
        "updated_at": "2026-10-04T00:00:00Z",
        "vod_created_at": "2026-10-03T18:00:07+00:00",
    } | more


@pytest.mark.parametrize("wrapped", [False, True])
def test_each_valid_entry_is_imported_in_its_state(tmp_path: Path, wrapped: bool) -> None:
    listed = [
        entry(1, "pending"),
        entry(2, "processing", attempt_count=5),
        entry(3, "completed"),
        entry(4, "failed", attempt_count=5, error="HTTP 500"),
        entry(5, "skipped"),
        entry(6, "gone"),
        entry(7, "pending", vod_created_at=None),
        entry(8, "pending", channel_login="no login"),
        entry(9, "pending", vod_id="abc"),
        "nonsense",
    ]
    path = tmp_path / "vod_queue.json"
    path.write_text(json.dumps({"vods": listed} if wrapped else listed), encoding="utf-8-sig")
    entries, rejected = read_older_queue(path)
    assert [line.partition(": ")[0] for line in rejected] == [
        f"vod_queue.json, entry {number}" for number in range(6, 11)
    ]
    assert "status is 'gone'" in rejected[0]
    assert "vod_created_at is None" in rejected[1]
    database = Database(f"sqlite:///{tmp_path}/queue.db")
    queue = VodQueue(database)
    assert queue.add_older(entries) == 5
    assert queue.add_older(entries) == 0
    imported = {row["vod_id"]: (row["state"], row["attempts"], row["reason"]) for row in queue.rows()}
    assert imported == {
        "1": (State.PENDING, 2, None),
        "2": (State.PENDING, 4, None),
        "3": (State.COMPLETED, 2, None),
        "4": (State.FAILED, 5, "HTTP 500"),
        "5": (State.SKIPPED, 2, None),
    }
    (row, *_) = queue.rows()
    assert row["channel"] == "ann"
    assert row["vod_created_at"] == dt.datetime(2026, 10, 3, 18, 0, 7, tzinfo=dt.UTC)
    claim = queue.claim("one")
    assert claim is not None
    assert claim.attempt == 3
    database.close()


@pytest.mark.parametrize("text", ["", "{", "3", '{"a": [], "b": []}'])
def test_a_file_without_a_queue_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(DocumentError, match=r"q\.json"):
        read_older_queue(tmp_path / "q.json")
