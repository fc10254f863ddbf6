"""A day's live presence: its raw snapshots, hour by hour, joined to what the lake already has.

Belongs here: when a day stays as it is, and joining hours. Not here: merging rows (domain.presence.live_merge),
reading hours (storage.raw_snapshots).
"""

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.coverage import CoverageTotals, chat_coverage_of
from vieweratlas_assets.domain.presence.live_merge import live_presence_of, merge_live_presence
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.quality import RejectedFile, rejection_summary
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.steps.freshness import live_fingerprint
from vieweratlas_assets.steps.results import DayResult, Verdict
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError, ObjectNotFoundError
from vieweratlas_assets.storage.raw_snapshots import RawDay, RawHour, find_raw_day, read_raw_hours
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

LEAST_COVERAGE = 0.8
LONGEST_GAP_S = 1800
MOST_GAPS_SHOWN = 5
NO_RAW = "the day has no raw snapshots, so its presence stays as it is"
NOTHING = "the day has neither raw snapshots nor live presence"


@dataclass(frozen=True)
class ExistingPresence:
    """The live presence that a day already has.

    Attributes:
        record: the partition's record, where it was built here and its file is still the sealed one.
        data: the file; None where no readable one exists.
        uri: the file's URI.
        fault: why an existing file cannot be read.
    """

    record: PartitionRecord | None
    data: bytes | None
    uri: str
    fault: str = ""

    @cached_property
    def presence(self) -> pl.DataFrame:
        """Schema PRESENCE; decoded on first use, which most days do not need."""
        return PRESENCE.empty() if self.data is None else parquet.decode_table(self.data, PRESENCE, uri=self.uri)

    def of_hour(self, hour: dt.datetime) -> pl.DataFrame:
        """The rows of one hour."""
        return self.presence.filter(pl.col("bucket_start").dt.truncate("1h") == hour)

    def may_know_more(self, hour: dt.datetime, read: Collection[str]) -> bool:
        """Whether the existing hour may hold rows that its readable raw objects do not."""
        if self.data is None or self.record is None:
            return self.data is not None
        used = {key for key in self.record.facts["raw_objects"] if paths.raw_hour_of(key) == hour}
        return _name(hour) in self.record.facts["beyond_raw"] or not used <= set(read)


@dataclass
class DayBuilder:
    """Builds a day hour by hour.

    Attributes:
        hours: presence of each hour, schema PRESENCE, encoded: 24 frames would take several times the memory.
        beyond_raw: hours that hold presence without raw snapshots.
    """

    hours: list[bytes] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    rejected: list[RejectedFile] = field(default_factory=list)
    beyond_raw: list[str] = field(default_factory=list)
    hours_with_raw: int = 0
    raw_rows: int = 0
    coverage: CoverageTotals = field(default_factory=CoverageTotals)

    def add(self, hour: RawHour, existing: ExistingPresence) -> None:
        """Add an hour of raw snapshots, and the existing presence beyond them."""
        presence = live_presence_of(hour.rows)
        if existing.may_know_more(hour.hour, hour.read):
            joined = merge_live_presence(presence, existing.of_hour(hour.hour))
            if not joined.equals(presence):
                self.beyond_raw.append(_name(hour.hour))
            presence = joined
        self.hours.append(parquet.encode(presence))
        self.objects += hour.read
        self.rejected += hour.rejected
        self.hours_with_raw += bool(hour.rows.height)
        self.raw_rows += hour.rows.height
        self.coverage.add(chat_coverage_of(hour.rows))

    def keep(self, hour: dt.datetime, rows: pl.DataFrame) -> None:
        """Keep an existing hour that has no raw snapshots."""
        self.hours.append(parquet.encode(rows))
        self.beyond_raw.append(_name(hour))

    def presence(self) -> pl.DataFrame:
        """The day, hour by hour; columns of PRESENCE."""
        return pl.concat([PRESENCE.empty(), *(parquet.decode(data, uri="an hour") for data in self.hours)])


def live_presence_of_day(sealed: SealedPartitions, names: ViewerNames, day: dt.date) -> DayResult:
    """Build a day's live presence from its raw snapshots.

    Presence whose raw snapshots are gone, or never existed, is not lost: hour by hour it is joined to what the
    current raw snapshots give.

    Raises:
        CorruptObjectError: the day has raw snapshots, and none can be read.
    """
    raw = find_raw_day(sealed.store, day)
    existing = _existing(sealed, day)
    if not raw.objects:
        return _as_it_is(existing)
    builder = DayBuilder()
    for hour in read_raw_hours(sealed.store, raw):
        builder.add(hour, existing)
    if not builder.objects:
        reasons = rejection_summary(builder.rejected)
        raise CorruptObjectError(f"none of the {len(builder.rejected)} raw object(s) of {day} can be read: {reasons}")
    for kept in _hours_without_raw(existing, raw):
        builder.keep(kept, existing.of_hour(kept))
    # Raw snapshots may be older than an opt-out, or than the use of pseudonyms.
    presence = names.apply(builder.presence())
    verdicts = {
        "has_live_presence": Verdict(not presence.is_empty(), f"{presence.height} rows"),
        "raw_readable": Verdict(not builder.rejected, rejection_summary(builder.rejected)),
    }
    if (sound := builder.coverage.fault_free_share) is not None:
        verdicts["coverage"] = Verdict(sound >= LEAST_COVERAGE, f"{sound:.1%} of the time")
        gaps = builder.coverage.gap_texts()
        outage = max(builder.coverage.longest["missing_s"], default=0) > LONGEST_GAP_S
        verdicts["gaps"] = Verdict(not outage, "; ".join(gaps[:MOST_GAPS_SHOWN]) or "no gap")
    return DayResult(
        tables={PRESENCE: presence},
        facts=_facts(presence, builder),
        made_from=live_fingerprint(raw, names),
        verdicts=verdicts,
    )


def _hours_without_raw(existing: ExistingPresence, raw: RawDay) -> list[dt.datetime]:
    if existing.data is None:
        return []
    if existing.record is not None and all(_is_of(raw, key) for key in existing.record.facts["raw_objects"]):
        # Presence built from raw snapshots alone holds no other hours; most days end here, without reading rows.
        known = {_name(hour) for hour in raw.hours}
        if known.issuperset(existing.record.facts["beyond_raw"]):
            return []
    hours = existing.presence["bucket_start"].dt.truncate("1h").unique().sort()
    return [hour for hour in hours if hour not in raw.hours]


def _is_of(raw: RawDay, key: str) -> bool:
    return paths.raw_hour_of(key) in raw.hours


def _name(hour: dt.datetime) -> str:
    return hour.strftime("%H:00")


def _existing(sealed: SealedPartitions, day: dt.date) -> ExistingPresence:
    key = paths.live_presence(day)
    uri = sealed.store.uri(key)
    try:
        data = sealed.store.download_bytes(key)
    except ObjectNotFoundError:
        return ExistingPresence(None, None, uri)
    try:
        record = sealed.record("live_presence", day)
    except CorruptObjectError:
        record = None
    # A generator or another import may have put its own file over the one that was sealed.
    if record is not None and record.files.get(key) == hashlib.sha256(data).hexdigest():
        return ExistingPresence(record, data, uri)
    try:
        parquet.decode_table(data, PRESENCE, uri=uri)
    except CorruptObjectError as error:
        return ExistingPresence(None, None, uri, str(error))
    return ExistingPresence(None, data, uri)


def _as_it_is(existing: ExistingPresence) -> DayResult:
    if existing.data is None:
        seen = existing.fault or NOTHING
        return DayResult(unsealed=seen, facts={"rows": 0}, verdicts={"has_live_presence": Verdict(False, seen)})
    rows = existing.presence.height
    verdicts = {"has_live_presence": Verdict(rows > 0, f"{rows} rows; {NO_RAW}")}
    if existing.record is not None:
        return DayResult(kept=existing.record, verdicts=verdicts)
    return DayResult(unsealed=NO_RAW, facts={"rows": rows}, verdicts=verdicts)


def _facts(presence: pl.DataFrame, builder: DayBuilder) -> dict[str, Any]:
    return {
        "rows": presence.height,
        "channels": presence["channel"].n_unique(),
        "raw_rows": builder.raw_rows,
        "hours_with_raw": builder.hours_with_raw,
        **builder.coverage.figures(),
        "raw_objects": builder.objects,
        "beyond_raw": builder.beyond_raw,
        "rejected_files": [{"file": file.key, "reason": file.reason} for file in builder.rejected],
    }
