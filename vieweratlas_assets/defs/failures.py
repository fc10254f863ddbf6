"""How an error of ours reaches Dagster.

Belongs here: one context manager. Not here: the errors (errors and the modules that raise them), days of a range
(defs.days).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from vieweratlas_assets.errors import VieweratlasError


@contextmanager
def as_failure(context: str) -> Iterator[None]:
    """Fail the step with the message of an error that a person can fix; Dagster retries it if it is retryable.

    Args:
        context: what was attempted, such as "raw_snapshots of 2026-10-05-17:00".

    Raises:
        dg.Failure: the block raised a VieweratlasError. Other exceptions pass, with their traceback.
    """
    try:
        yield
    except VieweratlasError as error:
        raise dg.Failure(f"{context}: {error}", allow_retries=error.retryable) from error
