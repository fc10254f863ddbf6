"""The presence of a day, gathered from the lake.

Belongs here: which files make up a day, reading them past broken ones. Not here: reducing them (domain.presence).
"""

import datetime as dt
import hashlib
from collections import Counter
from dataclasses import dataclass

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.quality import RejectedFile
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE, VOD_CATALOG
from vieweratlas_assets.storage.objects import CorruptObject, ObjectStore, StoredObject
from vieweratlas_assets.storage.raw import days_with_raw
from vieweratlas_assets.storage.sealed import dates_of


@dataclass(frozen=True)
class DayFiles:
    """The files that a day's audience is made of: live presence by its minute, VODs by their creation."""

    live: tuple[StoredObject, ...]
    vod: tuple[StoredObject, ...]
    roster: tuple[StoredObject, ...]

    @property
    def has_presence(self) -> bool:
        """Whether there is any file of presence, sound or not."""
        return bool(self.live or self.vod)

    def fingerprint(self, settings: str) -> str:
        """A digest of which files there are, in which version, and of the settings that they are read with."""
        listed = sorted((item.key, item.size_bytes, item.version) for item in (*self.live, *self.vod, *self.roster))
        return hashlib.sha256(f"{listed}{settings}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class DayPresence:
    """A day's presence as read.

    Attributes:
        presence: schema PRESENCE.
        roster: schema CHANNEL_ROSTER, the hours one below the other.
        files_read: by source.
        rejected: files that could not be used, and why.
    """

    presence: pl.DataFrame
    roster: pl.DataFrame
    files_read: dict[str, int]
    rejected: tuple[RejectedFile, ...]


def find_day(store: ObjectStore, day: dt.date) -> DayFiles:
    """Find the files of a day.

    Raises:
        CorruptObject: the day's VOD catalogue cannot be read; without it its VODs are not known.
    """
    return DayFiles(
        live=tuple(_exactly(store, lake.live_presence(day))),
        vod=tuple(_vods_of(store, day)),
        roster=tuple(store.list_objects(lake.channel_roster_day(day), ".parquet")),
    )


def _vods_of(store: ObjectStore, day: dt.date) -> list[StoredObject]:
    key = lake.vod_catalog(day)
    if not store.exists(key):
        return []
    catalog = store.download_parquet(key, VOD_CATALOG)
    files: list[StoredObject] = []
    for channel, vod_id in catalog.select("channel", "vod_id").iter_rows():
        files += _exactly(store, lake.vod_presence(channel, vod_id))
    return files


def _exactly(store: ObjectStore, key: str) -> list[StoredObject]:
    """The object under a key, without those whose names only begin so, such as copies."""
    return [item for item in store.list_objects(key) if item.key == key]


def read_day(store: ObjectStore, files: DayFiles) -> DayPresence:
    """Read the files of a day, going on past those that cannot be read."""
    frames, rosters = [PRESENCE.empty()], [CHANNEL_ROSTER.empty()]
    rejected: list[RejectedFile] = []
    read: Counter[str] = Counter()
    listed = [("live", item, PRESENCE, frames) for item in files.live]
    listed += [("vod", item, PRESENCE, frames) for item in files.vod]
    listed += [("roster", item, CHANNEL_ROSTER, rosters) for item in files.roster]
    for source, item, table, found in listed:
        try:
            found.append(store.download_parquet(item.key, table))
            read[source] += 1
        except CorruptObject as error:
            rejected.append(RejectedFile(source, item.key, str(error)))
    return DayPresence(pl.concat(frames), pl.concat(rosters), dict(read), tuple(rejected))


def days_with_presence(store: ObjectStore) -> list[dt.date]:
    """Days that have live presence, raw snapshots to make it of, or a VOD catalogue, sorted."""
    live = dates_of(store.folders(f"{lake.LIVE_PRESENCE}/"))
    return sorted({*live, *days_with_raw(store), *dates_of(store.folders(f"{lake.VOD_CATALOG}/"))})
