"""One lake: a command or the code location opens it once and hands it down.

Belongs here: the store, its sealed partitions and the names of viewers in one object. Not here: opening them
(wiring.lake).
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
        names: how viewers' names are stored; read on first use, because commands that touch no names need no key.
    """

    def __init__(self, store: ObjectStore, names: Callable[[], ViewerNames]) -> None:
        self.store = store
        self.sealed = SealedPartitions(store)
        self._names = names

    @cached_property
    def names(self) -> ViewerNames:
        """How viewers' names are stored: plain, or as pseudonyms.

        Raises:
            SettingsError: names are stored as pseudonyms, and the key or the opt-out list cannot be used.
        """
        return self._names()
