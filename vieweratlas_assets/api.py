"""The Python API: what a notebook or a script of yours begins with.

Belongs here: the few doors that need no Dagster, each a function over the floors below. Not here: the work itself
(domain, storage), the command (cli).
"""

from vieweratlas_assets.settings import load_settings
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store


def get_storage() -> ObjectStore:
    """Open the lake that VIEWERATLAS_CONFIG and the environment name; nothing is read or written yet.

    Raises:
        SettingsError: the settings are unknown or impossible.
        StorageError: the root names no store.
    """
    settings = load_settings()
    return open_store(settings.root, region=settings.storage.region)
