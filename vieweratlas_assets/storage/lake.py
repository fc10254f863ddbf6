"""One lake with what reads and writes it: made once by a command or the code location, and handed down.

Belongs here: the three together. Not here: opening them (wiring.lake).
"""

from collections.abc import Callable
from functools import cached_property

from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import SealedPartitions


class Lake:
    """A lake.

    Attributes:
        store: its objects.
        sealed: the sealed partitions in it.
        names: what viewers' names become; read on first use, because commands that touch no names need no key.
    """

    def __init__(self, store: ObjectStore, names: Callable[[], ViewerNames]) -> None:
        self.store = store
        self.sealed = SealedPartitions(store)
        self._names = names

    @cached_property
    def names(self) -> ViewerNames:
        """What viewers' names become.

        Raises:
            SettingsError: names are to be pseudonymous and the key or the opt-out list cannot be used.
        """
        return self._names()
