"""A national atlas published as percentages of overlap, with a table of streamers and the minutes of their games.

Belongs here: the four CSV files of the Italian Twitch Community Graph Database, and the base of its percentages. Not
here: folding and measures (atlas).

`overlap_percentage` is the share of the *smaller* channel's viewers (spectTot) that also watch the other channel,
rounded to a tenth of a percent; each pair occurs once. The data shows this: of the pairs whose smaller channel has
fewer than 400 viewers, 99.99 % have a percentage that a whole number of shared viewers gives for the smaller channel.
For the channel in the first column it is 51 %, and 73 % of all pairs would need more shared viewers than the other
channel has. So

    shared viewers = percentage / 100 x the smaller channel's viewers, rounded

which is exact below 1,000 viewers, and otherwise off by at most 0.05 % of the smaller channel. If a file has both
directions of a pair, the larger counts, as in every atlas.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import polars as pl

from vieweratlas_assets.importers.atlas import NODE_ROWS, ImportedAtlas, assemble, edge_rows, is_count, number
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.tabular import read_rows

STREAMERS = "Streamer_dataset.csv"
OVERLAPS = "Streamer-Streamer_dataset.csv"
MINUTES = "Streamer-Games_dataset.csv"
GAMES = "Games_dataset.csv"
STREAMER_COLUMNS = {"id": ("idstreamer",), "channel": ("streamer",), "viewers": ("specttot",)}
OVERLAP_COLUMNS = {"source": ("id_streamer_i",), "target": ("id_streamer_j",), "percentage": ("overlap_percentage",)}
MINUTE_COLUMNS = {"streamer": ("id_streamer",), "game": ("id_game",), "minutes": ("minutes",)}
GAME_COLUMNS = {"id": ("idgame",), "name": ("gamename",)}


class _Streamer(NamedTuple):
    login: str
    name: str
    viewers: int


def read_percentages(
    folder: Path,
    *,
    language: str | None = None,
    overlap_threshold: int = 1,
    min_channel_viewers: int = 0,
) -> ImportedAtlas:
    """Read the atlas of a folder.

    Args:
        folder: holds STREAMERS and OVERLAPS. A channel's game is the one with the most minutes in MINUTES, named as
            in GAMES (ties: first by name); without MINUTES no game is known.
        language: the language of every channel, if the atlas covers one language.
        overlap_threshold, min_channel_viewers: as in `atlas.read_atlas`.

    Raises:
        TableError: a file is missing or cannot be used, or no row is an edge.
    """
    report = ImportReport()
    streamers = _read_streamers(folder / STREAMERS, report)
    games = _read_games(folder, streamers, report)
    nodes = pl.DataFrame(
        [
            {
                "channel": streamer.login,
                "display_name": streamer.name,
                "viewers": streamer.viewers,
                "game_name": games.get(streamer.login),
                "language": language,
            }
            for streamer in streamers.values()
        ],
        schema=NODE_ROWS,
    )
    edges = edge_rows(_read_overlaps(folder / OVERLAPS, streamers, report), "shared_viewers", report)
    return assemble(
        edges,
        nodes,
        report,
        source=folder / OVERLAPS,
        weight="shared_viewers",
        overlap_threshold=overlap_threshold,
        min_channel_viewers=min_channel_viewers,
    )


def _read_streamers(path: Path, report: ImportReport) -> dict[str, _Streamer]:
    """Read streamers by the id that the other files use."""
    streamers: dict[str, _Streamer] = {}
    for line, row in read_rows(path, STREAMER_COLUMNS, ("id", "channel", "viewers")):
        report.counts["streamers read"] += 1
        viewers = number(row["viewers"])
        if not row["id"] or not row["channel"]:
            report.reject(path.name, "idStreamer or streamer is empty", row=line)
        elif row["id"] in streamers:
            report.reject(path.name, f"a second streamer with the id {row['id']}", row=line)
        elif viewers is None or not is_count(viewers):
            report.reject(path.name, f"spectTot is {row['viewers']!r}, not a whole number", row=line)
        else:
            streamers[row["id"]] = _Streamer(row["channel"].lower(), row["channel"], int(viewers))
    return streamers


def _read_games(folder: Path, streamers: dict[str, _Streamer], report: ImportReport) -> dict[str, str]:
    """Read the game with the most minutes per login; spellings of one login count together."""
    path = folder / MINUTES
    if not path.exists():
        return {}
    names = {
        row["id"]: row["name"] for _, row in read_rows(folder / GAMES, GAME_COLUMNS, ("id", "name")) if row["name"]
    }
    minutes: dict[str, Counter[str]] = defaultdict(Counter)
    for line, row in read_rows(path, MINUTE_COLUMNS, ("streamer", "game", "minutes")):
        report.counts["rows of game minutes read"] += 1
        value = number(row["minutes"])
        if value is None or not is_count(value):
            report.reject(path.name, f"minutes is {row['minutes']!r}, not a whole number", row=line)
        elif row["streamer"] not in streamers:
            report.reject(path.name, f"streamer {row['streamer']!r} is not in {STREAMERS}", row=line)
        elif row["game"] not in names:
            report.reject(path.name, f"game {row['game']!r} is not in {GAMES}", row=line)
        else:
            minutes[streamers[row["streamer"]].login][names[row["game"]]] += int(value)
    return {login: min(played, key=lambda game: (-played[game], game)) for login, played in minutes.items()}


def _read_overlaps(path: Path, streamers: dict[str, _Streamer], report: ImportReport) -> list[tuple[str, str, float]]:
    """Read pairs of logins and the number of viewers that they share."""
    rows = []
    for line, row in read_rows(path, OVERLAP_COLUMNS, ("source", "target", "percentage")):
        report.counts["overlaps read"] += 1
        percentage = number(row["percentage"])
        unknown = [row[end] for end in ("source", "target") if row[end] not in streamers]
        if unknown:
            report.reject(path.name, f"streamer {unknown[0]!r} is not in {STREAMERS}", row=line)
        elif percentage is None or not 0 <= percentage <= 100:
            report.reject(
                path.name, f"overlap_percentage is {row['percentage']!r}; it must be a number from 0 to 100", row=line
            )
        else:
            one, other = streamers[row["source"]], streamers[row["target"]]
            shared = round(percentage / 100 * min(one.viewers, other.viewers))
            if shared:
                rows.append((one.login, other.login, float(shared)))
            else:
                report.counts["overlaps of less than one viewer dropped"] += 1
    return rows
