"""An empty lake and a Dagster history for one test."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from vieweratlas_assets.storage.local import LocalStore


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)
