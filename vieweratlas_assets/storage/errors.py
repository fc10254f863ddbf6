"""What can be wrong with an object or a partition of the lake.

Belongs here: the errors that all stores and readers share. Not here: raising them.
"""

from vieweratlas_assets.errors import LakeStateError, StorageError


class ObjectNotFoundError(StorageError):
    """No object has this key."""

    retryable = False


class CorruptObjectError(StorageError):
    """An object is not what its reader expects: cut off, of another format, or with other columns."""

    retryable = False


class MissingPartitionError(LakeStateError):
    """The lake does not have this partition."""
