"""From raw snapshots to a day's live presence.

Belongs here: the `live_presence` asset, and when a day stays as it is. Not here: merging rows (domain.presence.raw),
reading hours (storage.raw).
"""

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from vieweratlas_assets.defs.assets.collection import OWNERS
from vieweratlas_assets.defs.checks import Check, Verdict, schema_check
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import column_schemas
from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.quality import RejectedFile, told_reasons
from vieweratlas_assets.domain.presence.raw import live_presence_of, merge_live_presence
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import PRESENCE
from vieweratlas_assets.partitions import RANGE, Partitions
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.objects import CorruptObject, ObjectNotFound, ObjectStore
from vieweratlas_assets.storage.raw import RawDay, find_raw_day, read_raw_hours
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

LEAST_COVERAGE = 0.8
LIVE_TABLES = (PRESENCE,)
LIVE_CHECKS = (
    schema_check(LIVE_TABLES),
    Check("has_live_presence", "The day has live presence, of its raw snapshots or otherwise."),
    Check("raw_readable", "No object of raw snapshots was rejected."),
    Check(
        "coverage", f"Minutes whose coverage is known were observed for {LEAST_COVERAGE:.0%} of their time or more."
    ),
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
        record: where it was made here and is still the file that was sealed.
        presence: schema PRESENCE; None where there is no file.
        fault: why the file that is there cannot be read.
    """

    record: PartitionRecord | None
    presence: pl.DataFrame | None
    fault: str = ""


@dataclass
class _Read:
    """A day's raw snapshots as read, and what they were."""

    presence: list[pl.DataFrame] = field(default_factory=lambda: [PRESENCE.empty()])
    objects: list[str] = field(default_factory=list)
    rejected: list[RejectedFile] = field(default_factory=list)
    hours: int = 0
    rows: int = 0
    observed_s: int = 0
    observable_s: int = 0

    @property
    def coverage(self) -> float | None:
        """Share of the time of those minutes whose coverage is known."""
        return self.observed_s / self.observable_s if self.observable_s else None


def live_presence_of_day(sealed: SealedPartitions, names: ViewerNames, day: dt.date) -> DayResult:
    """Make a day's live presence of its raw snapshots, as far as there are any.

    Presence whose raw snapshots are no longer in the lake, or never were, is not lost: it is joined to what the raw
    snapshots of now make.

    Raises:
        CorruptObject: there are raw snapshots, and none can be read.
    """
    raw = find_raw_day(sealed.store, day)
    standing = _standing(sealed, day)
    if not raw.objects:
        return _as_it_is(standing)
    read = _read(sealed.store, raw)
    if not read.objects:
        told = told_reasons(read.rejected)
        raise CorruptObject(f"none of the {len(read.rejected)} raw object(s) of {day} can be read: {told}")
    presence = PRESENCE.conform(pl.concat(read.presence))
    beyond_raw = False
    if standing.presence is not None and _may_know_more(standing.record, read):
        joined = merge_live_presence(presence, standing.presence)
        beyond_raw = not joined.equals(presence)
        presence = joined
    # Raw snapshots may be older than an opt-out, or than the use of pseudonyms.
    presence = names.apply(presence)
    verdicts = {
        "has_live_presence": Verdict(not presence.is_empty(), f"{presence.height} rows"),
        "raw_readable": Verdict(not read.rejected, told_reasons(read.rejected)),
    }
    if read.coverage is not None:
        verdicts["coverage"] = Verdict(read.coverage >= LEAST_COVERAGE, f"{read.coverage:.1%} of the time")
    facts = _facts(presence, read) | {"beyond_raw": beyond_raw}
    return DayResult(tables={PRESENCE: presence}, facts=facts, made_from=_fingerprint(raw, names), verdicts=verdicts)


def _standing(sealed: SealedPartitions, day: dt.date) -> Standing:
    key = paths.live_presence(day)
    try:
        data = sealed.store.download_bytes(key)
        presence = parquet.decode_table(data, PRESENCE, uri=sealed.store.uri(key))
    except ObjectNotFound:
        return Standing(None, None)
    except CorruptObject as error:
        return Standing(None, None, str(error))
    try:
        record = sealed.record("live_presence", day)
    except CorruptObject:
        record = None
    # A generator or another import may have put its own file over the one that was sealed.
    ours = record is not None and record.files.get(key) == hashlib.sha256(data).hexdigest()
    return Standing(record if ours else None, presence)


def _as_it_is(standing: Standing) -> DayResult:
    if standing.presence is None:
        seen = standing.fault or NOTHING
        return DayResult(unsealed=seen, facts={"rows": 0}, verdicts={"has_live_presence": Verdict(False, seen)})
    seen = f"{standing.presence.height} rows; {NO_RAW}"
    verdicts = {"has_live_presence": Verdict(not standing.presence.is_empty(), seen)}
    if standing.record is not None:
        return DayResult(kept=standing.record, verdicts=verdicts)
    return DayResult(unsealed=NO_RAW, facts={"rows": standing.presence.height}, verdicts=verdicts)


def _may_know_more(record: PartitionRecord | None, read: _Read) -> bool:
    """Whether the presence that stands may hold what the raw snapshots that can be read do not."""
    if record is None or record.facts.get("beyond_raw"):
        return True
    return not set(record.facts.get("raw_objects", ())) <= set(read.objects)


def _read(store: ObjectStore, raw: RawDay) -> _Read:
    """Read a day hour by hour, so that no more than one hour's raw snapshots are held."""
    read = _Read()
    for hour in read_raw_hours(store, raw):
        read.presence.append(live_presence_of(hour.rows))
        read.objects += hour.read
        read.rejected += hour.rejected
        read.hours += bool(hour.rows.height)
        read.rows += hour.rows.height
        # Two collectors of one minute have watched it for as long as the better of them did.
        known = hour.rows.drop_nulls("coverage_s").group_by("channel", "bucket_start").agg(pl.col("coverage_s").max())
        read.observed_s += int(known["coverage_s"].sum())
        read.observable_s += BUCKET_LEN_S * known.height
    return read


def _facts(presence: pl.DataFrame, read: _Read) -> dict[str, Any]:
    return {
        "rows": presence.height,
        "channels": presence["channel"].n_unique(),
        "raw_rows": read.rows,
        "hours_with_raw": read.hours,
        "coverage": None if read.coverage is None else round(read.coverage, 4),
        "raw_objects": read.objects,
        "rejected_files": [{"file": file.key, "reason": file.reason} for file in read.rejected],
    }
