"""Minutes on their way to the lake: first a file on this machine's disk, then an object in the lake.

Belongs here: keeping files that cannot be delivered yet, on disk or in memory. Not here: the rows of a minute
(minutes), the time of delivery (collector).
"""

import logging
import re
import secrets
import threading
from pathlib import Path

import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore

MAX_UNSAVED_BYTES = 256 << 20
_MINUTE = re.compile(r"-(?P<minute>\d\d)-[0-9a-f]{8}\.parquet$")
LOG = logging.getLogger("vieweratlas.collector")


class Spool:
    """Files of minutes that the lake does not have yet. Safe to use from two threads.

    Attributes:
        lost: number of files that neither disk nor lake took and that no longer fit in memory.
    """

    def __init__(self, folder: Path, store: ObjectStore, *, max_unsaved_bytes: int = MAX_UNSAVED_BYTES) -> None:
        """Keep files in a folder; files that an earlier process left there are delivered too.

        Args:
            max_unsaved_bytes: memory for files that the disk does not take.
        """
        self.lost = 0
        self._disk, self._store = LocalStore(folder), store
        self._max_unsaved_bytes = max_unsaved_bytes
        self._unsaved: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._delivering = threading.Lock()

    def put(self, rows: pl.DataFrame, collector: str) -> None:
        """Keep rows of RAW_SNAPSHOTS, in its order, in one file per hour.

        The name of a file contains its first minute and a random part: the rows of two files add up, also if they are
        equal.
        """
        for (hour,), hour_rows in rows.group_by(pl.col("bucket_start").dt.truncate("1h"), maintain_order=True):
            data = parquet.encode(hour_rows)
            first = hour_rows["bucket_start"].sort()[0]
            self._save(f"{lake.raw_hour(hour)}{collector}-{first:%M}-{secrets.token_hex(4)}.parquet", data)

    def pending(self) -> list[str]:
        """Keys of the files that the lake does not have yet, sorted."""
        with self._lock:
            return sorted({*self._disk.list_files("", ".parquet"), *self._unsaved})

    def deliver(self) -> None:
        """Upload all files to the lake, the oldest first.

        Raises:
            StorageError: the lake or the disk failed; files that were not delivered are kept.
        """
        with self._delivering:
            for key in self.pending():
                self._deliver(key)

    def oldest_minute(self) -> float | None:
        """The first minute of the oldest file that the lake does not have yet, s since 1970."""
        for key in self.pending():
            hour, match = lake.raw_hour_of(key), _MINUTE.search(key)
            if hour is not None and match is not None:
                return hour.timestamp() + 60 * int(match["minute"])
        return None

    def _deliver(self, key: str) -> None:
        with self._lock:
            unsaved = self._unsaved.get(key)
        data = self._disk.download_bytes(key) if unsaved is None else unsaved
        target = key
        # Never overwrites another file; succeeds if an earlier attempt created ours and its answer was lost.
        while not self._store.create_bytes(target, data):
            target = f"{key.removesuffix('.parquet')}-{secrets.token_hex(4)}.parquet"
        if unsaved is None:
            self._disk.delete(key)
        else:
            with self._lock:
                self._unsaved.pop(key, None)

    def _save(self, key: str, data: bytes) -> None:
        try:
            self._disk.upload_bytes(key, data)
        except StorageError as error:
            LOG.error("%s; the minute is kept in memory until the lake takes it", error)
            with self._lock:
                self._unsaved[key] = data
                while sum(map(len, self._unsaved.values())) > self._max_unsaved_bytes:
                    oldest = min(self._unsaved)
                    del self._unsaved[oldest]
                    self.lost += 1
                    LOG.error("no memory left for %s: the file is lost", oldest)
