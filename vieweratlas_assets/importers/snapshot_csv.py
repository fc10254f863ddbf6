"""Live snapshots in CSV, one row a chatter or one row a snapshot, told apart by the header.

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
# All chatters of a large channel in one cell.
CELL_LIMIT = 50_000_000
# Rows of one snapshot that are joined before they are handed on.
MOST_JOINED = 50_000

Row = tuple[int, dict[str, str]]


def read_csv(file: SnapshotFile) -> Iterator[Snapshot]:
    """Read the snapshots of a file; a row that cannot be used is rejected with its line.

    Rows that follow one another and differ in the chatter only are one snapshot. A row without a chatter, or with
    an empty list, is a snapshot in which nobody wrote.
    """
    rows = read_rows(file.path, COLUMNS, ("timestamp", "channel"), beyond=BEYOND, field_limit=CELL_LIMIT)
    try:
        for joined in _snapshots(rows):
            yield from _usable(file, joined)
    except TableError as error:
        file.reject(str(error).removeprefix(f"{file.path}: "))


def _snapshots(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Join the rows of each snapshot."""
    joined: list[Row] = []
    same: list[str] = []
    for line, row in rows:
        if ("chatter" in row) == ("chatters" in row):
            raise TableError(
                f"the header has {'both' if 'chatter' in row else 'none'} of username or chatter (one row a chatter) "
                "and chatters (one row a snapshot); it must have one"
            )
        told = [value for name, value in row.items() if name != "chatter"]
        if joined and (told != same or "chatters" in row or len(joined) >= MOST_JOINED):
            yield joined
            joined = []
        joined.append((line, row))
        same = told
    if joined:
        yield joined


def _usable(file: SnapshotFile, joined: list[Row]) -> Iterator[Snapshot]:
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
    # A list that nobody quoted runs on beyond the last column; only its count can tell it from other stray commas.
    listed = ",".join(filter(None, (fields["chatters"], fields[BEYOND])))
    chatters = file.names(listed)
    told = {str(len(chatters)), str(len({name.strip().lower() for name in chatters}))}
    count = fields.get("chatters_count", "")
    if fields[BEYOND] and count not in told:
        raise SnapshotError("has more fields than the header, and its chatters_count is not that of the list")
    if count and count not in told:
        file.count("rows whose chatters_count is not that of the list (the list is taken)")
    return chatters
