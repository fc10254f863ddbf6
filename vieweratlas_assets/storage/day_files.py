"""The files behind a day's audience.

Belongs here: which files belong to a day, and which days have any. Not here: reading them (day_presence): finding
files loads none of the compiled loops, so that planning is quick.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject
from vieweratlas_assets.storage.raw_snapshots import days_with_raw
from vieweratlas_assets.storage.sealed import folder_dates
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog


@dataclass(frozen=True)
class DayFiles:
    """The files behind a day's audience: live presence of its minutes, and the VODs created that day."""

    live: tuple[StoredObject, ...]
    vod: tuple[StoredObject, ...]
    roster: tuple[StoredObject, ...]

    @property
    def has_presence(self) -> bool:
        """Whether there is any file of presence, sound or damaged."""
        return bool(self.live or self.vod)

    def fingerprint(self, settings: str) -> str:
        """A digest of the files, their versions, and the settings that they are read with."""
        versions = sorted((item.key, item.size_bytes, item.version) for item in (*self.live, *self.vod, *self.roster))
        return hashlib.sha256(f"{versions}{settings}".encode()).hexdigest()[:16]


def find_day(store: ObjectStore, day: dt.date) -> DayFiles:
    """Find the files of a day.

    Raises:
        CorruptObjectError: the day's VOD catalog cannot be read, so its VODs are unknown.
    """
    return DayFiles(
        live=tuple(_matching_object(store, lake.live_presence(day))),
        vod=tuple(_vod_objects(store, day)),
        roster=tuple(store.list_objects(lake.channel_roster_day(day), ".parquet")),
    )


def _vod_objects(store: ObjectStore, day: dt.date) -> list[StoredObject]:
    catalog = read_vod_catalog(store, day)
    files: list[StoredObject] = []
    for channel, vod_id in catalog.select("channel", "vod_id").iter_rows():
        files += _matching_object(store, lake.vod_presence(channel, vod_id))
    return files


def _matching_object(store: ObjectStore, key: str) -> list[StoredObject]:
    """The object with exactly this key, if there is one; not others with this prefix, such as copies."""
    return [item for item in store.list_objects(key) if item.key == key]


def days_with_presence(store: ObjectStore) -> list[dt.date]:
    """Days that have live presence, raw snapshots to build it from, or a VOD catalog, sorted."""
    live = folder_dates(store.folders(f"{lake.LIVE_PRESENCE}/"))
    return sorted({*live, *days_with_raw(store), *folder_dates(store.folders(f"{lake.VOD_CATALOG}/"))})
