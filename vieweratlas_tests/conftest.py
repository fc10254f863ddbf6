"""Fixtures for all tests: real data, a bare environment, and the profile of property tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from vieweratlas_assets.settings import ENVIRONMENT_PREFIX, LEGACY_VARIABLES

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
