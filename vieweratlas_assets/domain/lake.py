"""Where everything lies in the lake: every key, relative to VIEWERATLAS_ROOT.

Belongs here: the path of each table and product, and reading a date back out of a path.
Not here: reading or writing what lies there (storage), what it holds (schemas).
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
    """Prefix of the hours of a day's raw snapshots."""
    return f"{RAW_SNAPSHOTS}/{day:%Y/%m/%d}/"


def raw_hour(hour: dt.datetime) -> str:
    """Prefix of the raw snapshots of an hour, which each collector and importer adds objects of its own to."""
    return f"{RAW_SNAPSHOTS}/{hour:%Y/%m/%d/%H}/"


def raw_hour_of(key: str) -> dt.datetime | None:
    """The hour, UTC, that an object of raw snapshots lies in, or None."""
    found = _RAW_HOUR.search(key)
    try:
        return dt.datetime.strptime("".join(found.groups()) + "+0000", "%Y%m%d%H%z") if found else None
    except ValueError:
        return None


def imported_files(importer: str) -> str:
    """Prefix of what an importer of raw snapshots notes about the files that it has taken in.

    The leading underscore hides it from readers of raw snapshots.
    """
    return f"{RAW_SNAPSHOTS}/_imported/{importer}/"


def live_presence(day: dt.date) -> str:
    """Live presence of a day, cleaned."""
    return f"{LIVE_PRESENCE}/date={day}/part-0000.parquet"


def vod_presence(channel: str, vod_id: str) -> str:
    """Chat replay of one VOD. Names are percent-encoded, as in every hive layout."""
    return f"{VOD_PRESENCE}/channel={quote(channel, safe='')}/vod={quote(vod_id, safe='')}/part-0000.parquet"


def vod_of(key: str) -> tuple[str, str] | None:
    """Channel and VOD id that a hive path names (`…/channel=<login>/vod=<id>/….parquet`), or None."""
    found = _VOD.search(key)
    return (unquote(found[1]), unquote(found[2])) if found else None


def raw_vod_chat(channel: str, vod_id: str) -> str:
    """Who wrote when in one VOD's chat, a JSON object a line; only where somebody asks for it."""
    return f"{_raw_vod(channel, vod_id)}/chat.json.gz"


def vod_progress(channel: str, vod_id: str, *, sampled: bool = False) -> str:
    """What was fetched of one VOD's chat, or of a sample of it, before an attempt broke off."""
    return f"{_raw_vod(channel, vod_id)}/{'sample' if sampled else 'progress'}.parquet"


def _raw_vod(channel: str, vod_id: str) -> str:
    return f"{RAW_VOD_CHAT}/channel={quote(channel, safe='')}/vod={quote(vod_id, safe='')}"


def channel_roster_day(day: dt.date) -> str:
    """Prefix of the hours of a day's roster."""
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
    """Figures of every channel on a day."""
    return f"{CHANNEL_ACTIVITY}/date={day}/part-0000.parquet"


def query_table(table: str, day: dt.date) -> str:
    """The copy of a table of the atlas for query engines: a folder of it alone, as hive tables have."""
    return f"{CURATED}/{table}/date={day}/part-0000.parquet"


def atlas_file(day: dt.date, name: str) -> str:
    """A product of a day's atlas, such as `graph_nodes.parquet`."""
    return f"{ATLAS}/date={day}/{name}"


def latest_file(name: str) -> str:
    """The same product of the newest day, under a link that never changes."""
    return f"{ATLAS}/latest/{name}"


def site_file(name: str) -> str:
    """A file of the static site."""
    return f"{SITE}/{name}"


def cache_control(key: str) -> str | None:
    """For how long browsers and CDNs may keep a file of the site (RFC 9111, RFC 8246); None for all that is none.

    A day's files carry a digest in their names; everything else changes with the newest day.
    """
    if key.startswith(f"{SITE}/days/"):
        return "public, max-age=31536000, immutable"
    return "public, max-age=60" if key.startswith(f"{SITE}/") else None


def work_folder(asset: str, day: dt.date, run_id: str) -> str:
    """Where a run puts what another engine is to read or has written; removed when the day is done."""
    return f"work/{asset}/date={day}/run={run_id}/"


def planted_communities() -> str:
    """The communities that a sandbox world was built with, as JSON."""
    return "sandbox/planted_communities.json"


def partition_record(asset: str, day: dt.date) -> str:
    """The record that seals an asset's partition: written last, with a digest of each of its files.

    It lies beside the partition's own files; the leading underscore hides it from Athena, Spark and every other
    reader of hive folders.
    """
    folder = {"channel_audience": CHANNEL_AUDIENCE, "live_presence": LIVE_PRESENCE}.get(asset, ATLAS)
    return f"{folder}/date={day}/_{asset}.json"


def erasing_record(day: dt.date) -> str:
    """A copy of the record of a day's audience, there while a viewer is being erased from it."""
    return f"{CHANNEL_AUDIENCE}/date={day}/_erasing.json"


def day_of(key: str) -> dt.date | None:
    """The day that a key's `date=` folder names, or None, also where the calendar has no such day."""
    found = _DATE.search(key)
    return _date(found[1]) if found else None


def raw_day_of(key: str) -> dt.date | None:
    """The day that a raw snapshot's path names (`raw/snapshots/YYYY/MM/DD/…`), or None."""
    found = _RAW_DAY.match(key)
    return _date("-".join(found.groups())) if found else None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def table_file(table: str, day: dt.date) -> str:
    """A table of a daily asset, by the table's name in `schemas`."""
    places = {
        "channel_audience": channel_audience,
        "channel_activity": channel_activity,
        # The daily asset is live presence; a VOD's rows lie by VOD.
        "presence_snapshots": live_presence,
    }
    return places[table](day) if table in places else atlas_file(day, f"{table}.parquet")
