"""The presence of a day, gathered from the lake.

Belongs here: which files make up a day, reading them past broken ones. Not here: what they are reduced to
(domain.presence).
"""

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.audience import DayAudience, build_day_audience
from vieweratlas_assets.domain.presence.filters import AudienceFilters, Held
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.presence.quality import RejectedFile
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.storage import row_groups
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject
from vieweratlas_assets.storage.raw_snapshots import days_with_raw
from vieweratlas_assets.storage.sealed import dates_of
from vieweratlas_assets.storage.vod_catalogs import read_vod_catalog

# Rows of VODs that are reduced together; each has a few chatters.
ROWS_TOGETHER = 200_000
Reduced = TypeVar("Reduced")


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


@dataclass
class DayRead:
    """What became of the files of a day; filled while they are read.

    Attributes:
        files_read: by source.
        rejected: files that could not be used, and why.
    """

    files_read: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedFile] = field(default_factory=list)


def find_day(store: ObjectStore, day: dt.date) -> DayFiles:
    """Find the files of a day.

    Raises:
        CorruptObjectError: the day's VOD catalog cannot be read; without it its VODs are not known.
    """
    return DayFiles(
        live=tuple(_exactly(store, lake.live_presence(day))),
        vod=tuple(_vods_of(store, day)),
        roster=tuple(store.list_objects(lake.channel_roster_day(day), ".parquet")),
    )


def _vods_of(store: ObjectStore, day: dt.date) -> list[StoredObject]:
    catalog = read_vod_catalog(store, day)
    files: list[StoredObject] = []
    for channel, vod_id in catalog.select("channel", "vod_id").iter_rows():
        files += _exactly(store, lake.vod_presence(channel, vod_id))
    return files


def _exactly(store: ObjectStore, key: str) -> list[StoredObject]:
    """The object under a key, without those whose names only begin so, such as copies."""
    return [item for item in store.list_objects(key) if item.key == key]


def read_roster(store: ObjectStore, files: DayFiles, read: DayRead) -> pl.DataFrame:
    """The roster of a day, its hours one below the other, going on past those that cannot be read."""
    hours = [_readable(store, "roster", item, CHANNEL_ROSTER, read) for item in files.roster]
    return pl.concat([CHANNEL_ROSTER.empty(), *(hour for hour in hours if hour is not None)])


def reduce_presence(
    store: ObjectStore, files: DayFiles, read: DayRead, reduce: Callable[[Iterator[pl.DataFrame]], Reduced]
) -> Reduced:
    """Reduce the presence of a day, a few channels at a time, going on past files that cannot be read.

    Live presence is decoded while it is reduced. Where damage shows only behind what has been handed out, all is
    reduced again without that file, so that nothing of it is counted.

    Args:
        reduce: takes frames of schema PRESENCE; all rows of a channel, live and VOD, are in one frame. Held at a
            time are a row group of live presence, or ROWS_TOGETHER of VODs, and what belongs to the same channels.
            Called again for each live file that breaks.
    """
    broken: list[RejectedFile] = []
    while True:
        sound = [item for item in files.live if item.key not in {each.key for each in broken}]
        this_time = DayRead()
        try:
            reduced = reduce(_presence_of_channels(store, sound, files.vod, this_time))
        except _BrokenLiveError as error:
            broken.append(error.file)
            continue
        read.files_read += this_time.files_read
        read.rejected += broken + this_time.rejected
        return reduced


def read_audience(
    store: ObjectStore,
    files: DayFiles,
    filters: AudienceFilters,
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    names: ViewerNames = PLAIN,
) -> tuple[DayAudience[Held], DayRead]:
    """The audience of a day's files, and what could be read of them; as `build_day_audience`."""
    read = DayRead()
    roster = read_roster(store, files, read)
    made = reduce_presence(
        store, files, read, lambda presence: build_day_audience(presence, roster, filters, hold, names)
    )
    return made, read


class _BrokenLiveError(Exception):
    """A file of live presence is not sound."""

    def __init__(self, file: RejectedFile) -> None:
        super().__init__(file.reason)
        self.file = file


def _presence_of_channels(
    store: ObjectStore, live: Iterable[StoredObject], vod: Iterable[StoredObject], read: DayRead
) -> Iterator[pl.DataFrame]:
    waiting = _by_channel(vod)
    for item in live:
        for rows in _live_channels(store, item, read):
            last = rows["channel"][-1]
            until = [channel for channel in waiting if channel <= last]
            yield pl.concat([rows, *_vods(store, [vod for each in until for vod in waiting.pop(each)], read)])
    held: list[pl.DataFrame] = []
    for vods in waiting.values():
        held += _vods(store, vods, read)
        if sum(frame.height for frame in held) >= ROWS_TOGETHER:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _by_channel(vods: Iterable[StoredObject]) -> dict[str, list[StoredObject]]:
    """Presence of VODs by the channel that its path names, in the order of channels."""
    found: dict[str, list[StoredObject]] = defaultdict(list)
    for item in vods:
        named = lake.vod_of(f"/{item.key}")
        assert named is not None, f"{item.key} comes from a catalog"
        found[named[0]].append(item)
    return dict(sorted(found.items()))


def _vods(store: ObjectStore, items: Iterable[StoredObject], read: DayRead) -> list[pl.DataFrame]:
    frames = [_readable(store, "vod", item, PRESENCE, read) for item in items]
    return [frame for frame in frames if frame is not None]


def _readable(
    store: ObjectStore, source: str, item: StoredObject, table: Table, read: DayRead
) -> pl.DataFrame | None:
    try:
        frame = store.download_parquet(item.key, table)
        if source == "vod":
            _refuse_other_channels(frame, item)
    except CorruptObjectError as error:
        read.rejected.append(RejectedFile(source, item.key, str(error)))
        return None
    read.files_read[source] += 1
    return frame


def _refuse_other_channels(frame: pl.DataFrame, item: StoredObject) -> None:
    named = lake.vod_of(f"/{item.key}")
    others = frame.filter(pl.col("channel") != (named[0] if named else None))
    if others.height:
        raise CorruptObjectError(f"{item.key} has {others.height} row(s) of channel {others['channel'][0]!r}")


def _live_channels(store: ObjectStore, item: StoredObject, read: DayRead) -> Iterator[pl.DataFrame]:
    """Live presence, whole channels at a time.

    Raises:
        _BrokenLiveError: the file is damaged or not sorted by channel, which may show only after a part of it.
    """
    try:
        yield from _whole_channels(_sorted_groups(store, item))
    except CorruptObjectError as error:
        raise _BrokenLiveError(RejectedFile("live", item.key, str(error))) from error
    read.files_read["live"] += 1


def _sorted_groups(store: ObjectStore, item: StoredObject) -> Iterator[pl.DataFrame]:
    uri = store.uri(item.key)
    last = ""
    for group in row_groups.decode_row_groups(
        store.download_bytes(item.key), PRESENCE, PRESENCE.schema.names(), uri=uri
    ):
        channels = group["channel"]
        if not channels.is_sorted() or (channels.len() and channels[0] < last):
            raise CorruptObjectError(f"{uri} is not sorted by channel: write it again")
        last = channels[-1] if channels.len() else last
        yield group


def _whole_channels(groups: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    held = PRESENCE.empty()
    for group in groups:
        held = pl.concat([held, group])
        whole = held.filter(pl.col("channel") != held["channel"][-1]) if held.height else held
        if whole.height:
            yield whole
            held = held.filter(pl.col("channel") == held["channel"][-1])
    if held.height:
        yield held


def days_with_presence(store: ObjectStore) -> list[dt.date]:
    """Days that have live presence, raw snapshots to make it of, or a VOD catalog, sorted."""
    live = dates_of(store.folders(f"{lake.LIVE_PRESENCE}/"))
    return sorted({*live, *days_with_raw(store), *dates_of(store.folders(f"{lake.VOD_CATALOG}/"))})
