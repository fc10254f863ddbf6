"""The products of a day, copied to where people look for them.

Belongs here: which files a day's products are, and their copies. Not here: making them (defs.assets), where the lake
keeps them (domain.lake).
"""

import datetime as dt
from pathlib import Path

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions


def copy_products(sealed: SealedPartitions, day: dt.date, folder: Path) -> int:
    """Copy the sealed files of a day's atlas to `<folder>/<date>/` on this machine, over older copies.

    A file that no sealed partition has, such as one of a run that was cut off, is left out.

    Returns:
        The number of files copied.

    Raises:
        CorruptObjectError: a file is not the one that was sealed.
        StorageError: the folder cannot be written.
    """
    place = lake.atlas_file(day, "")
    records = [sealed.record(asset, day) for asset in _assets_of(sealed, day)]
    files = {key: record for record in records if record for key in record.files if key.startswith(place)}
    copies = LocalStore(folder)
    for key, record in sorted(files.items()):
        copies.upload_bytes(f"{day}/{key.removeprefix(place)}", sealed.file(record, key))
    return len(files)


def _assets_of(sealed: SealedPartitions, day: dt.date) -> list[str]:
    """The assets with a record among a day's products, and the audience, whose quality report lies there too."""
    names = (key.rpartition("/")[2] for key in sealed.store.list_files(lake.atlas_file(day, ""), ".json"))
    found = [name.removeprefix("_").removesuffix(".json") for name in names if name.startswith("_")]
    return [*found, "channel_audience"] if found else []
