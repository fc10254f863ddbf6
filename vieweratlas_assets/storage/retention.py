"""Retention: removing raw data and presence that are too old.

Belongs here: finding what is too old by the lake's paths and the objects' age, removing it in an order that keeps the
lake sound if the run is interrupted. Not here: the retention periods (settings), options and displays
(commands.privacy).

Products of the atlas and audiences are never removed. Before the presence of a day is removed, its audience is
marked: only the audience is left of that day, and no later run may recompute it from nothing.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage.audiences import mark_pruned
from vieweratlas_assets.storage.erasure import read_vod_days
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject
from vieweratlas_assets.storage.sealed import SealedPartitions

# A process writes one file in seconds: a file that is a day old in `.incoming/` was left by a killed process.
FRAGMENT_AGE = dt.timedelta(days=1)
RAW_SNAPSHOTS = "raw snapshots"
RAW_VOD_CHAT = "raw VOD chat"
PRESENCE = "presence"
FRAGMENTS = "half-written files"


@dataclass(frozen=True)
class Retention:
    """Number of days that each kind is kept, including today; None keeps it forever."""

    raw_snapshots_days: int = 30
    raw_vod_chat_days: int = 7
    presence_days: int | None = None


@dataclass(frozen=True)
class Expired:
    """An object that is too old.

    Attributes:
        day: the day of its content, if the kind is pruned by days.
    """

    kind: str
    item: StoredObject
    day: dt.date | None = None


@dataclass
class Pruning:
    """What a run removed, or would remove.

    Attributes:
        files, size_bytes: by kind.
        days: days whose presence was removed.
        without_audience: those of these days that had no audience, so that nothing is left of them.
    """

    files: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)
    days: set[dt.date] = field(default_factory=set)
    without_audience: list[dt.date] = field(default_factory=list)


def find_expired(store: ObjectStore, retention: Retention, *, now: dt.datetime) -> tuple[list[Expired], list[str]]:
    """Find everything that is too old.

    Args:
        now: UTC.

    Returns:
        The objects that are too old, and the addresses of objects whose age is needed but unknown: they stay.

    Raises:
        CorruptObjectError: presence is pruned, and a VOD catalog cannot be read, so the days of its VODs are unknown.
    """
    unknown_age: list[str] = []
    expired = [
        *_old_snapshots(store, retention, now.date()),
        *_old_chat(store, retention, now, unknown_age),
        *_old_presence(store, retention, now.date(), unknown_age),
        *(
            Expired(FRAGMENTS, item)
            for item in store.fragments()
            if item.modified is not None and now - item.modified > FRAGMENT_AGE
        ),
    ]
    return expired, unknown_age


def _old_snapshots(store: ObjectStore, retention: Retention, today: dt.date) -> Iterator[Expired]:
    # Presence would be rebuilt from raw snapshots that outlive it.
    kept = min(retention.raw_snapshots_days, retention.presence_days or retention.raw_snapshots_days)
    for item in store.list_objects(f"{lake.RAW_SNAPSHOTS}/"):
        day = lake.raw_day_of(item.key)
        if day is not None and (today - day).days >= kept:
            yield Expired(RAW_SNAPSHOTS, item, day)


def _old_chat(
    store: ObjectStore, retention: Retention, now: dt.datetime, unknown_age: list[str]
) -> Iterator[Expired]:
    for item in store.list_objects(f"{lake.RAW_VOD_CHAT}/"):
        if item.modified is None:
            unknown_age.append(store.uri(item.key))
        elif now - item.modified > dt.timedelta(days=retention.raw_vod_chat_days):
            yield Expired(RAW_VOD_CHAT, item)


def _old_presence(
    store: ObjectStore, retention: Retention, today: dt.date, unknown_age: list[str]
) -> Iterator[Expired]:
    if retention.presence_days is None:
        return
    vod_days = read_vod_days(store)
    for item in store.list_objects(f"{lake.PRESENCE}/"):
        day = lake.day_of(item.key) or vod_days.get(item.key)
        if day is None and item.modified is not None:
            # A VOD that is in no catalog belongs to no day, so its own age decides.
            day = item.modified.date()
        if day is None:
            unknown_age.append(store.uri(item.key))
        elif (today - day).days >= retention.presence_days:
            yield Expired(PRESENCE, item, day)


def prune(
    store: ObjectStore, expired: list[Expired], *, dry_run: bool = False, on_object: Callable[[Expired], None]
) -> Pruning:
    """Remove the objects that `find_expired` returned.

    Args:
        dry_run: only report what would be removed.
        on_object: called after each object.
    """
    pruning = Pruning()
    sealed = SealedPartitions(store)
    for old in expired:
        if old.kind == PRESENCE and old.day is not None and old.day not in pruning.days:
            pruning.days.add(old.day)
            if dry_run:
                has_audience = sealed.record("channel_audience", old.day) is not None
            else:
                has_audience = mark_pruned(sealed, old.day)
            if not has_audience:
                pruning.without_audience.append(old.day)
        pruning.files[old.kind] += 1
        pruning.size_bytes[old.kind] += old.item.size_bytes
        if not dry_run and old.kind == FRAGMENTS:
            store.delete_fragment(old.item)
        elif not dry_run:
            store.delete(old.item.key)
        on_object(old)
    return pruning
