"""Taking viewers out of everything that is stored.

Belongs here: finding every file that can hold a viewer's name, rewriting it without, telling which days are affected.
Not here: under which forms a viewer may stand (domain.presence.names), options and displays (commands.privacy).

It can be cut off at any moment and run again: files are rewritten one by one, each whole, and what a run has done
already the next one finds done. Nothing else may write to the lake meanwhile.
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
from vieweratlas_assets.storage.sealed import SealedPartitions, dates_of, replace_file

# A process writes one file in seconds; what lies longer in `.incoming/` was left by one that was killed.
FRAGMENT_AGE = dt.timedelta(minutes=10)
PRESENCE_ASSETS = ("live_presence", "vod_presence")
_CHUNK_BYTES = 4 * 2**20
# Between two chunks, so that a name on the edge is seen whole: longer than any login, escaped or not.
_OVERLAP_BYTES = 512


@dataclass
class Erasure:
    """What was erased, or would be.

    Attributes:
        files, rows, names: by table: files with the name, rows of them, and times that a name stood there.
        days: days whose presence or audience held a name.
        presence: rows by (asset, day): what Dagster is told of.
        left: what may still hold a name and has to be looked at, with the reason.
    """

    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    days: set[dt.date] = field(default_factory=set)
    presence: Counter[tuple[str, dt.date]] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)

    def count(self, table: str, *, rows: int, names: int) -> None:
        """Note one file with a name."""
        self.files[table] += 1
        self.rows[table] += rows
        self.names[table] += names


def files_with_names(store: ObjectStore) -> list[str]:
    """Keys of all files that can hold a viewer's name; audiences last, as they are made of the others."""
    listed = [*store.list_files("raw/"), *store.list_files("curated/", ".parquet")]
    return sorted(listed, key=lambda key: (_is_audience(key), key))


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
    """Take viewers out of every file of the lake that can hold their names.

    Args:
        viewers: every form under which they may stand there (`ViewerNames.forms`).
        now: fragments in `.incoming/` that are younger than FRAGMENT_AGE may be being written, and are left.
        dry_run: only say what would be done.
        on_file: called after each of `files_with_names`.
    """
    found = Erasure()
    days_of_vods = _DaysOfVods(store)
    for key in files_with_names(store):
        try:
            if _is_audience(key):
                _from_audience(store, key, viewers, found, dry_run)
            elif key.endswith(".parquet"):
                _from_table(store, key, viewers, found, days_of_vods, dry_run)
            else:
                _from_raw_text(store, key, viewers, found, dry_run)
        except CorruptObjectError as error:
            found.left.append(f"{error}; or delete it: nobody can tell whether a name is in it")
        on_file(key)
    _fragments(store, now, found, dry_run)
    return found


def _from_audience(store: ObjectStore, key: str, viewers: frozenset[str], found: Erasure, dry_run: bool) -> None:
    day = lake.day_of(key)
    if day is None:
        return
    pairs = erase_from_audience(SealedPartitions(store), day, viewers, dry_run=dry_run)
    if pairs:
        found.count("audience", rows=pairs, names=pairs)
        found.days.add(day)


def _from_table(
    store: ObjectStore,
    key: str,
    viewers: frozenset[str],
    found: Erasure,
    days_of_vods: "_DaysOfVods",
    dry_run: bool,
) -> None:
    frame = parquet.decode(store.download_bytes(key), uri=store.uri(key))
    kept, rows, names = _without(frame, viewers)
    if not rows:
        return
    table, day = _table_of(key, days_of_vods)
    found.count(table, rows=rows, names=names)
    if day is not None:
        found.days.add(day)
        if table in PRESENCE_ASSETS:
            found.presence[table, day] += rows
    if not dry_run:
        replace_file(store, key, parquet.encode(kept))


def _table_of(key: str, days_of_vods: "_DaysOfVods") -> tuple[str, dt.date | None]:
    """What a table is called in the account, and the day that a file of it belongs to."""
    if key.startswith(f"{lake.LIVE_PRESENCE}/"):
        return "live_presence", lake.day_of(key)
    if key.startswith(f"{lake.VOD_PRESENCE}/"):
        return "vod_presence", days_of_vods.day_of(key)
    if key.startswith(f"{lake.RAW_SNAPSHOTS}/"):
        return "raw snapshots", lake.raw_day_of(key)
    return "other tables", lake.day_of(key)


def _without(frame: pl.DataFrame, viewers: frozenset[str]) -> tuple[pl.DataFrame, int, int]:
    """A table without these viewers, the rows that named one, and how often.

    Names stand in a list `chatters`, or one a row in `viewer`; a table with neither is left as it is.
    """
    listed = sorted(viewers)
    if frame.schema.get("viewer") == pl.String:
        kept = frame.filter(~folded(pl.col("viewer")).is_in(listed, nulls_equal=True))
        gone = frame.height - kept.height
        return kept, gone, gone
    if frame.schema.get("chatters") != pl.List(pl.String):
        return frame, 0, 0
    named = folded(pl.element()).is_in(listed, nulls_equal=True)
    kept = frame.with_columns(pl.col("chatters").list.eval(pl.element().filter(~named)))
    before, after = frame["chatters"].list.len(), kept["chatters"].list.len()
    # A raw table may tell Twitch's number of viewers under this name: that one does not follow.
    if "viewer_count" in frame.columns and (frame["viewer_count"] == before).all():
        kept = kept.with_columns(after.cast(frame.schema["viewer_count"]).alias("viewer_count"))
    removed = (before - after).fill_null(0)
    return kept, int((removed > 0).sum()), int(removed.sum())


def _from_raw_text(store: ObjectStore, key: str, viewers: frozenset[str], found: Erasure, dry_run: bool) -> None:
    """A chat's file is deleted where a name stands in it; any other is only told of."""
    if not _is_named(store.download_bytes(key), viewers):
        return
    if not key.startswith(f"{lake.RAW_VOD_CHAT}/"):
        found.left.append(f"{store.uri(key)} holds the name and is no Parquet table: delete it, or take it out")
        return
    found.count("raw VOD chat", rows=0, names=0)
    if not dry_run:
        store.delete(key)


def _is_named(data: bytes, viewers: frozenset[str]) -> bool:
    """Whether a text, gzipped or not, holds one of the names as a whole word; so it is said of a broken one."""
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


def _fragments(store: ObjectStore, now: dt.datetime, found: Erasure, dry_run: bool) -> None:
    for fragment in store.fragments():
        if fragment.modified is None or now - fragment.modified < FRAGMENT_AGE:
            found.left.append(
                f"{store.root}/{fragment.key} may be being written: stop what writes, run this again in "
                f"{FRAGMENT_AGE.seconds // 60} minutes"
            )
            continue
        found.count("half-written files", rows=0, names=0)
        if not dry_run:
            store.delete_fragment(fragment)


class _DaysOfVods:
    """The day on which each VOD was created, from the catalogs, which are read when the first is asked for."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._days: dict[str, dt.date] | None = None

    def day_of(self, key: str) -> dt.date | None:
        """The day of a VOD's presence file, or None where no catalog names the VOD."""
        if self._days is None:
            self._days = days_of_vods(self._store)
        return self._days.get(key)


def days_of_vods(store: ObjectStore) -> dict[str, dt.date]:
    """The day of every VOD that a catalog names, by the key of its presence.

    Raises:
        CorruptObjectError: a catalog cannot be read.
    """
    days = {}
    for day in dates_of(store.folders(f"{lake.VOD_CATALOG}/")):
        key = lake.vod_catalog(day)
        if store.exists(key):
            catalog = store.download_parquet(key, VOD_CATALOG)
            for channel, vod_id in catalog.select("channel", "vod_id").iter_rows():
                days[lake.vod_presence(channel, vod_id)] = day
    return days


def atlas_days(sealed: SealedPartitions, days: set[dt.date]) -> list[dt.date]:
    """Days of the atlas whose computed graph counts the viewers of any of these days, oldest first."""
    counted: dict[dt.date, set[str]] = defaultdict(set)
    for day in dates_of(sealed.store.folders(f"{lake.ATLAS}/")):
        record = sealed.record("overlap_graph", day)
        if record is not None and not record.imported:
            counted[day] = set(record.facts.get("days", ()))
    return sorted(day for day, window in counted.items() if window & {str(each) for each in days})
