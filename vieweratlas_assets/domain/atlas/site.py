"""The atlas as a static site: names and contents of its files; docs/site.md documents them for other programs.

Belongs here: the manifest, a day in JSON, a channel in JSON, names of files. Not here: the page (explorer), the
packed day (day_data), writing the files (storage.site).

A day's files have a digest in their names and never change, so caches may keep them forever. The manifest and the
files of channels belong to the newest day and change with it.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from vieweratlas_assets.domain.atlas.day_data import NEW, NONE, DayBlock

FORMAT = 1
MANIFEST = "manifest.json"
PAGE = "index.html"
CHANNELS = "channels/"
TREND_DAYS = 90
"""Number of days in the trend of a channel's file."""
TREND_OVERLAPS = 5
DIGEST_LETTERS = 12
LONGEST_NAME = 200
_DAY_FILE = re.compile(r"days/(\d{4}-\d{2}-\d{2})-[0-9a-f]+\.")


def day_files(day: dt.date, packed: bytes, block: DayBlock) -> dict[str, bytes]:
    """The files of a day by name: the packed day for the page, and a JSON document for other programs.

    Args:
        day: the day.
        packed: the result of `day_data.day_data`.
        block: its content.
    """
    document = _json(day_document(block))
    return {f"days/{day}-{_digest(packed)}.bin": packed, f"days/{day}-{_digest(document)}.json": document}


def manifest(days: Mapping[dt.date, Mapping[str, Any]]) -> bytes:
    """The manifest of the days of a site.

    Args:
        days: the `day_entry` of each day.
    """
    dates = sorted(days)
    newest = dates[-1].isoformat() if dates else None
    return _json({"format": FORMAT, "newest": newest, "days": [days[date] for date in dates]})


def day_entry(day: dt.date, files: Mapping[str, bytes], block: DayBlock) -> dict[str, Any]:
    """The entry of a day in the manifest."""
    names = sorted(files)
    return {
        "date": day.isoformat(),
        **{name.rpartition(".")[2]: name for name in names},
        "channels": len(block.head["channels"]),
        "communities": len(block.head["communities"]),
        "links": len(block.columns["a"]),
    }


def day_document(block: DayBlock) -> dict[str, Any]:
    """A day as JSON for other programs: communities, channels and changes; the files of channels have the links."""
    head, columns = block.head, block.columns
    rank = _ranks(block)
    return {
        "format": FORMAT,
        **{key: head[key] for key in ("date", "counts", "note", "changes")},
        "communities": [
            {key: community[key] for key in ("id", "name", "reason", "channels", "viewers", "since", "colours")}
            for community in head["communities"]
        ],
        "channels": [
            {
                **_channel(block, at),
                "rank": rank[at],
                "x": round(float(columns["x"][at]), 5),
                "y": round(float(columns["y"][at]), 5),
                "viewers_before": _number(columns["viewers_before"][at]),
                "rank_before": _number(columns["rank_before"][at]) or None,
                "is_new": bool(columns["rank_before"][at] == NEW),
            }
            for at in range(len(head["channels"]))
        ],
    }


def day_of(name: str) -> dt.date | None:
    """The day of a file of the site; None for files that belong to no single day."""
    match = _DAY_FILE.match(name)
    return dt.date.fromisoformat(match[1]) if match else None


def channel_files(blocks: Sequence[DayBlock]) -> Iterator[tuple[str, bytes]]:
    """The files of the newest day's channels, by name; nothing without any day.

    Channels whose file name would be too long for a file system are left out; no real login is that long.

    Args:
        blocks: the days, newest last; the earlier ones are for the trends.
    """
    if not blocks:
        return
    newest = blocks[-1]
    past = [_Past(block) for block in blocks]
    shared = _shared(newest)
    rank = _ranks(newest)
    for at, channel in enumerate(newest.head["channels"]):
        if len(channel_file(channel)) > LONGEST_NAME:
            continue
        links = shared[at]
        trend = {
            "days": [block.head["date"] for block in blocks],
            "viewers": [day.viewers(channel) for day in past],
            "rank": [day.rank(channel) for day in past],
            "overlaps": [
                {"channel": link["channel"], "shared": [day.shared(channel, link["channel"]) for day in past]}
                for link in links[:TREND_OVERLAPS]
            ],
        }
        document = {
            "format": FORMAT,
            "date": newest.head["date"],
            **_channel(newest, at),
            "rank": rank[at],
            "overlaps": links,
            "trend": trend,
        }
        yield channel_file(channel), _json(document, indent=None)


def channel_file(channel: str) -> str:
    """The name of a channel's file: its login, percent-encoded."""
    return f"{CHANNELS}{quote(channel, safe='')}.json"


class _Past:
    """Lookups in a day by login."""

    def __init__(self, block: DayBlock) -> None:
        self._block = block
        self._place = {channel: at for at, channel in enumerate(block.head["channels"])}
        self._ranks = _ranks(block)
        count = len(self._place)
        ends = block.columns["a"].astype(np.int64) * count + block.columns["b"]
        self._pairs = dict(zip(ends.tolist(), block.columns["shared"].tolist(), strict=True))

    def viewers(self, channel: str) -> int | None:
        at = self._place.get(channel)
        return None if at is None else _number(self._block.columns["viewers"][at])

    def rank(self, channel: str) -> int | None:
        at = self._place.get(channel)
        return None if at is None else self._ranks[at]

    def shared(self, channel: str, other: str) -> int | None:
        """Shared viewers; None if a channel was missing or the number is not known; 0 without a link."""
        if channel not in self._place or other not in self._place:
            return None
        low, high = sorted((self._place[channel], self._place[other]))
        return _number(self._pairs.get(low * len(self._place) + high, 0))


def _channel(block: DayBlock, at: int) -> dict[str, Any]:
    head, columns = block.head, block.columns
    community, game, language = (int(columns[name][at]) for name in ("community", "game", "language"))
    return {
        "channel": head["channels"][at],
        "name": head["names"][at] or head["channels"][at],
        "viewers": _number(columns["viewers"][at]),
        "community_id": None if community == NONE["u2"] else head["communities"][community]["id"],
        "game": None if game == NONE["u2"] else head["games"][game],
        "language": None if language == NONE["u2"] else head["languages"][language],
    }


def _shared(block: DayBlock) -> list[list[dict[str, Any]]]:
    """The links of each channel, most shared viewers first, then by strength if these are not known."""
    head, columns = block.head, block.columns
    links_by_channel: list[list[tuple[Any, ...]]] = [[] for _ in head["channels"]]
    names = ("a", "b", "shared", "score", "strength")
    for a, b, shared, score, strength in zip(*(columns[name].tolist() for name in names), strict=True):
        known = -1 if shared == NONE["u4"] else shared
        for one, other in ((a, b), (b, a)):
            links_by_channel[one].append((-known, -strength, other, score))
    return [
        [
            {
                "channel": head["channels"][other],
                "shared": None if negative == 1 else -negative,
                "share": _share(-negative, int(columns["viewers"][at])),
                "score": None if score == NONE["i2"] else score / 10,
            }
            for negative, _, other, score in sorted(links)
        ]
        for at, links in enumerate(links_by_channel)
    ]


def _share(shared: int, viewers: int) -> float | None:
    return None if shared < 0 or viewers in (0, NONE["u4"]) else round(shared / viewers, 5)


def _ranks(block: DayBlock) -> list[int | None]:
    viewers = block.columns["viewers"].astype(np.int64)
    known = np.where(viewers == NONE["u4"], -1, viewers)
    rank = np.empty(len(known), np.int64)
    rank[np.argsort(-known, kind="stable")] = np.arange(1, len(known) + 1)
    return [place if viewers >= 0 else None for place, viewers in zip(rank.tolist(), known.tolist(), strict=True)]


def _number(value: Any) -> int | None:
    return None if value == NONE["u4"] else int(value)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LETTERS]


def _json(document: Mapping[str, Any], indent: int | None = 1) -> bytes:
    separators = None if indent else (",", ":")
    return json.dumps(document, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False).encode()
