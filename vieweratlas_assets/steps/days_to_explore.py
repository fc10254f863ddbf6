"""The days that people explore: each packed once, the page that opens from disk, the static site.

Belongs here: which earlier days go in. Not here: what the files hold (domain.atlas), the site's manifest
(storage.site).
"""

import datetime as dt
import logging

from vieweratlas_assets.domain import lake as paths
from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.domain.atlas.changes import EarlierAtlas
from vieweratlas_assets.domain.atlas.day_data import day_data, read_day
from vieweratlas_assets.domain.atlas.explorer import days_within_budget, draw_explorer
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.schemas import COMMUNITY_EVENTS, COMMUNITY_HISTORY, GRAPH_NODES
from vieweratlas_assets.steps.continuity import history_fingerprint
from vieweratlas_assets.steps.products import preview_of_day
from vieweratlas_assets.steps.results import DayResult
from vieweratlas_assets.storage.sealed import SealedPartitions

PACKED_DAY = "explorer_data.bin"
LOG = logging.getLogger("vieweratlas.days")


def packed_file(day: dt.date) -> str:
    """Key of a packed day."""
    return paths.atlas_file(day, PACKED_DAY)


def packed_day(atlas: Atlas, sealed: SealedPartitions) -> DayResult:
    """Pack a day for the explorer and the site, with what changed since the earlier day."""
    earlier = earlier_atlas(sealed, atlas.day)
    packed = day_data(atlas, earlier)
    facts = {
        "channels": atlas.nodes.height,
        "links": atlas.edges.height,
        "since": None if earlier is None else str(earlier.day),
        "size_bytes": len(packed),
    }
    return DayResult(products={PACKED_DAY: packed}, facts=facts)


def earlier_atlas(sealed: SealedPartitions, day: dt.date) -> EarlierAtlas | None:
    """The earlier day that a day's communities continue; None without one, or if it was rebuilt since."""
    today = sealed.record("community_history", day)
    if today is None or today.facts.get("went_on_from") is None:
        return None
    then = dt.date.fromisoformat(today.facts["went_on_from"])
    nodes, earlier = sealed.record("overlap_graph", then), sealed.record("community_history", then)
    known = None if earlier is None else sealed.table(earlier, COMMUNITY_HISTORY)
    if nodes is None or known is None or history_fingerprint(known) != today.facts.get("earlier_history"):
        LOG.warning(
            "what changed since %s is unknown on %s, because %s was rebuilt: materialize community_history again",
            *(then, day, then),
        )
        return None
    return EarlierAtlas(
        then,
        sealed.table(nodes, GRAPH_NODES),
        known,
        sealed.table(today, COMMUNITY_EVENTS),
    )


def explorer_of_day(sealed: SealedPartitions, day: dt.date, own: bytes, most_days: int) -> DayResult:
    """The explorer's page: a day, and those of the days before it that exist and fit.

    Args:
        own: the packed day.
        most_days: how many days the page may hold, its own included.
    """
    earlier = _packed_days_before(sealed, day, most_days - 1)
    page = draw_explorer(own, earlier).encode()
    facts = {
        "channels": len(read_day(own).head["channels"]),
        "days": 1 + days_within_budget(earlier),
        "size_bytes": len(page),
    }
    return DayResult(products={"explorer.html": page}, facts=facts, pictures=preview_of_day(sealed, day))


def _packed_days_before(sealed: SealedPartitions, day: dt.date, most: int) -> list[bytes]:
    """The packed days that exist among the `most` days before a day, the latest first."""
    records = [sealed.record("explorer_data", day - dt.timedelta(days=back)) for back in range(1, most + 1)]
    return [sealed.file(record, packed_file(record.day)) for record in records if record is not None]


def site_files_of_day(sealed: SealedPartitions, day: dt.date, packed: bytes) -> DayResult:
    """The files of a day for the static site, and its entry for the manifest."""
    block = read_day(packed)
    files = site.day_files(day, packed, block)
    return DayResult(
        files={paths.site_file(name): data for name, data in files.items()},
        facts={"entry": site.day_entry(day, files, block), "size_bytes": sum(map(len, files.values()))},
        pictures=preview_of_day(sealed, day),
    )
