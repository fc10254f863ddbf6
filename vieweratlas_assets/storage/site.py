"""The static site in the lake: its days, and the files that change when a day is added.

Belongs here: updating the manifest, the page and the channels' files to the sealed days. Not here: the content of
these files (domain.atlas.site, domain.atlas.explorer).
"""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.domain.atlas.day_data import DayBlock, read_day
from vieweratlas_assets.domain.atlas.explorer import draw_site_page
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

ASSET = "atlas_site"
LOG = logging.getLogger("vieweratlas.days")


def publish(sealed: SealedPartitions) -> None:
    """Update the site to the days that are sealed.

    Runs of other days may do the same at the same time: each looks again after it has written, so the last one
    finds every day that was sealed before.
    """
    published: dict[dt.date, PartitionRecord] | None = None
    while True:
        # List before reading the records: a file that is written now is then not listed, or is in a newer record.
        listed = sealed.store.list_files(lake.site_file("days/"))
        days = sealed.records(ASSET)
        if days == published:
            return
        if days:
            _write(sealed, days)
            _clear(sealed, listed, days)
        published = days


def _write(sealed: SealedPartitions, days: Mapping[dt.date, PartitionRecord]) -> None:
    store = sealed.store
    store.upload_bytes(lake.site_file(site.PAGE), draw_site_page().encode())
    entries = {day: _entry(record) for day, record in days.items()}
    store.upload_bytes(lake.site_file(site.MANIFEST), site.manifest(entries))
    blocks = list(_blocks(sealed, list(days.values())[-site.TREND_DAYS :]))
    files = {lake.site_file(name): data for name, data in site.channel_files(blocks)}
    for key, data in files.items():
        store.upload_bytes(key, data)
    for key in store.list_files(lake.site_file(site.CHANNELS)):
        if key not in files:
            store.delete(key)


def _blocks(sealed: SealedPartitions, records: Iterable[PartitionRecord]) -> Iterator[DayBlock]:
    """The days that can be read: a day that cannot is missing from the trends, and nothing else is."""
    for record in records:
        try:
            data = sealed.file(record, lake.site_file(_entry(record)["bin"]))
        except StorageError as error:
            LOG.warning(
                "the channels' trends on the site omit %s: %s; materialize atlas_site of %s again",
                record.day,
                error,
                record.day,
            )
        else:
            yield read_day(data)


def _clear(sealed: SealedPartitions, listed: Iterable[str], days: Mapping[dt.date, PartitionRecord]) -> None:
    """Remove the files that a day had before it was recomputed."""
    for key in listed:
        day = site.day_of(key.removeprefix(lake.site_file("")))
        record = days.get(day) if day else None
        if record is not None and key not in record.files:
            sealed.store.delete(key)


def _entry(record: PartitionRecord) -> dict[str, Any]:
    entry: dict[str, Any] = record.facts["entry"]
    return entry
