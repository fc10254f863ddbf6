"""A sandbox's world as a lake that a test starts from: every day of it, without collecting.

Belongs here: writing whole days and worlds. Not here: the tables of a day (vieweratlas_assets.sandbox).
"""

import datetime as dt

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER, PRESENCE
from vieweratlas_assets.sandbox.planted_presence import channel_roster, live_presence, write_truth, write_vods
from vieweratlas_assets.sandbox.world import World
from vieweratlas_assets.storage.objects import ObjectStore


def write_world(store: ObjectStore, world: World) -> None:
    """Write every day of the world and the planted truth."""
    for day in world.spec.dates:
        write_day(store, world, day)
    write_truth(store, world)


def write_day(store: ObjectStore, world: World, day: dt.date) -> None:
    """Write a day's live presence, VODs and catalog, and the roster of each hour in which a channel was live."""
    store.upload_parquet(lake.live_presence(day), live_presence(world, day), PRESENCE)
    write_vods(store, world, day)
    for hour in range(24):
        roster = channel_roster(world, day, hour)
        if not roster.is_empty():
            store.upload_parquet(lake.channel_roster(day, hour), roster, CHANNEL_ROSTER)
