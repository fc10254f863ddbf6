"""Audiences that change after they were made: a viewer erased, their presence pruned.

Belongs here: rewriting a sealed audience so that it stays whole. Not here: making one (defs.assets.presence), other
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
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions, encoded, record_of

ASSET = "channel_audience"
# What an audience says that it was made of, once its presence has been pruned: it is never made again.
PRUNED = "presence that was pruned"
QUALITY_REPORT = "quality_report.json"


def is_pruned(sealed: SealedPartitions, day: dt.date) -> bool:
    """Whether the presence of a day's audience has been pruned, so that the audience is all that is left.

    A damaged record says nothing.
    """
    try:
        record = sealed.record(ASSET, day)
    except CorruptObjectError:
        return False
    return record is not None and record.made_from == PRUNED


def mark_pruned(sealed: SealedPartitions, day: dt.date) -> bool:
    """Note in the record of a day's audience that its presence goes; False where there is no audience."""
    record = sealed.record(ASSET, day)
    if record is None:
        return False
    sealed.set_fingerprint(record, made_from=PRUNED)
    return True


def erase_from_audience(
    sealed: SealedPartitions, day: dt.date, viewers: frozenset[str], *, dry_run: bool = False
) -> int:
    """Take viewers out of a day's audience, which is then out of date unless its presence has been pruned.

    While it is being rewritten, a copy of its record stands beside it: a run that is cut off leaves the audience
    absent, and the next one brings it back. An audience that is not whole is deleted, as nobody reads it.

    Args:
        viewers: every form under which they may stand there.

    Returns:
        Pairs that held one of the names.

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
    cut_off = store.exists(copy)
    if dry_run or not (pairs or cut_off):
        return pairs
    record = sealed.record(ASSET, day)
    if cut_off and record is None:
        record = record_of(ASSET, day, store.download_json(copy), uri=store.uri(copy))
    elif record is not None and record.files.get(key) != hashlib.sha256(data).hexdigest():
        record = None
    if record is None:
        for gone in (lake.partition_record(ASSET, day), key, lake.channel_activity(day)):
            store.delete(gone)
    elif pairs or cut_off:
        store.upload_bytes(copy, encoded(record))
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
        told = _figures(store.download_json(report), kept, activity)
        changed[report] = json.dumps(told, indent=2).encode()
    files = {key: changed[key] if key in changed else store.download_bytes(key) for key in record.files}
    facts = {**_figures(record.facts, kept, activity), "rows": kept.height}
    made_from = PRUNED if record.made_from == PRUNED else ""
    sealed.seal(ASSET, day, files, facts=facts, origin=record.origin, made_from=made_from)


def _figures(told: dict[str, Any], audience: pl.DataFrame, activity: pl.DataFrame) -> dict[str, Any]:
    """The figures of a quality report, with those that follow from the audience brought up to date."""
    viewers = count_viewers([pair_digests(audience)])
    sources = {
        source: {**figures, "unique_viewers": viewers.seen_by(source)}
        for source, figures in told.get("sources", {}).items()
    }
    return {**told, **audience_figures(viewers, activity), "sources": sources}
