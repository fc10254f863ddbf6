"""A day's atlas packed for the explorer: everything that the page shows for a day, in few bytes.

Belongs here: the format of the block, writing and reading it. Not here: the page (explorer), the page's behavior
(web/src), JSON for other programs (site).

The block is gzip of: the length of a JSON head (4 bytes), the head, and typed columns. The head lists the columns
with type, offset and length (little-endian, at multiples of 4).
"""

import gzip
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from matplotlib import rc_context
from matplotlib.path import Path

from vieweratlas_assets.domain.atlas.changes import EarlierAtlas, changes_since, earlier_channels
from vieweratlas_assets.domain.atlas.graph import Floats, backbone, disc_radii, edge_ends, with_strength
from vieweratlas_assets.domain.atlas.margin import counts_text
from vieweratlas_assets.domain.atlas.model import AUDIENCE_NOTE, Atlas, printable
from vieweratlas_assets.domain.atlas.palette import DARK, LIGHT
from vieweratlas_assets.domain.overlap.measures import usable_weight
from vieweratlas_assets.domain.tagging.languages import language_name

LINKS_PER_CHANNEL = 4
MAX_DRAWN = 12_000
BORDER_STEPS = 2500.0
"""Borders are simplified to a grid with this number of steps across the map."""
DECIMALS = 4
NONE = {"u2": 0xFFFF, "u4": 0xFFFF_FFFF, "i2": -0x8000}
"""Values for "not known", and for no community, game or language."""
MAX_SCORE = 3276.7

NEW = 0
"""The earlier rank of a channel that was not on the map."""

Columns = Mapping[str, tuple[str, np.ndarray]]


@dataclass(frozen=True)
class DayBlock:
    """A block after reading it.

    Attributes:
        head: as described in `day_data`.
        columns: arrays by name.
    """

    head: dict[str, Any]
    columns: dict[str, np.ndarray]


def day_data(atlas: Atlas, earlier: EarlierAtlas | None = None) -> bytes:
    """Pack a day; the same atlas gives the same bytes.

    Columns of channels, sorted by login: x, y and radius (f4, units of the map), viewers (u4), community (u2, index
    in the head's list), game and language (u2, indices in the head's lists), viewers_before and rank_before (u4, on
    the earlier day; rank 0 = not on the map). Columns of links, sorted by channel_a and channel_b: a and b (indices
    of channels), shared (u4), score (i2, tenths of overlap_z), strength (u1, root of the strength in 255ths), drawn
    (u1, whether the map shows the link).

    The head: date, counts and note (texts), channels (logins), names (as channels write them; "" = the login), games,
    languages, communities, changes (as `changes.changes_since`) and box (of all lands and channels).
    """
    channels = atlas.channels
    games, game = _coded(channels["game_name"].to_list())
    languages, language = _coded([language_name(code) if code else None for code in channels["language"]])
    order = atlas.ranked["community"].to_list()
    index = {community: at for at, community in enumerate(order)}
    community = np.array([index.get(number, NONE["u2"]) for number in channels["community"]], np.int64)
    columns: Columns = {
        "x": ("f4", channels["x"].to_numpy()),
        "y": ("f4", channels["y"].to_numpy()),
        "radius": ("f4", disc_radii(channels["viewers"])),
        "viewers": ("u4", _known(channels["viewers"], "u4")),
        "community": ("u2", community),
        "game": ("u2", game),
        "language": ("u2", language),
        **_columns_before(atlas, earlier),
        **_link_columns(atlas),
    }
    head = {
        "date": atlas.day.isoformat(),
        "counts": counts_text(atlas),
        "note": f"{AUDIENCE_NOTE}. Made of {atlas.provenance}. Not affiliated with Twitch.",
        "channels": [printable(channel) for channel in channels["channel"]],
        "names": [
            "" if name == channel else printable(name)
            for channel, name in channels.select("channel", "name").iter_rows()
        ],
        "games": [printable(name) for name in games],
        "languages": languages,
        "communities": _communities(atlas),
        "changes": changes_since(atlas, earlier),
        "box": _box(atlas),
    }
    return gzip.compress(_packed(head, columns), 9, mtime=0)


def read_day(data: bytes) -> DayBlock:
    """Read a block that `day_data` wrote."""
    raw = gzip.decompress(data)
    (length,) = struct.unpack_from("<I", raw)
    head = json.loads(raw[4 : 4 + length])
    columns = {name: np.frombuffer(raw, f"<{kind}", count, at) for name, kind, at, count in head["columns"]}
    return DayBlock(head, columns)


def _columns_before(atlas: Atlas, earlier: EarlierAtlas | None) -> Columns:
    then = earlier_channels(atlas, earlier)
    is_new = ~then["known"] & (earlier is not None)
    rank = then["rank"].fill_null(NONE["u4"]).set(is_new, NEW)
    return {"viewers_before": ("u4", _known(then["viewers"], "u4")), "rank_before": ("u4", rank.to_numpy())}


def _link_columns(atlas: Atlas) -> Columns:
    weight = usable_weight(atlas.edges)
    edges = with_strength(atlas.edges, weight=weight)
    kept = backbone(atlas.edges, weight=weight, per_channel=LINKS_PER_CHANNEL)
    drawn = kept.sort("strength", descending=True, maintain_order=True).head(MAX_DRAWN)
    pairs = drawn.select("channel_a", "channel_b", drawn=pl.lit(1, pl.UInt8))
    shown = edges.join(pairs, on=["channel_a", "channel_b"], how="left", maintain_order="left")["drawn"].fill_null(0)
    a, b = edge_ends(atlas.channels["channel"], edges)
    ends = "u2" if atlas.channels.height < NONE["u2"] else "u4"
    score = (edges["overlap_z"].clip(-MAX_SCORE, MAX_SCORE) * 10).round().fill_null(NONE["i2"])
    return {
        "a": (ends, a),
        "b": (ends, b),
        "shared": ("u4", _known(edges["shared_viewers"], "u4")),
        "score": ("i2", score.to_numpy()),
        "strength": ("u1", np.round(255 * np.sqrt(edges["strength"].to_numpy()))),
        "drawn": ("u1", shown.to_numpy()),
    }


def _known(numbers: pl.Series, kind: str) -> np.ndarray:
    return numbers.clip(0, NONE[kind] - 1).fill_null(NONE[kind]).to_numpy()


def _coded(values: list[str | None]) -> tuple[list[str], np.ndarray]:
    """The distinct values, sorted, and the index of each value; NONE for missing values."""
    known = sorted({value for value in values if value})
    index = {value: at for at, value in enumerate(known)}
    return known, np.array([index.get(value or "", NONE["u2"]) for value in values], np.int64)


def _communities(atlas: Atlas) -> list[dict[str, object]]:
    lands = {country.community: country for country in atlas.countries.all}
    communities: list[dict[str, object]] = []
    for row in atlas.ranked.iter_rows(named=True):
        land = lands.get(row["community"])
        anchor = [round(value, DECIMALS) for value in (*land.anchor, land.room)] if land and land.rings else None
        communities.append(
            {
                "id": row["community_id"],
                "name": printable(row["label"]),
                "reason": printable(row["reason"]),
                "channels": row["channels"],
                "viewers": row["viewers"],
                "since": row["since"].isoformat(),
                "colours": [DARK.communities[row["colour"]], LIGHT.communities[row["colour"]]],
                "anchor": anchor,
                "rings": [_simplified(ring) for ring in land.rings] if land else [],
            }
        )
    return communities


def _simplified(ring: Floats) -> list[float]:
    with rc_context({"path.simplify_threshold": 1.0}):
        path = Path(ring * BORDER_STEPS)
        path.should_simplify = True
        points: Floats = np.asarray(path.cleaned(simplify=True, curves=False).vertices)[:-1]
    simplified: list[float] = np.round(points / BORDER_STEPS, DECIMALS).ravel().tolist()
    return simplified


def _box(atlas: Atlas) -> list[float]:
    """The bounding box of all lands and channels: left, bottom, right, top."""
    rings = [ring for country in atlas.countries.all for ring in country.rings]
    points = np.vstack([np.array([[0.45, 0.45], [0.55, 0.55]]), atlas.channels.select("x", "y").to_numpy(), *rings])
    return [round(float(value), DECIMALS) for value in (*points.min(axis=0), *points.max(axis=0))]


def _packed(head: Mapping[str, object], columns: Columns) -> bytes:
    blobs = [np.ascontiguousarray(values).astype(f"<{kind}").tobytes() for kind, values in columns.values()]
    padded = [blob + b"\0" * (-len(blob) % 4) for blob in blobs]

    def encoded_head(start: int) -> bytes:
        entries, at = [], start
        for (name, (kind, values)), blob in zip(columns.items(), padded, strict=True):
            entries.append([name, kind, at, len(values)])
            at += len(blob)
        return json.dumps({**head, "columns": entries}, ensure_ascii=False, separators=(",", ":")).encode()

    # The offsets depend on the length of the head, which contains them: leave room for large offsets.
    start = 4 + len(encoded_head(10**9))
    start += -start % 4
    text = encoded_head(start).ljust(start - 4)
    return struct.pack("<I", len(text)) + text + b"".join(padded)
