"""Which earlier day a day continues.

Belongs here: skipping days that know few channels, such as the day of an outage. Not here: what is continued
(steps.communities, steps.continuity).
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator

import polars as pl

from vieweratlas_assets.domain.schemas import COMMUNITIES
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

DAYS_REMEMBERED = 7
GOOD_FROM = 0.5
"""A day is good if it knows at least this share of the channels that the best remembered day knows."""


def latest_good_day(
    sealed: SealedPartitions,
    day: dt.date,
    channels: pl.Series,
    may_be: Callable[[PartitionRecord], bool],
) -> PartitionRecord | None:
    """The record of `communities` of the latest earlier day that knows most of today's channels.

    Looks at the last DAYS_REMEMBERED existing days. Skips those whose communities hold fewer than GOOD_FROM times
    the channels of today that the best of them holds.

    Args:
        channels: today's channels.
        may_be: whether a record is a candidate at all.
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
