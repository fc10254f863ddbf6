"""A day's audience: distinct (channel, viewer) pairs of its presence.

Belongs here: reading a day, reducing it, and whether its audience is current. Not here: the reduction and the filters
(domain.presence), finding and reading files (storage).
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial

import polars as pl

from vieweratlas_assets.domain.presence.audience import DayAudience
from vieweratlas_assets.domain.presence.filters import AudienceFilters, Held
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.quality import quality_report, rejection_summary
from vieweratlas_assets.domain.presence.records import SOURCES
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.steps.freshness import audience_filters, audience_fingerprint
from vieweratlas_assets.steps.results import DayResult, Verdict
from vieweratlas_assets.storage.audiences import is_pruned
from vieweratlas_assets.storage.day_files import DayFiles, find_day
from vieweratlas_assets.storage.day_presence import DayRead, read_audience
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.row_groups import EncodedTable
from vieweratlas_assets.storage.sealed import SealedPartitions


def audience_of_day(
    sealed: SealedPartitions, analysis: AnalysisSettings, names: ViewerNames, day: dt.date
) -> DayResult:
    """Read a day's presence and reduce it to its audience.

    An audience whose presence was pruned stays as it is: it is all that is left of the day.

    Raises:
        CorruptObjectError: the day has files of presence, and none can be read.
    """
    if is_pruned(sealed, day):
        return _pruned_day(sealed, day)
    files, filters = find_day(sealed.store, day), audience_filters(analysis)
    encode = partial(EncodedTable, CHANNEL_AUDIENCE)
    audience, read = read_day_audience(sealed.store, day, files, filters, encode, names)
    report = quality_report(audience, read.files_read, read.rejected)
    return DayResult(
        tables={CHANNEL_AUDIENCE: audience.audience, CHANNEL_ACTIVITY: audience.activity},
        products={"quality_report.json": json.dumps({"date": str(day), **report}, indent=2).encode()},
        facts={
            "rows": audience.audience.rows,
            **report,
            "settings": {**asdict(filters), **names.described()},
        },
        made_from=audience_fingerprint(files, analysis, names),
        verdicts={
            "has_presence": Verdict(files.has_presence, f"{report['total_snapshots']} presence rows"),
            "files_readable": Verdict(not read.rejected, rejection_summary(read.rejected)),
        },
    )


def read_day_audience(
    store: ObjectStore,
    day: dt.date,
    files: DayFiles,
    filters: AudienceFilters,
    hold: Callable[[Iterable[pl.DataFrame]], Held],
    names: ViewerNames,
) -> tuple[DayAudience[Held], DayRead]:
    """Reduce a day's files to its audience in memory; nothing is written.

    Args:
        hold: how the pairs are held, such as `list`.

    Returns:
        The audience, and which files were read and rejected.

    Raises:
        CorruptObjectError: the day has files of presence, and none can be read.
    """
    audience, read = read_audience(store, files, filters, hold, names)
    if files.has_presence and not read.files_read.keys() & set(SOURCES):
        raise CorruptObjectError(
            f"none of the {len(read.rejected)} file(s) of {day} can be read: {rejection_summary(read.rejected)}"
        )
    return audience, read


def _pruned_day(sealed: SealedPartitions, day: dt.date) -> DayResult:
    record = sealed.record("channel_audience", day)
    pairs = record.facts["rows"] if record is not None else 0
    verdicts = {
        "has_presence": Verdict(True, f"the presence was pruned, the audience of {pairs} pairs stays"),
        "files_readable": Verdict(True, "no file was read"),
    }
    return DayResult(kept=record, verdicts=verdicts)
