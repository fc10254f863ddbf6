"""Fixtures for all tests: real data, a bare environment, a lake, a history, and the profile of property tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from vieweratlas_assets.settings import ENVIRONMENT_PREFIX, LEGACY_VARIABLES
from vieweratlas_assets.storage.local import LocalStore

if TYPE_CHECKING:
    import dagster as dg

    from vieweratlas_tests.integration.command import Command

# Examples have no deadline: the first one compiles the engine's loops.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data from other projects: SHARED_DATA, or ../shared/data."""
    folder = (REPOSITORY / os.environ.get("SHARED_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}")
    return folder


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable of ours."""
    for name in list(os.environ):
        if name.upper().startswith(ENVIRONMENT_PREFIX) or name in LEGACY_VARIABLES:
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty lake in the folder of the test."""
    return LocalStore(tmp_path)


# Loaded by the tests that need it: most tests need no Dagster.
@pytest.fixture
def instance() -> "Iterator[dg.DagsterInstance]":
    """A Dagster history in memory."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def command(tmp_path: Path) -> "Command":
    """The command `vieweratlas` in the folder of the test."""
    from vieweratlas_tests.integration.command import Command

    return Command(tmp_path)
