"""From presence rows to a day's audience.

Belongs here: the `channel_audience` asset. Not here: the reduction and the filters (domain.presence).
"""

import datetime as dt
import json
from dataclasses import asdict
from functools import partial

import dagster as dg

from vieweratlas_assets.defs.checks import Check, Verdict, schema_check
from vieweratlas_assets.defs.days import DayResult, each_day
from vieweratlas_assets.defs.io_managers import LakeIOManager
from vieweratlas_assets.defs.metadata import OWNERS, column_schemas
from vieweratlas_assets.defs.resources import Analysis
from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.quality import quality_report, told_reasons
from vieweratlas_assets.domain.presence.records import SOURCES
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.partitions import RANGE, Partitions
from vieweratlas_assets.storage.audiences import is_pruned
from vieweratlas_assets.storage.objects import CorruptObject
from vieweratlas_assets.storage.presence import DayFiles, find_day, read_audience
from vieweratlas_assets.storage.row_groups import EncodedTable

AUDIENCE_TABLES = (CHANNEL_AUDIENCE, CHANNEL_ACTIVITY)
AUDIENCE_CHECKS = (
    schema_check(AUDIENCE_TABLES),
    Check("has_presence", "The day has presence; a day without has an empty audience."),
    Check("files_readable", "No file of presence or roster was rejected."),
)


def channel_audience_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """Build the asset `channel_audience`."""

    @dg.asset(
        partitions_def=partitions.daily,
        deps=["live_presence", "vod_presence", "vod_catalog", "channel_roster"],
        group_name="presence",
        kinds={"polars", "parquet"},
        owners=OWNERS,
        backfill_policy=RANGE,
        check_specs=[check.spec("channel_audience") for check in AUDIENCE_CHECKS],
        metadata=column_schemas(AUDIENCE_TABLES),
    )
    def channel_audience(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        analysis: Analysis,
        viewer_names: dg.ResourceParam[ViewerNames],
    ) -> dg.MaterializeResult:
        """Distinct viewers of each channel on a day, filtered, with the quality report.

        A day takes in the VODs created on it, whole, and live presence by its minute.
        """
        return each_day(
            context,
            lake.sealed,
            lambda day: audience_of_day(lake, analysis, viewer_names, day),
            tables=AUDIENCE_TABLES,
            asset_checks=AUDIENCE_CHECKS,
        )

    return channel_audience


def audience_fingerprint(files: DayFiles, analysis: Analysis, names: ViewerNames) -> str:
    """Tells whether an audience was made of these files with these filters, list of bots, names and opt-outs."""
    return files.fingerprint(f"{analysis.filters()} {sorted(known_bots())}{names.fingerprint()}")


def audience_of_day(lake: LakeIOManager, analysis: Analysis, names: ViewerNames, day: dt.date) -> DayResult:
    """Read a day's presence and reduce it to its audience.

    An audience whose presence has been pruned stays as it is: it is all that is left of the day.

    Raises:
        CorruptObject: there are files of presence, and none can be read.
    """
    if is_pruned(lake.sealed, day):
        return _as_it_is(lake, day)
    files = find_day(lake.store, day)
    encoded = partial(EncodedTable, CHANNEL_AUDIENCE)
    audience, read = read_audience(lake.store, files, analysis.filters(), encoded, names)
    if files.has_presence and not read.files_read.keys() & set(SOURCES):
        raise CorruptObject(
            f"none of the {len(read.rejected)} file(s) of {day} can be read: {told_reasons(read.rejected)}"
        )
    report = quality_report(audience, read.files_read, read.rejected)
    used = {**asdict(analysis.filters()), **names.described()}
    return DayResult(
        tables={CHANNEL_AUDIENCE: audience.audience, CHANNEL_ACTIVITY: audience.activity},
        products={"quality_report.json": json.dumps({"date": str(day), **report}, indent=2).encode()},
        facts={"rows": audience.audience.rows, **report, "settings": used},
        made_from=audience_fingerprint(files, analysis, names),
        verdicts={
            "has_presence": Verdict(files.has_presence, f"{report['total_snapshots']} presence rows"),
            "files_readable": Verdict(not read.rejected, told_reasons(read.rejected)),
        },
    )


def _as_it_is(lake: LakeIOManager, day: dt.date) -> DayResult:
    record = lake.sealed.record("channel_audience", day)
    pairs = record.facts["rows"] if record is not None else 0
    verdicts = {
        "has_presence": Verdict(True, f"the presence was pruned, the audience of {pairs} pairs stays"),
        "files_readable": Verdict(True, "no file was read"),
    }
    return DayResult(kept=record, verdicts=verdicts)
