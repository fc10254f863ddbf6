"""The presence of a day, read from the lake.

Belongs here: reading a day's files and skipping damaged ones. Not here: which files these are (day_files), what they
are reduced to (domain.presence).
"""

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
from vieweratlas_assets.storage.day_files import DayFiles
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject

# The number of VOD rows that are reduced together; a row has few chatters.
ROWS_TOGETHER = 200_000
Reduced = TypeVar("Reduced")


@dataclass
class DayRead:
    """The files of a day that were read and rejected; filled during the read.

    Attributes:
        files_read: number of files by source.
        rejected: unusable files with the reason.
    """

    files_read: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedFile] = field(default_factory=list)


def read_roster(store: ObjectStore, files: DayFiles, read: DayRead) -> pl.DataFrame:
    """The roster of a day, all hours in one frame; hours that cannot be read are rejected."""
    hours = [_read_or_reject(store, "roster", item, CHANNEL_ROSTER, read) for item in files.roster]
    return pl.concat([CHANNEL_ROSTER.empty(), *(hour for hour in hours if hour is not None)])


def reduce_presence(
    store: ObjectStore, files: DayFiles, read: DayRead, reduce: Callable[[Iterator[pl.DataFrame]], Reduced]
) -> Reduced:
    """Reduce the presence of a day, a few channels at a time; files that cannot be read are rejected.

    Live presence is decoded during the reduction. If a file turns out to be damaged after some of its rows were
    reduced, the reduction starts again without that file, so that none of its rows count.

    Args:
        reduce: takes frames of schema PRESENCE; all rows of a channel, live and VOD, are in one frame. A frame holds
            one row group of live presence or ROWS_TOGETHER rows of VODs, plus the other rows of its channels.
            Called again for each damaged live file.
    """
    damaged: list[RejectedFile] = []
    while True:
        sound = [item for item in files.live if item.key not in {file.key for file in damaged}]
        attempt = DayRead()
        try:
            reduced = reduce(_presence_by_channel(store, sound, files.vod, attempt))
        except _DamagedLiveError as error:
            damaged.append(error.file)
            continue
        read.files_read += attempt.files_read
        read.rejected += damaged + attempt.rejected
        return reduced


def read_audience(
    store: ObjectStore,
    files: DayFiles,
    filters: AudienceFilters,
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    names: ViewerNames = PLAIN,
) -> tuple[DayAudience[Held], DayRead]:
    """The audience of a day's files (see `build_day_audience`), and which files were read."""
    read = DayRead()
    roster = read_roster(store, files, read)
    audience = reduce_presence(
        store, files, read, lambda presence: build_day_audience(presence, roster, filters, hold, names)
    )
    return audience, read


class _DamagedLiveError(Exception):
    """A file of live presence is damaged."""

    def __init__(self, file: RejectedFile) -> None:
        super().__init__(file.reason)
        self.file = file


def _presence_by_channel(
    store: ObjectStore, live: Iterable[StoredObject], vod: Iterable[StoredObject], read: DayRead
) -> Iterator[pl.DataFrame]:
    pending = _group_by_channel(vod)
    for item in live:
        for rows in _live_channels(store, item, read):
            last = rows["channel"][-1]
            due = [channel for channel in pending if channel <= last]
            vods = [vod for channel in due for vod in pending.pop(channel)]
            yield pl.concat([rows, *_vod_frames(store, vods, read)])
    held: list[pl.DataFrame] = []
    for vods in pending.values():
        held += _vod_frames(store, vods, read)
        if sum(frame.height for frame in held) >= ROWS_TOGETHER:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _group_by_channel(vods: Iterable[StoredObject]) -> dict[str, list[StoredObject]]:
    """Presence of VODs by the channel in its path, sorted by channel."""
    by_channel: dict[str, list[StoredObject]] = defaultdict(list)
    for item in vods:
        channel_and_vod = lake.vod_of(f"/{item.key}")
        assert channel_and_vod is not None, f"{item.key} comes from a catalog"
        by_channel[channel_and_vod[0]].append(item)
    return dict(sorted(by_channel.items()))


def _vod_frames(store: ObjectStore, items: Iterable[StoredObject], read: DayRead) -> list[pl.DataFrame]:
    frames = [_read_or_reject(store, "vod", item, PRESENCE, read) for item in items]
    return [frame for frame in frames if frame is not None]


def _read_or_reject(
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
    channel_and_vod = lake.vod_of(f"/{item.key}")
    others = frame.filter(pl.col("channel") != (channel_and_vod[0] if channel_and_vod else None))
    if others.height:
        raise CorruptObjectError(f"{item.key} has {others.height} row(s) of channel {others['channel'][0]!r}")


def _live_channels(store: ObjectStore, item: StoredObject, read: DayRead) -> Iterator[pl.DataFrame]:
    """Live presence in frames of whole channels.

    Raises:
        _DamagedLiveError: the file is damaged or not sorted by channel; it may be raised after some frames.
    """
    try:
        yield from _whole_channels(_sorted_groups(store, item))
    except CorruptObjectError as error:
        raise _DamagedLiveError(RejectedFile("live", item.key, str(error))) from error
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
