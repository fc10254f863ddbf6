"""Paths in the lake: every key, relative to VIEWERATLAS_ROOT.

Belongs here: the path of each table and product, and parsing dates and VODs out of paths.
Not here: reading and writing files (storage), the columns of the tables (schemas).
"""

import datetime as dt
import re
from urllib.parse import quote, unquote

CURATED = "curated"
RAW_SNAPSHOTS = "raw/snapshots"
RAW_VOD_CHAT = "raw/vod_chat"
PRESENCE = f"{CURATED}/presence_snapshots"
VOD_PRESENCE = f"{PRESENCE}/source=vod"
LIVE_PRESENCE = f"{PRESENCE}/source=live"
CHANNEL_ROSTER = f"{CURATED}/channel_roster"
VOD_CATALOG = f"{CURATED}/vod_catalog"
CHANNEL_AUDIENCE = f"{CURATED}/channel_audience"
CHANNEL_ACTIVITY = f"{CURATED}/channel_activity"
ATLAS = "atlas"
SITE = "site"

_DATE = re.compile(r"/date=(\d{4}-\d{2}-\d{2})/")
_RAW_HOUR = re.compile(rf"(?:^|/){RAW_SNAPSHOTS}/(\d{{4}})/(\d{{2}})/(\d{{2}})/(\d{{2}})/[^/]+$")
_RAW_DAY = re.compile(rf"{RAW_SNAPSHOTS}/(\d{{4}})/(\d{{2}})/(\d{{2}})/")
_VOD = re.compile(r"channel=([^/]+)/vod=([^/]+)/[^/]+\.parquet$")


def raw_day(day: dt.date) -> str:
    """Prefix of one day's raw snapshots, with one folder per hour below it."""
    return f"{RAW_SNAPSHOTS}/{day:%Y/%m/%d}/"


def raw_hour(hour: dt.datetime) -> str:
    """Prefix of one hour's raw snapshots; each collector and importer adds its own objects."""
    return f"{RAW_SNAPSHOTS}/{hour:%Y/%m/%d/%H}/"


def raw_hour_of(key: str) -> dt.datetime | None:
    """The hour (UTC) in the path of a raw snapshot object, or None if the key has no valid hour."""
    match = _RAW_HOUR.search(key)
    try:
        return dt.datetime.strptime("".join(match.groups()) + "+0000", "%Y%m%d%H%z") if match else None
    except ValueError:
        return None


def imported_files(importer: str) -> str:
    """Prefix of an importer's records of the files that it has imported.

    The leading underscore hides the records from readers of raw snapshots.
    """
    return f"{RAW_SNAPSHOTS}/_imported/{importer}/"


def live_presence(day: dt.date) -> str:
    """Live presence of one day, merged and cleaned."""
    return f"{LIVE_PRESENCE}/date={day}/part-0000.parquet"


def vod_presence(channel: str, vod_id: str) -> str:
    """Presence from the chat replay of one VOD. Names are percent-encoded, as in every hive layout."""
    return f"{VOD_PRESENCE}/channel={quote(channel, safe='')}/vod={quote(vod_id, safe='')}/part-0000.parquet"


def vod_of(key: str) -> tuple[str, str] | None:
    """Channel and VOD id in a hive path (`…/channel=<login>/vod=<id>/….parquet`), or None."""
    match = _VOD.search(key)
    return (unquote(match[1]), unquote(match[2])) if match else None


def raw_vod_chat(channel: str, vod_id: str) -> str:
    """Who wrote when in one VOD's chat, one JSON object per line; written only if the settings ask for it."""
    return f"{_raw_vod(channel, vod_id)}/chat.json.gz"


def vod_progress(channel: str, vod_id: str, *, sampled: bool = False) -> str:
    """The part of one VOD's chat, or of a sample of it, that an interrupted attempt fetched."""
    return f"{_raw_vod(channel, vod_id)}/{'sample' if sampled else 'progress'}.parquet"


def _raw_vod(channel: str, vod_id: str) -> str:
    return f"{RAW_VOD_CHAT}/channel={quote(channel, safe='')}/vod={quote(vod_id, safe='')}"


def channel_roster_day(day: dt.date) -> str:
    """Prefix of one day's roster, with one folder per hour below it."""
    return f"{CHANNEL_ROSTER}/date={day}/"


def channel_roster(day: dt.date, hour: int) -> str:
    """Channels live in one hour (0 to 23, UTC)."""
    return f"{channel_roster_day(day)}hour={hour:02d}/part-0000.parquet"


def vod_catalog(day: dt.date) -> str:
    """VODs created on a day."""
    return f"{VOD_CATALOG}/date={day}/part-0000.parquet"


def channel_audience(day: dt.date) -> str:
    """Distinct (channel, viewer) pairs of a day."""
    return f"{CHANNEL_AUDIENCE}/date={day}/part-0000.parquet"


def channel_activity(day: dt.date) -> str:
    """Figures per channel for one day."""
    return f"{CHANNEL_ACTIVITY}/date={day}/part-0000.parquet"


def query_table(table: str, day: dt.date) -> str:
    """The copy of an atlas table for query engines: each table has its own hive folder."""
    return f"{CURATED}/{table}/date={day}/part-0000.parquet"


def atlas_file(day: dt.date, name: str) -> str:
    """A product of one day's atlas, such as `graph_nodes.parquet`."""
    return f"{ATLAS}/date={day}/{name}"


def latest_file(name: str) -> str:
    """The newest day's copy of a product, under a path that never changes."""
    return f"{ATLAS}/latest/{name}"


def site_file(name: str) -> str:
    """A file of the static site."""
    return f"{SITE}/{name}"


def cache_control(key: str) -> str | None:
    """Cache-Control of a file of the site for browsers and CDNs (RFC 9111, RFC 8246); None for other files.

    The names of a day's files contain a digest, so those never change; all others change with the newest day.
    """
    if key.startswith(f"{SITE}/days/"):
        return "public, max-age=31536000, immutable"
    return "public, max-age=60" if key.startswith(f"{SITE}/") else None


def work_folder(asset: str, day: dt.date, run_id: str) -> str:
    """Folder through which a run exchanges files with another engine; removed when the day is done."""
    return f"work/{asset}/date={day}/run={run_id}/"


def planted_communities() -> str:
    """The communities that the sandbox world was built with, as JSON."""
    return "sandbox/planted_communities.json"


def partition_record(asset: str, day: dt.date) -> str:
    """The record that seals an asset's partition: written last, with a digest of each file of the partition.

    It lies next to these files; the leading underscore hides it from Athena, Spark and other readers of hive folders.
    """
    folder = {"channel_audience": CHANNEL_AUDIENCE, "live_presence": LIVE_PRESENCE}.get(asset, ATLAS)
    return f"{folder}/date={day}/_{asset}.json"


def erasing_record(day: dt.date) -> str:
    """A copy of the record of one day's audience; it exists while a viewer is being erased from that day."""
    return f"{CHANNEL_AUDIENCE}/date={day}/_erasing.json"


def day_of(key: str) -> dt.date | None:
    """The day in a key's `date=` folder; None without such a folder or if the calendar lacks the day."""
    match = _DATE.search(key)
    return _date(match[1]) if match else None


def raw_day_of(key: str) -> dt.date | None:
    """The day in a raw snapshot's path (`raw/snapshots/YYYY/MM/DD/…`), or None."""
    match = _RAW_DAY.match(key)
    return _date("-".join(match.groups())) if match else None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def table_file(table: str, day: dt.date) -> str:
    """One day's file of a table, by the table's name in `schemas`."""
    places = {
        "channel_audience": channel_audience,
        "channel_activity": channel_activity,
        # The daily asset holds live presence only; presence from VODs has one file per VOD.
        "presence_snapshots": live_presence,
    }
    return places[table](day) if table in places else atlas_file(day, f"{table}.parquet")
