"""From settings to the lake.

Belongs here: opening it. Not here: which store a root means (storage.opening), names (wiring.viewer_names).
"""

from functools import partial

from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.lake import Lake
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_assets.wiring.viewer_names import viewer_names


def open_lake(settings: Settings) -> Lake:
    """Open the lake that the settings name; nothing is read or written yet.

    Raises:
        StorageError: the root names no store.
    """
    return Lake(open_store(settings.root, region=settings.storage.region), partial(viewer_names, settings))
