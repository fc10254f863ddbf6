"""A lake: its sealed partitions are those of its store, and names are read once, when they are first needed."""

import datetime as dt
from pathlib import Path

import pytest

from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.storage.lake import Lake
from vieweratlas_assets.storage.local import LocalStore

DAY = dt.date(2026, 3, 10)


def test_names_are_read_once_and_only_when_they_are_needed(tmp_path: Path) -> None:
    reads: list[ViewerNames] = []

    def read() -> ViewerNames:
        reads.append(PLAIN)
        return PLAIN

    lake = Lake(LocalStore(tmp_path), read)
    lake.sealed.seal("overlap_graph", DAY, {"a/b": b"x"}, facts={})
    assert lake.store.download_bytes("a/b") == b"x"
    assert reads == []
    assert lake.names is lake.names is PLAIN
    assert reads == [PLAIN]


def test_names_that_cannot_be_read_are_asked_for_again(tmp_path: Path) -> None:
    answers: list[ViewerNames | Exception] = [SettingsError("privacy.key is not set"), PLAIN]

    def read() -> ViewerNames:
        if isinstance(answer := answers.pop(0), Exception):
            raise answer
        return answer

    lake = Lake(LocalStore(tmp_path), read)
    with pytest.raises(SettingsError, match=r"privacy\.key"):
        _ = lake.names
    assert lake.names is PLAIN
