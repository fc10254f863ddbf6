"""Which earlier day a day goes on from.

Belongs here: passing over days that know little, such as one of an outage. Not here: going on (assets.atlas,
assets.continuity).
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator

import polars as pl

from vieweratlas_assets.domain.schemas import COMMUNITIES
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

DAYS_REMEMBERED = 7
GOOD_FROM = 0.5
"""A day is good from this share on of the channels that the best of the remembered days knows."""


def good_day_before(
    sealed: SealedPartitions,
    day: dt.date,
    channels: pl.Series,
    may_be: Callable[[PartitionRecord], bool],
) -> PartitionRecord | None:
    """The record of `communities` of the latest earlier day that knows most of today's channels.

    Of the last DAYS_REMEMBERED days that are there, those are passed over that hold, in communities, less than
    GOOD_FROM times the channels of today that the best of them holds.

    Args:
        channels: of today.
        may_be: whether a record may be chosen at all.
    """
    known: list[tuple[int, PartitionRecord]] = []
    for record in itertools.islice(_days_before(sealed, day), DAYS_REMEMBERED):
        if may_be(record):
            clustered = sealed.table(record, COMMUNITIES).drop_nulls("community")["channel"]
            known.append((int(clustered.is_in(channels.to_list()).sum()), record))
    best = max((count for count, _ in known), default=0)
    return next((record for count, record in known if count >= GOOD_FROM * best), None)


def _days_before(sealed: SealedPartitions, day: dt.date) -> Iterator[PartitionRecord]:
    while (record := sealed.newest_before("communities", day)) is not None:
        yield record
        day = record.day
