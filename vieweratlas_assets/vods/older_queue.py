"""The queue file of earlier tools, vod_queue.json.

Belongs here: reading it. Not here: our queue (queue).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vieweratlas_assets.domain.presence.helix_values import text, time
from vieweratlas_assets.domain.presence.vod_catalog import finished_by
from vieweratlas_assets.importers.documents import DocumentError
from vieweratlas_assets.importers.logins import as_login
from vieweratlas_assets.vods.queue import LONGEST_REASON, MOST_ATTEMPTS, OlderEntry, QueuedVod
from vieweratlas_assets.vods.tables import State

STATES = {state.value: state for state in State} | {"processing": State.PENDING}


def read_older_queue(path: Path) -> tuple[list[OlderEntry], list[str]]:
    """Read a vod_queue.json: a list of entries, or an object with such a list.

    An entry has vod_id, channel_login, status and vod_created_at; attempt_count and error are optional. An entry with
    status processing becomes pending: its worker is gone.

    Returns:
        The valid entries, and for each other one its number (from 1) and the reason.

    Raises:
        DocumentError: the file cannot be read, or is not a list of VODs.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise DocumentError(f"{path} cannot be read: {reason}") from error
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 else document
    if not isinstance(document, list):
        raise DocumentError(f"{path} is not a list of VODs")
    entries, rejected = [], []
    for number, record in enumerate(document, start=1):
        entry = _entry(record)
        if isinstance(entry, str):
            rejected.append(f"{path.name}, entry {number}: {entry}")
        else:
            entries.append(entry)
    return entries, rejected


def _entry(record: Any) -> OlderEntry | str:
    """A record as an entry, or the reason why it is not valid."""
    if not isinstance(record, Mapping):
        return "it is not an object"
    vod_id = str(record.get("vod_id") or "").strip().lower().removeprefix("v")
    login, state = as_login(record.get("channel_login")), STATES.get(str(record.get("status")).lower())
    created_at, attempts = time(record.get("vod_created_at")), record.get("attempt_count") or 0
    is_count = isinstance(attempts, int) and not isinstance(attempts, bool) and attempts >= 0
    faults = (
        (vod_id.isascii() and vod_id.isdecimal(), f"vod_id is {record.get('vod_id')!r}, not the number of a VOD"),
        (login, f"channel_login is {record.get('channel_login')!r}, not a login"),
        (state, f"status is {record.get('status')!r}; write one of {', '.join(STATES)}"),
        (created_at, f"vod_created_at is {record.get('vod_created_at')!r}, not an ISO 8601 time"),
        (is_count, f"attempt_count is {attempts!r}, not a number"),
    )
    if fault := next((fault for is_valid, fault in faults if not is_valid), None):
        return fault
    assert login is not None
    assert state is not None
    assert created_at is not None
    if state == State.PENDING:
        # At least one attempt is left.
        attempts = min(attempts, MOST_ATTEMPTS - 1)
    reason = text(record.get("error"))
    vod = QueuedVod(vod_id, login, created_at, due_at=finished_by(created_at))
    return OlderEntry(vod, state, attempts, None if reason is None else reason[:LONGEST_REASON])
