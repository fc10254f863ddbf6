"""Minutes on their way to the lake: first a file on this machine's disk, then an object of the lake.

Belongs here: keeping what cannot be delivered yet, wherever there is room. Not here: what is in a minute (minutes),
when it is delivered (collector).
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

MOST_UNSAVED_BYTES = 256 << 20
_MINUTE = re.compile(r"-(?P<minute>\d\d)-[0-9a-f]{8}\.parquet$")
LOG = logging.getLogger("vieweratlas.collector")


class Spool:
    """Files of minutes that the lake does not have yet. Safe to use from two threads.

    Attributes:
        lost: files that neither the disk nor the lake took and for which there was no memory left.
    """

    def __init__(self, folder: Path, store: ObjectStore, *, most_unsaved_bytes: int = MOST_UNSAVED_BYTES) -> None:
        """Keep files in a folder; what an earlier process left there is delivered too.

        Args:
            most_unsaved_bytes: memory for files that the disk does not take.
        """
        self.lost = 0
        self._disk, self._store = LocalStore(folder), store
        self._most_unsaved_bytes = most_unsaved_bytes
        self._unsaved: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._delivering = threading.Lock()

    def put(self, rows: pl.DataFrame, collector: str) -> None:
        """Keep rows of RAW_SNAPSHOTS, in its order, a file for every hour that they are of.

        A file's name tells its first minute, and is drawn: the rows of two files add up, also where they are equal.
        """
        for (hour,), of_hour in rows.group_by(pl.col("bucket_start").dt.truncate("1h"), maintain_order=True):
            data = parquet.encode(of_hour)
            first = of_hour["bucket_start"].sort()[0]
            self._save(f"{lake.raw_hour(hour)}{collector}-{first:%M}-{secrets.token_hex(4)}.parquet", data)

    def pending(self) -> list[str]:
        """Keys of the files that the lake does not have yet, in order."""
        with self._lock:
            return sorted({*self._disk.list_files("", ".parquet"), *self._unsaved})

    def deliver(self) -> None:
        """Bring all files to the lake, the oldest first.

        Raises:
            StorageError: the lake, or the disk, is in trouble; what was not delivered is still kept.
        """
        with self._delivering:
            for key in self.pending():
                self._deliver(key)

    def oldest_minute(self) -> float | None:
        """The first minute of the oldest file that the lake does not have yet, s since 1970."""
        for key in self.pending():
            hour, told = lake.raw_hour_of(key), _MINUTE.search(key)
            if hour is not None and told is not None:
                return hour.timestamp() + 60 * int(told["minute"])
        return None

    def _deliver(self, key: str) -> None:
        with self._lock:
            data = self._unsaved.get(key)
        told = self._disk.download_bytes(key) if data is None else data
        target = key
        # Another's file is never written over; ours is found again where the answer to an earlier try was lost.
        while not self._store.create_bytes(target, told):
            target = f"{key.removesuffix('.parquet')}-{secrets.token_hex(4)}.parquet"
        if data is None:
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
                while sum(map(len, self._unsaved.values())) > self._most_unsaved_bytes:
                    oldest = min(self._unsaved)
                    del self._unsaved[oldest]
                    self.lost += 1
                    LOG.error("no room for %s: it is lost", oldest)
