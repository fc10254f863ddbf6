"""The static site in the lake: its days, and the files that change with the newest of them.

Belongs here: bringing manifest, page and channels' files up to date with the days that are sealed. Not here: what
these files hold (domain.atlas.site, domain.atlas.explorer).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.domain.atlas.day_data import read_day
from vieweratlas_assets.domain.atlas.explorer import draw_site_page
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions

ASSET = "atlas_site"


def publish(sealed: SealedPartitions) -> None:
    """Bring the site up to date with its days.

    Runs of other days may do the same at the same time: whoever writes last looks again, and finds all that was
    sealed before.
    """
    told: dict[dt.date, PartitionRecord] | None = None
    while (days := sealed.records(ASSET)) != told:
        if days:
            _write(sealed, days)
        told = days


def _write(sealed: SealedPartitions, days: Mapping[dt.date, PartitionRecord]) -> None:
    store = sealed.store
    newest = list(days.values())[-site.TREND_DAYS :]
    blocks = [read_day(sealed.file(record, lake.site_file(_entry(record)["bin"]))) for record in newest]
    files = {lake.site_file(name): data for name, data in site.channel_files(blocks)}
    for key, data in files.items():
        store.upload_bytes(key, data)
    for key in store.list_files(lake.site_file(site.CHANNELS)):
        if key not in files:
            store.delete(key)
    store.upload_bytes(lake.site_file(site.PAGE), draw_site_page().encode())
    # Last: what it names is there.
    entries = {day: _entry(record) for day, record in days.items()}
    store.upload_bytes(lake.site_file(site.MANIFEST), site.manifest(entries))


def _entry(record: PartitionRecord) -> dict[str, Any]:
    entry: dict[str, Any] = record.facts["entry"]
    return entry
