"""Whether what the lake has of a day is current: fingerprints of inputs, compared with those in the records.

Belongs here: identifying inputs. Not here: building anything (live_presence, audience, graph): planning an analysis
loads only this.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable

from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.filters import AudienceFilters
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.storage.audiences import PRUNED
from vieweratlas_assets.storage.day_files import DayFiles, find_day
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_assets.storage.raw_snapshots import RawDay, find_raw_day
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions


def is_live_presence_current(sealed: SealedPartitions, names: ViewerNames, day: dt.date) -> bool:
    """Whether a day's live presence was built from its current raw snapshots and names; true without any."""
    raw = find_raw_day(sealed.store, day)
    if not raw.objects:
        return True
    try:
        record = sealed.record("live_presence", day)
    except CorruptObjectError:
        return False
    return record is not None and record.made_from == live_fingerprint(raw, names)


def live_fingerprint(raw: RawDay, names: ViewerNames) -> str:
    """Identify a day's live presence by its raw snapshots, names and opt-outs."""
    return f"{raw.fingerprint}{names.fingerprint()}"


def audience_filters(analysis: AnalysisSettings) -> AudienceFilters:
    """The settings that decide who counts as a viewer."""
    return AudienceFilters(
        drop_known_bots=analysis.drop_known_bots,
        drop_broadcaster=analysis.drop_broadcaster,
        min_buckets_per_viewer=analysis.min_buckets_per_viewer,
        min_channels_per_viewer=analysis.min_channels_per_viewer,
        max_channels_per_viewer=analysis.max_channels_per_viewer,
        drop_viewers_over_max=analysis.drop_viewers_over_max,
    )


def audience_fingerprint(files: DayFiles, analysis: AnalysisSettings, names: ViewerNames) -> str:
    """Identify an audience by its files, filters, list of bots, names and opt-outs."""
    return files.fingerprint(f"{audience_filters(analysis)} {sorted(known_bots())}{names.fingerprint()}")


def is_audience_current(
    sealed: SealedPartitions, day: dt.date, analysis: AnalysisSettings, names: ViewerNames
) -> bool:
    """Whether a day's audience exists and was made with the current files, filters, names and opt-outs."""
    try:
        record = sealed.record("channel_audience", day)
        if record is None:
            return False
        if record.made_from == PRUNED:
            return True
        return record.made_from == audience_fingerprint(find_day(sealed.store, day), analysis, names)
    except CorruptObjectError:
        # The run that rebuilds the audience replaces a damaged record, and names a catalog that it cannot read.
        return False


def window_fingerprint(window: Iterable[PartitionRecord]) -> str:
    """Identify a graph by its audiences; days in which nobody wrote anywhere do not count."""
    files = [(str(record.day), sorted(record.files.items())) for record in window if record.facts["total_snapshots"]]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
