"""Changes to sealed audiences: a viewer is erased, or the presence behind an audience is pruned.

Belongs here: rewriting a sealed audience so that it stays whole. Not here: computing one (steps.audience), other
tables (erasure), what is pruned (retention).
"""

import datetime as dt
import hashlib
import json
from typing import Any

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.audience import without_viewers
from vieweratlas_assets.domain.presence.quality import audience_figures
from vieweratlas_assets.domain.presence.viewer_counts import count_viewers, pair_digests
from vieweratlas_assets.domain.schemas import CHANNEL_ACTIVITY, CHANNEL_AUDIENCE
from vieweratlas_assets.storage import parquet, row_groups
from vieweratlas_assets.storage.errors import CorruptObjectError, ObjectNotFoundError
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions, decode_record, encode_record

ASSET = "channel_audience"
# The `made_from` of an audience whose presence has been pruned: it is never recomputed.
PRUNED = "presence that was pruned"
QUALITY_REPORT = "quality_report.json"


def is_pruned(sealed: SealedPartitions, day: dt.date) -> bool:
    """Whether the presence of a day's audience has been pruned, so that only the audience is left.

    False for a damaged record.
    """
    try:
        record = sealed.record(ASSET, day)
    except CorruptObjectError:
        return False
    return record is not None and record.made_from == PRUNED


def mark_pruned(sealed: SealedPartitions, day: dt.date) -> bool:
    """Note in the record of a day's audience that its presence is pruned; False if there is no audience."""
    record = sealed.record(ASSET, day)
    if record is None:
        return False
    sealed.set_fingerprint(record, made_from=PRUNED)
    return True


def erase_from_audience(
    sealed: SealedPartitions, day: dt.date, viewers: frozenset[str], *, dry_run: bool = False
) -> int:
    """Remove viewers from a day's audience, which is then out of date unless its presence has been pruned.

    During the rewrite, a copy of the record is stored next to it: an interrupted run leaves the audience absent,
    and the next run restores it. An audience without a valid record is deleted, because nothing reads it.

    Args:
        viewers: every form under which their names may be stored.

    Returns:
        The number of pairs with one of the names.

    Raises:
        CorruptObjectError: the audience or the record cannot be read.
    """
    store, copy = sealed.store, lake.erasing_record(day)
    key = lake.channel_audience(day)
    try:
        data = store.download_bytes(key)
    except ObjectNotFoundError:
        return 0
    audience = parquet.decode_table(data, CHANNEL_AUDIENCE, uri=store.uri(key))
    pairs = audience.filter(pl.col("viewer").is_in(sorted(viewers))).height
    is_interrupted = store.exists(copy)
    if dry_run or not (pairs or is_interrupted):
        return pairs
    record = sealed.record(ASSET, day)
    if is_interrupted and record is None:
        record = decode_record(ASSET, day, store.download_json(copy), uri=store.uri(copy))
    elif record is not None and record.files.get(key) != hashlib.sha256(data).hexdigest():
        record = None
    if record is None:
        for name in (lake.partition_record(ASSET, day), key, lake.channel_activity(day)):
            store.delete(name)
    elif pairs or is_interrupted:
        store.upload_bytes(copy, encode_record(record))
        _reseal(sealed, record, audience, viewers)
    store.delete(copy)
    return pairs


def _reseal(
    sealed: SealedPartitions, record: PartitionRecord, audience: pl.DataFrame, viewers: frozenset[str]
) -> None:
    store, day = sealed.store, record.day
    activity = store.download_parquet(lake.channel_activity(day), CHANNEL_ACTIVITY)
    kept, activity = without_viewers(audience, activity, viewers)
    changed = {
        lake.channel_audience(day): row_groups.EncodedTable(CHANNEL_AUDIENCE, [kept]).data,
        lake.channel_activity(day): parquet.encode(activity),
    }
    report = lake.atlas_file(day, QUALITY_REPORT)
    if report in record.files:
        figures = _updated_figures(store.download_json(report), kept, activity)
        changed[report] = json.dumps(figures, indent=2).encode()
    files = {key: changed[key] if key in changed else store.download_bytes(key) for key in record.files}
    facts = {**_updated_figures(record.facts, kept, activity), "rows": kept.height}
    made_from = PRUNED if record.made_from == PRUNED else ""
    sealed.seal(ASSET, day, files, facts=facts, origin=record.origin, made_from=made_from)


def _updated_figures(report: dict[str, Any], audience: pl.DataFrame, activity: pl.DataFrame) -> dict[str, Any]:
    """The figures of a quality report, with those that depend on the audience computed again."""
    viewers = count_viewers([pair_digests(audience)])
    sources = {
        source: {**figures, "unique_viewers": viewers.seen_by(source)}
        for source, figures in report.get("sources", {}).items()
    }
    return {**report, **audience_figures(viewers, activity), "sources": sources}
