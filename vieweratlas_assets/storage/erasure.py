"""Erasing viewers from everything that is stored.

Belongs here: finding every file that can hold a viewer's name, rewriting it without the name, reporting the affected
days. Not here: the forms of a viewer's name (domain.presence.names), options and displays (commands.privacy).

An erasure can be interrupted at any moment and run again: it rewrites one whole file after another, and the next run
continues with the files that still hold the name. Nothing else may write to the lake meanwhile.
"""

import datetime as dt
import gzip
import io
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import folded
from vieweratlas_assets.domain.schemas import VOD_CATALOG
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.audiences import erase_from_audience
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.sealed import SealedPartitions, folder_dates, replace_file

# A process writes one file in seconds; an older file in `.incoming/` was left by a killed process.
FRAGMENT_AGE = dt.timedelta(minutes=10)
PRESENCE_ASSETS = ("live_presence", "vod_presence")
_CHUNK_BYTES = 4 * 2**20
# Chunks overlap, so that a name on the edge is seen whole. Longer than any login, escaped or not.
_OVERLAP_BYTES = 512


@dataclass
class Erasure:
    """What an erasure removed, or would remove.

    Attributes:
        files, rows, names: by table: files with a name, rows with a name, and occurrences of names.
        days: days whose presence or audience held a name.
        presence: changed rows by (asset, day), which are reported to Dagster.
        left: files that may still hold a name and need a look, with the reason.
    """

    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    days: set[dt.date] = field(default_factory=set)
    presence: Counter[tuple[str, dt.date]] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)

    def count(self, table: str, *, rows: int, names: int) -> None:
        """Count one file with a name."""
        self.files[table] += 1
        self.rows[table] += rows
        self.names[table] += names


def files_with_names(store: ObjectStore) -> list[str]:
    """Keys of all files that can hold a viewer's name; audiences last, because they are built from the others."""
    keys = [*store.list_files("raw/"), *store.list_files("curated/", ".parquet")]
    return sorted(keys, key=lambda key: (_is_audience(key), key))


def _is_audience(key: str) -> bool:
    day = lake.day_of(key)
    return day is not None and key == lake.channel_audience(day)


def erase(
    store: ObjectStore,
    viewers: frozenset[str],
    *,
    now: dt.datetime,
    dry_run: bool = False,
    on_file: Callable[[str], None],
) -> Erasure:
    """Remove viewers from every file of the lake that can hold their names.

    Args:
        viewers: every form under which their names may be stored (`ViewerNames.forms`).
        now: UTC. Files in `.incoming/` that are younger than FRAGMENT_AGE may still be written, and stay.
        dry_run: only report what would be removed.
        on_file: called after each of `files_with_names`.
    """
    erasure = Erasure()
    vods = _VodDays(store)
    for key in files_with_names(store):
        try:
            if _is_audience(key):
                _erase_from_audience(store, key, viewers, erasure, dry_run)
            elif key.endswith(".parquet"):
                _erase_from_table(store, key, viewers, erasure, vods, dry_run)
            else:
                _erase_from_raw_text(store, key, viewers, erasure, dry_run)
        except CorruptObjectError as error:
            erasure.left.append(f"{error}; or delete it, because it may hold the name")
        on_file(key)
    _delete_fragments(store, now, erasure, dry_run)
    return erasure


def _erase_from_audience(
    store: ObjectStore, key: str, viewers: frozenset[str], erasure: Erasure, dry_run: bool
) -> None:
    day = lake.day_of(key)
    if day is None:
        return
    pairs = erase_from_audience(SealedPartitions(store), day, viewers, dry_run=dry_run)
    if pairs:
        erasure.count("audience", rows=pairs, names=pairs)
        erasure.days.add(day)


def _erase_from_table(
    store: ObjectStore,
    key: str,
    viewers: frozenset[str],
    erasure: Erasure,
    vods: "_VodDays",
    dry_run: bool,
) -> None:
    frame = parquet.decode(store.download_bytes(key), uri=store.uri(key))
    kept, rows, names = _without(frame, viewers)
    if not rows:
        return
    table, day = _table_and_day(key, vods)
    erasure.count(table, rows=rows, names=names)
    if day is not None:
        erasure.days.add(day)
        if table in PRESENCE_ASSETS:
            erasure.presence[table, day] += rows
    if not dry_run:
        replace_file(store, key, parquet.encode(kept))


def _table_and_day(key: str, vods: "_VodDays") -> tuple[str, dt.date | None]:
    """The name of a file's table in the report, and the day that the file belongs to."""
    if key.startswith(f"{lake.LIVE_PRESENCE}/"):
        return "live_presence", lake.day_of(key)
    if key.startswith(f"{lake.VOD_PRESENCE}/"):
        return "vod_presence", vods.day_of(key)
    if key.startswith(f"{lake.RAW_SNAPSHOTS}/"):
        return "raw snapshots", lake.raw_day_of(key)
    return "other tables", lake.day_of(key)


def _without(frame: pl.DataFrame, viewers: frozenset[str]) -> tuple[pl.DataFrame, int, int]:
    """A table without these viewers, the number of rows that named one, and the number of names removed.

    Names are in a list column `chatters`, or one per row in `viewer`; a table with neither stays unchanged.
    """
    names = sorted(viewers)
    if frame.schema.get("viewer") == pl.String:
        kept = frame.filter(~folded(pl.col("viewer")).is_in(names, nulls_equal=True))
        removed_rows = frame.height - kept.height
        return kept, removed_rows, removed_rows
    if frame.schema.get("chatters") != pl.List(pl.String):
        return frame, 0, 0
    is_named = folded(pl.element()).is_in(names, nulls_equal=True)
    kept = frame.with_columns(pl.col("chatters").list.eval(pl.element().filter(~is_named)))
    before, after = frame["chatters"].list.len(), kept["chatters"].list.len()
    # In a raw table, this column may be Twitch's own number of viewers, which stays.
    if "viewer_count" in frame.columns and (frame["viewer_count"] == before).all():
        kept = kept.with_columns(after.cast(frame.schema["viewer_count"]).alias("viewer_count"))
    removed = (before - after).fill_null(0)
    return kept, int((removed > 0).sum()), int(removed.sum())


def _erase_from_raw_text(
    store: ObjectStore, key: str, viewers: frozenset[str], erasure: Erasure, dry_run: bool
) -> None:
    """Delete a raw chat file that holds a name; only report any other file."""
    if not _has_name(store.download_bytes(key), viewers):
        return
    if not key.startswith(f"{lake.RAW_VOD_CHAT}/"):
        erasure.left.append(f"{store.uri(key)} holds the name and is not Parquet: delete it, or edit the name out")
        return
    erasure.count("raw VOD chat", rows=0, names=0)
    if not dry_run:
        store.delete(key)


def _has_name(data: bytes, viewers: frozenset[str]) -> bool:
    """Whether a text, gzipped or not, holds one of the names as a whole word; true for damaged gzip."""
    forms = {form for name in viewers for form in (name, json.dumps(name)[1:-1])}
    words = b"|".join(re.escape(form.encode()) for form in sorted(forms))
    pattern = re.compile(rb"(?<![a-z0-9_])(?:" + words + rb")(?![a-z0-9_])", re.IGNORECASE)
    try:
        return any(pattern.search(chunk) for chunk in _chunks(data))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return True


def _chunks(data: bytes) -> Iterator[bytes]:
    zipped = data.startswith(b"\x1f\x8b")
    tail = b""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) if zipped else io.BytesIO(data) as text:
        while chunk := text.read(_CHUNK_BYTES):
            yield tail + chunk
            tail = (tail + chunk)[-_OVERLAP_BYTES:]


def _delete_fragments(store: ObjectStore, now: dt.datetime, erasure: Erasure, dry_run: bool) -> None:
    for fragment in store.fragments():
        if fragment.modified is None or now - fragment.modified < FRAGMENT_AGE:
            erasure.left.append(
                f"{store.root}/{fragment.key} may still be written: stop the process that writes it, and run this "
                f"again in {FRAGMENT_AGE.seconds // 60} minutes"
            )
            continue
        erasure.count("half-written files", rows=0, names=0)
        if not dry_run:
            store.delete_fragment(fragment)


class _VodDays:
    """The day on which each VOD was created, from the catalogs, which are read on first use."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._days: dict[str, dt.date] | None = None

    def day_of(self, key: str) -> dt.date | None:
        """The day of a VOD's presence file, or None if no catalog lists the VOD."""
        if self._days is None:
            self._days = read_vod_days(self._store)
        return self._days.get(key)


def read_vod_days(store: ObjectStore) -> dict[str, dt.date]:
    """The day of every VOD in a catalog, by the key of its presence.

    Raises:
        CorruptObjectError: a catalog cannot be read.
    """
    days = {}
    for day in folder_dates(store.folders(f"{lake.VOD_CATALOG}/")):
        key = lake.vod_catalog(day)
        if store.exists(key):
            catalog = store.download_parquet(key, VOD_CATALOG)
            for channel, vod_id in catalog.select("channel", "vod_id").iter_rows():
                days[lake.vod_presence(channel, vod_id)] = day
    return days


def atlas_days(sealed: SealedPartitions, days: set[dt.date]) -> list[dt.date]:
    """Days of the atlas whose computed graph counts viewers of any of these days, oldest first."""
    windows: dict[dt.date, set[str]] = defaultdict(set)
    for day in folder_dates(sealed.store.folders(f"{lake.ATLAS}/")):
        record = sealed.record("overlap_graph", day)
        if record is not None and not record.imported:
            windows[day] = set(record.facts.get("days", ()))
    erased = {str(day) for day in days}
    return sorted(day for day, window in windows.items() if window & erased)
