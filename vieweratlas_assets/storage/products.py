"""Copies of a day's products for people.

Belongs here: which files are a day's products, and copying them. Not here: computing them (steps), where the lake
keeps them (domain.lake).
"""

import datetime as dt
from pathlib import Path

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions


def copy_products(sealed: SealedPartitions, day: dt.date, folder: Path) -> int:
    """Copy the sealed files of a day's atlas to `<folder>/<date>/` on this machine, replacing older copies.

    A file that belongs to no sealed partition, such as one of an interrupted run, is left out.

    Returns:
        The number of files copied.

    Raises:
        CorruptObjectError: a file is not the one that was sealed.
        StorageError: the folder cannot be written.
    """
    day_folder = lake.atlas_file(day, "")
    records = [sealed.record(asset, day) for asset in _day_assets(sealed, day)]
    files = {key: record for record in records if record for key in record.files if key.startswith(day_folder)}
    copies = LocalStore(folder)
    for key, record in sorted(files.items()):
        copies.upload_bytes(f"{day}/{key.removeprefix(day_folder)}", sealed.file(record, key))
    return len(files)


def _day_assets(sealed: SealedPartitions, day: dt.date) -> list[str]:
    """The assets with a record among a day's products, and the audience, whose quality report is there too."""
    names = (key.rpartition("/")[2] for key in sealed.store.list_files(lake.atlas_file(day, ""), ".json"))
    assets = [name.removeprefix("_").removesuffix(".json") for name in names if name.startswith("_")]
    return [*assets, "channel_audience"] if assets else []
