"""Who wrote when in a VOD's chat, kept on request: second and name of each comment, never its text.

Belongs here: the file. Not here: whether it is kept (worker), what a name becomes (domain.presence.names).
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
    """Takes pages of comments, and gives the file: a JSON object a line, gzipped; on disk meanwhile."""

    def __init__(self, names: ViewerNames, file: IO[bytes]) -> None:
        self._names, self._file = names, file
        # Without a time and a name in its head, the same comments give the same bytes.
        self._lines = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)

    def add(self, comments: Sequence[Comment]) -> None:
        """Take a page; a comment whose writer is not known, or opted out, has a null name."""
        stored = self._names.stored(pl.Series([comment.login for comment in comments], dtype=pl.String))
        for comment, name in zip(comments, stored, strict=True):
            told = {"content_offset_seconds": comment.offset_s, "commenter": {"name": name} if name else None}
            self._lines.write(json.dumps(told).encode() + b"\n")

    def data(self) -> bytes:
        """The whole file."""
        self._lines.close()
        self._file.seek(0)
        return self._file.read()


@contextmanager
def raw_chat(names: ViewerNames) -> Iterator[RawChat]:
    """A file to fill, gone after the block."""
    with tempfile.TemporaryFile() as file:
        yield RawChat(names, file)
