"""The raw chat of a VOD, stored on request: second and name of each comment, never its text.

Belongs here: the file. Not here: whether it is stored (worker), how names are stored (domain.presence.names).
"""

import gzip
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import polars as pl

from vieweratlas_assets.clients.vod_chat import Comment
from vieweratlas_assets.domain.presence.names import ViewerNames


class RawChat:
    """Collects pages of comments on disk as a gzipped file with one JSON object per line."""

    def __init__(self, names: ViewerNames, file: IO[bytes]) -> None:
        self._names, self._file = names, file
        # No time and no name in the header: the same comments give the same bytes.
        self._lines = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)

    def add(self, comments: Sequence[Comment]) -> None:
        """Add a page; commenter is null if the writer is unknown or opted out."""
        stored = self._names.stored(pl.Series([comment.login for comment in comments], dtype=pl.String))
        for comment, name in zip(comments, stored, strict=True):
            record = {"content_offset_seconds": comment.offset_s, "commenter": {"name": name} if name else None}
            self._lines.write(json.dumps(record).encode() + b"\n")

    def data(self) -> bytes:
        """The whole file."""
        self._lines.close()
        self._file.seek(0)
        return self._file.read()


@contextmanager
def raw_chat(names: ViewerNames) -> Iterator[RawChat]:
    """A file to fill; it is deleted after the block."""
    with tempfile.TemporaryFile() as file:
        yield RawChat(names, file)
