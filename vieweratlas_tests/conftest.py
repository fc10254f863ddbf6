"""Where the real data lies."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# Taken out of the environment at once: it is no setting, and the product refuses variables that name none.
_NAMED = os.environ.pop("VIEWERATLAS_SHARED_DATA", "")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that nobody in this project wrote; VIEWERATLAS_SHARED_DATA, or ../shared/data."""
    folder = (REPOSITORY / (_NAMED or "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}")
    return folder
