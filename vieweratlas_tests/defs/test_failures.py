"""An error that a person can fix fails the step with its message; Dagster retries it only if that may help."""

import dagster as dg
import pytest

from vieweratlas_assets.clients.http import NoAnswerError
from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.defs.failures import as_failure
from vieweratlas_assets.errors import StorageError, VieweratlasError
from vieweratlas_assets.storage.errors import CorruptObjectError


@pytest.mark.parametrize(
    ("error", "retries"),
    [
        (NoAnswerError("api.twitch.tv does not answer"), True),
        (StorageError("s3://lake: timed out"), True),
        (CorruptObjectError("s3://lake/x: cut off"), False),
        (TokenRefusedError("set TWITCH_CLIENT_ID"), False),
    ],
)
def test_our_errors_become_failures(error: VieweratlasError, retries: bool) -> None:
    with pytest.raises(dg.Failure) as raised, as_failure("raw_snapshots of 2026-10-05-17:00"):
        raise error
    assert raised.value.description == f"raw_snapshots of 2026-10-05-17:00: {error}"
    assert raised.value.allow_retries is retries
    assert raised.value.__cause__ is error


def test_other_errors_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), as_failure("anything"):
        _ = 1 / 0
