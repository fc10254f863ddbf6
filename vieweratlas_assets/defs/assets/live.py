"""From raw snapshots to a day's live presence.

Belongs here: the `live_presence` asset, and when a day stays as it is. Not here: merging rows (domain.presence.raw),
reading hours (storage.raw).
"""

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.checks import Check, Verdict, schema_check
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS, column_schemas
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.coverage import CoverageTotals, chat_coverage_of
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.quality import RejectedFile, told_reasons
from vieweratlas_assets.domain.presence.raw import live_presence_of, merge_live_presence
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.partitions import RANGE, Partitions
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.objects import CorruptObject, ObjectNotFound
from vieweratlas_assets.storage.raw import RawDay, RawHour, find_raw_day, read_raw_hours
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

LEAST_COVERAGE = 0.8
LONGEST_GAP_S = 1800
MOST_TOLD = 5
LIVE_TABLES = (PRESENCE,)
LIVE_CHECKS = (
    schema_check(LIVE_TABLES),
    Check("has_live_presence", "The day has live presence, of its raw snapshots or otherwise."),
    Check("raw_readable", "No object of raw snapshots was rejected."),
    Check(
        "coverage",
        f"Of the time that is known, {LEAST_COVERAGE:.0%} or more was observed, or was another channel's turn.",
    ),
    Check("gaps", f"No channel that was wanted was unobserved for more than {LONGEST_GAP_S // 60} minutes on end."),
)
NO_RAW = "the day has no raw snapshots, so its presence stays as it is"
NOTHING = "the day has neither raw snapshots nor live presence"


def live_presence_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `live_presence`."""
    # Days may reach further back than hours do.
    hours = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)

    @dg.asset(
        partitions_def=partitions.daily,
        deps=[dg.AssetDep("raw_snapshots", partition_mapping=hours)],
        group_name="presence",
        kinds={"polars", "parquet"},
        owners=OWNERS,
        backfill_policy=RANGE,
        check_specs=[check.spec("live_presence") for check in LIVE_CHECKS],
        metadata=column_schemas(LIVE_TABLES),
    )
    def live_presence(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        viewer_names: dg.ResourceParam[ViewerNames],
    ) -> dg.MaterializeResult:
        """Live chat of a day, cleaned: one row a channel and minute, whoever collected it.

        A day without raw snapshots stays as it is, be it that it came otherwise or that its raw snapshots were
        pruned.
        """
        return each_day(
            context,
            lake.sealed,
            lambda day: live_presence_of_day(lake.sealed, viewer_names, day),
            tables=LIVE_TABLES,
            asset_checks=LIVE_CHECKS,
        )

    return live_presence


def is_live_current(sealed: SealedPartitions, names: ViewerNames, day: dt.date) -> bool:
    """Whether a day's live presence was made of the raw snapshots and names of now, or has none to be made of."""
    raw = find_raw_day(sealed.store, day)
    if not raw.objects:
        return True
    try:
        record = sealed.record("live_presence", day)
    except CorruptObject:
        return False
    return record is not None and record.made_from == _fingerprint(raw, names)


def _fingerprint(raw: RawDay, names: ViewerNames) -> str:
    return f"{raw.fingerprint}{names.fingerprint()}"


@dataclass(frozen=True)
class Standing:
    """The live presence that a day has already.

    Attributes:
        record: where it was made here, and its file is still the one that was sealed.
        data: the file; None where there is none, or none that can be read.
        uri: where it lies.
        fault: why the file that is there cannot be read.
    """

    record: PartitionRecord | None
    data: bytes | None
    uri: str
    fault: str = ""

    @cached_property
    def presence(self) -> pl.DataFrame:
        """Schema PRESENCE; read when it is asked for, which most days do not need."""
        return PRESENCE.empty() if self.data is None else parquet.decode_table(self.data, PRESENCE, uri=self.uri)

    def of_hour(self, hour: dt.datetime) -> pl.DataFrame:
        """The rows of one hour."""
        return self.presence.filter(pl.col("bucket_start").dt.truncate("1h") == hour)

    def may_know_more(self, hour: dt.datetime, read: Collection[str]) -> bool:
        """Whether an hour may hold what the raw objects of it that can be read do not."""
        if self.data is None or self.record is None:
            return self.data is not None
        used = {key for key in self.record.facts["raw_objects"] if paths.raw_hour_of(key) == hour}
        return _name(hour) in self.record.facts["beyond_raw"] or not used <= set(read)


@dataclass
class _Made:
    """A day as it is made, hour by hour.

    Attributes:
        hours: presence of each hour, schema PRESENCE, encoded: as frames, 24 would take several times as much.
        beyond_raw: hours that hold presence of which there are no raw snapshots.
    """

    hours: list[bytes] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    rejected: list[RejectedFile] = field(default_factory=list)
    beyond_raw: list[str] = field(default_factory=list)
    hours_with_raw: int = 0
    raw_rows: int = 0
    coverage: CoverageTotals = field(default_factory=CoverageTotals)

    def add(self, hour: RawHour, standing: Standing) -> None:
        """Add an hour of raw snapshots, and what stands there beyond them."""
        presence = live_presence_of(hour.rows)
        if standing.may_know_more(hour.hour, hour.read):
            joined = merge_live_presence(presence, standing.of_hour(hour.hour))
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
        """Keep an hour as it stands, of which there are no raw snapshots."""
        self.hours.append(parquet.encode(rows))
        self.beyond_raw.append(_name(hour))

    def presence(self) -> pl.DataFrame:
        """The day, hour after hour; columns of PRESENCE."""
        return pl.concat([PRESENCE.empty(), *(parquet.decode(data, uri="an hour") for data in self.hours)])


def live_presence_of_day(sealed: SealedPartitions, names: ViewerNames, day: dt.date) -> DayResult:
    """Make a day's live presence of its raw snapshots, as far as there are any.

    Presence whose raw snapshots are no longer in the lake, or never were, is not lost: hour by hour it is joined to
    what the raw snapshots of now make.

    Raises:
        CorruptObject: there are raw snapshots, and none can be read.
    """
    raw = find_raw_day(sealed.store, day)
    standing = _standing(sealed, day)
    if not raw.objects:
        return _as_it_is(standing)
    made = _Made()
    for hour in read_raw_hours(sealed.store, raw):
        made.add(hour, standing)
    if not made.objects:
        told = told_reasons(made.rejected)
        raise CorruptObject(f"none of the {len(made.rejected)} raw object(s) of {day} can be read: {told}")
    for kept in _hours_without_raw(standing, raw):
        made.keep(kept, standing.of_hour(kept))
    # Raw snapshots may be older than an opt-out, or than the use of pseudonyms.
    presence = names.apply(made.presence())
    verdicts = {
        "has_live_presence": Verdict(not presence.is_empty(), f"{presence.height} rows"),
        "raw_readable": Verdict(not made.rejected, told_reasons(made.rejected)),
    }
    if (sound := made.coverage.soundness) is not None:
        verdicts["coverage"] = Verdict(sound >= LEAST_COVERAGE, f"{sound:.1%} of the time")
        gaps = made.coverage.told_gaps()
        outage = max(made.coverage.longest["missing_s"], default=0) > LONGEST_GAP_S
        verdicts["gaps"] = Verdict(not outage, "; ".join(gaps[:MOST_TOLD]) or "no gap")
    return DayResult(
        tables={PRESENCE: presence},
        facts=_facts(presence, made),
        made_from=_fingerprint(raw, names),
        verdicts=verdicts,
    )


def _hours_without_raw(standing: Standing, raw: RawDay) -> list[dt.datetime]:
    if standing.data is None:
        return []
    if standing.record is not None and all(_is_of(raw, key) for key in standing.record.facts["raw_objects"]):
        # What was made of raw snapshots alone holds no other hours; most days end here, without a look at the rows.
        known = {_name(hour) for hour in raw.hours}
        if known.issuperset(standing.record.facts["beyond_raw"]):
            return []
    stands = standing.presence["bucket_start"].dt.truncate("1h").unique().sort()
    return [hour for hour in stands if hour not in raw.hours]


def _is_of(raw: RawDay, key: str) -> bool:
    return paths.raw_hour_of(key) in raw.hours


def _name(hour: dt.datetime) -> str:
    return hour.strftime("%H:00")


def _standing(sealed: SealedPartitions, day: dt.date) -> Standing:
    key = paths.live_presence(day)
    uri = sealed.store.uri(key)
    try:
        data = sealed.store.download_bytes(key)
    except ObjectNotFound:
        return Standing(None, None, uri)
    try:
        record = sealed.record("live_presence", day)
    except CorruptObject:
        record = None
    # A generator or another import may have put its own file over the one that was sealed.
    if record is not None and record.files.get(key) == hashlib.sha256(data).hexdigest():
        return Standing(record, data, uri)
    try:
        parquet.decode_table(data, PRESENCE, uri=uri)
    except CorruptObject as error:
        return Standing(None, None, uri, str(error))
    return Standing(None, data, uri)


def _as_it_is(standing: Standing) -> DayResult:
    if standing.data is None:
        seen = standing.fault or NOTHING
        return DayResult(unsealed=seen, facts={"rows": 0}, verdicts={"has_live_presence": Verdict(False, seen)})
    rows = standing.presence.height
    verdicts = {"has_live_presence": Verdict(rows > 0, f"{rows} rows; {NO_RAW}")}
    if standing.record is not None:
        return DayResult(kept=standing.record, verdicts=verdicts)
    return DayResult(unsealed=NO_RAW, facts={"rows": rows}, verdicts=verdicts)


def _facts(presence: pl.DataFrame, made: _Made) -> dict[str, Any]:
    return {
        "rows": presence.height,
        "channels": presence["channel"].n_unique(),
        "raw_rows": made.raw_rows,
        "hours_with_raw": made.hours_with_raw,
        **made.coverage.figures(),
        "raw_objects": made.objects,
        "beyond_raw": made.beyond_raw,
        "rejected_files": [{"file": file.key, "reason": file.reason} for file in made.rejected],
    }
