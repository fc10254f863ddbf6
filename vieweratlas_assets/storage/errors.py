"""Errors of an object or a partition of the lake.

Belongs here: the errors that all stores and readers share. Not here: the tree that they belong to
(vieweratlas_assets.errors).
"""

from vieweratlas_assets.errors import LakeStateError, StorageError


class ObjectNotFoundError(StorageError):
    """No object has this key."""

    retryable = False


class CorruptObjectError(StorageError):
    """An object is cut off, has another format, or has other columns than its reader expects."""

    retryable = False


class MissingPartitionError(LakeStateError):
    """The lake has no such partition."""
