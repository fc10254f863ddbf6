"""A queue as earlier tools kept it: vod_queue.json.

Belongs here: reading it. Not here: the queue (queue).
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

    An entry has vod_id, channel_login, status and vod_created_at, and perhaps attempt_count and error. One that was
    being processed is pending: whoever held it is gone.

    Returns:
        The entries, and for each that is none its number (from 1) and the reason.

    Raises:
        DocumentError: it is no such file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise DocumentError(f"{path} cannot be read: {reason}") from error
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        found = lists[0] if len(lists) == 1 else found
    if not isinstance(found, list):
        raise DocumentError(f"{path} is no list of VODs")
    entries, rejected = [], []
    for number, each in enumerate(found, start=1):
        entry = _entry(each)
        if isinstance(entry, str):
            rejected.append(f"{path.name}, entry {number}: {entry}")
        else:
            entries.append(entry)
    return entries, rejected


def _entry(told: Any) -> OlderEntry | str:
    """An entry, or why it is none."""
    if not isinstance(told, Mapping):
        return "it is no object"
    vod_id = str(told.get("vod_id") or "").strip().lower().removeprefix("v")
    login, state = as_login(told.get("channel_login")), STATES.get(str(told.get("status")).lower())
    created_at, attempts = time(told.get("vod_created_at")), told.get("attempt_count") or 0
    counted = isinstance(attempts, int) and not isinstance(attempts, bool) and attempts >= 0
    faults = (
        (vod_id.isascii() and vod_id.isdecimal(), f"vod_id is {told.get('vod_id')!r}, not the number of a VOD"),
        (login, f"channel_login is {told.get('channel_login')!r}, not a login"),
        (state, f"status is {told.get('status')!r}; known are {', '.join(STATES)}"),
        (created_at, f"vod_created_at is {told.get('vod_created_at')!r}, not an ISO 8601 time"),
        (counted, f"attempt_count is {attempts!r}, not a number"),
    )
    if fault := next((fault for sound, fault in faults if not sound), None):
        return fault
    assert login is not None
    assert state is not None
    assert created_at is not None
    if state == State.PENDING:
        # Its last attempts are still to come here.
        attempts = min(attempts, MOST_ATTEMPTS - 1)
    reason = text(told.get("error"))
    vod = QueuedVod(vod_id, login, created_at, due_at=finished_by(created_at))
    return OlderEntry(vod, state, attempts, None if reason is None else reason[:LONGEST_REASON])
