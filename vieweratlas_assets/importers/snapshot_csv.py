"""Live snapshots in CSV: one row per chatter or one row per snapshot; the header decides.

Belongs here: the columns, and joining the rows of one snapshot. Not here: reading rows (tabular), what a field means
(snapshots).
"""

from collections.abc import Iterator

from vieweratlas_assets.importers.snapshots import Snapshot, SnapshotError, SnapshotFile
from vieweratlas_assets.importers.tabular import TableError, read_rows

COLUMNS = {
    "timestamp": ("timestamp",),
    "channel": ("channel", "channel_login"),
    "viewer_count": ("viewer_count", "total_viewers", "viewers"),
    "game_name": ("game_name", "game"),
    "language": ("language", "broadcaster_language"),
    "title": ("title",),
    "started_at": ("started_at", "uptime"),
    "chatter": ("username", "chatter"),
    "chatters": ("chatters",),
    "chatters_count": ("chatters_count",),
}
BEYOND = "beyond"
# Characters of one cell: it may hold all chatters of a large channel.
CELL_LIMIT = 50_000_000
# Rows of one snapshot that are joined at most; a longer snapshot continues as a second one of the same minute.
MAX_JOINED_ROWS = 50_000

Row = tuple[int, dict[str, str]]


def read_csv(file: SnapshotFile) -> Iterator[Snapshot]:
    """Read the snapshots of a file; a row that cannot be used is rejected with its line.

    Consecutive rows that differ only in the chatter are one snapshot. A row with no chatter, or with an empty list,
    is a snapshot in which nobody wrote.
    """
    rows = read_rows(file.path, COLUMNS, ("timestamp", "channel"), beyond=BEYOND, field_limit=CELL_LIMIT)
    try:
        for joined in _join_rows(rows):
            yield from _valid_snapshots(file, joined)
    except TableError as error:
        file.reject(str(error).removeprefix(f"{file.path}: "))


def _join_rows(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Group the rows of each snapshot."""
    joined: list[Row] = []
    previous: list[str] = []
    for line, row in rows:
        if ("chatter" in row) == ("chatters" in row):
            either, nor = ("both", "and") if "chatter" in row else ("neither", "nor")
            raise TableError(
                f"the header has {either} username or chatter (one row per chatter) {nor} chatters "
                "(one row per snapshot); it must have exactly one of the two"
            )
        shared = [value for name, value in row.items() if name != "chatter"]
        if joined and (shared != previous or "chatters" in row or len(joined) >= MAX_JOINED_ROWS):
            yield joined
            joined = []
        joined.append((line, row))
        previous = shared
    if joined:
        yield joined


def _valid_snapshots(file: SnapshotFile, joined: list[Row]) -> Iterator[Snapshot]:
    fields = joined[0][1]
    try:
        if not fields["channel"]:
            raise SnapshotError("channel is empty")
        if not fields["timestamp"]:
            raise SnapshotError("timestamp is empty")
        snapshot = file.snapshot(fields, _chatters(file, joined))
    except SnapshotError as error:
        for line, _ in joined:
            file.reject(str(error), row=line)
        return
    yield snapshot


def _chatters(file: SnapshotFile, joined: list[Row]) -> list[str]:
    fields = joined[0][1]
    if "chatters" not in fields:
        if fields[BEYOND]:
            raise SnapshotError("has more fields than the header; is a comma in a title not quoted?")
        return [row["chatter"] for _, row in joined]
    # An unquoted list continues beyond the last column; only its count distinguishes it from other stray commas.
    listed = ",".join(filter(None, (fields["chatters"], fields[BEYOND])))
    chatters = file.names(listed)
    lengths = {str(len(chatters)), str(len({name.strip().lower() for name in chatters}))}
    count = fields.get("chatters_count", "")
    if fields[BEYOND] and count not in lengths:
        raise SnapshotError(
            "has more fields than the header, and its chatters_count is not the length of the list; quote the list"
        )
    if count and count not in lengths:
        file.count("rows whose chatters_count is not the length of the list (the list is used)")
    return chatters
