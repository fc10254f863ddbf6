"""The demo's Twitch: a made-up week, collected like the real one, only faster.

Belongs here: a sandbox and its collector, which share a clock, and the files that complete its lake. Not here: the
made-up world (sandbox), collecting (collector), options and what is printed (commands).
"""

import asyncio
import dataclasses
import datetime as dt
import math
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from vieweratlas_assets.clients.helix import HelixClient
from vieweratlas_assets.clients.irc.connection import Address
from vieweratlas_assets.clients.irc.pacing import PROFILES, Profile
from vieweratlas_assets.clients.irc.reader import IrcReader
from vieweratlas_assets.clients.retry import RetryPolicy
from vieweratlas_assets.clients.twitch_token import token_from_credentials
from vieweratlas_assets.collector.collector import Collector, Hours, Pace
from vieweratlas_assets.collector.minutes import MinuteBook
from vieweratlas_assets.collector.spool import Spool
from vieweratlas_assets.collector.wanted import Wanted
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.bots import known_bots
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import CHANNEL_ROSTER
from vieweratlas_assets.errors import LakeStateError
from vieweratlas_assets.sandbox.clock import ManualClock
from vieweratlas_assets.sandbox.helix import POINTS_PER_MINUTE
from vieweratlas_assets.sandbox.irc import ChatLimits
from vieweratlas_assets.sandbox.planted_presence import spec_as_json, write_truth, write_vods
from vieweratlas_assets.sandbox.process import CLIENT_ID, CLIENT_SECRET, Rules, sandbox_process
from vieweratlas_assets.sandbox.world import World, build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.wiring.twitch import live_channels

NAME = "demo"
SPEED = 10_000.0
"""Simulated seconds per real second, at most: a week per minute. The sandbox waits for its collector."""
TURN_S = 0.01
MOST_AHEAD = dt.timedelta(minutes=15)
"""How far the clock may run ahead of the chat that was sent, and of the last roster."""
# At that speed the real intervals would last a few milliseconds, too short to keep.
SHORTEST_S = 0.06
LATENESS_S = 1.5
RETRY_POLICY = RetryPolicy(first_retry_s=0.5, first_reconnect_s=0.2, ping_every_s=0.25, overlap_s=1.0)


class OtherWorldError(LakeStateError):
    """The lake holds another made-up Twitch."""


@dataclass(frozen=True)
class Collected:
    """What became of the messages.

    Attributes:
        sent: messages that the made-up Twitch sent to the collector.
        counted, mirrors, bots: messages that were counted, and dropped by rule.
        observed_s, wanted_s: seconds of chat that were observed, and that were wanted.
    """

    sent: int
    counted: int
    mirrors: int
    bots: int
    observed_s: int
    wanted_s: int


def has_world(store: ObjectStore, spec: WorldSpec) -> bool:
    """Whether a lake has this made-up Twitch, complete.

    Raises:
        OtherWorldError: it has one of another spec.
    """
    try:
        known = store.download_json(lake.planted_communities())["spec"]
    except ObjectNotFoundError:
        return False
    if known != spec_as_json(spec):
        differs = [
            f"{name} {known.get(name)}" for name, value in spec_as_json(spec).items() if known.get(name) != value
        ]
        raise OtherWorldError(f"{store.root} has the made-up Twitch of {', '.join(differs)}: name another --root")
    return True


def collect_world(
    store: ObjectStore,
    names: ViewerNames,
    spec: WorldSpec,
    *,
    on_moment: Callable[[dt.datetime], None] = lambda _: None,
) -> Collected:
    """Collect a made-up Twitch from its first moment to its last, as raw_snapshots and hourly channel_roster.

    For channels that are known only through VODs, writes catalog and presence directly; writes the planted truth
    last.

    Args:
        on_moment: called with the simulated time.
    """
    for key in store.list_files(lake.RAW_SNAPSHOTS + "/", ".parquet"):
        # Files of an interrupted demo would count twice.
        if Path(key).name.startswith(f"{NAME}-"):
            store.delete(key)
    world = build_world(spec)
    collected = _collect(store, names, world, on_moment)
    for day in spec.dates:
        write_vods(store, world, day)
    write_truth(store, world)
    return collected


def _collect(
    store: ObjectStore, names: ViewerNames, world: World, on_moment: Callable[[dt.datetime], None]
) -> Collected:
    start = dt.datetime.combine(world.spec.start, dt.time(), dt.UTC)
    end = start + dt.timedelta(days=world.spec.days)
    clock = ManualClock(start)
    profile = _faster(PROFILES["fast"])
    joins = 2 * profile.joins_per_connection
    rules = Rules(ChatLimits(joins=joins, logins=joins), math.ceil(POINTS_PER_MINUTE * SPEED))

    def now() -> float:
        return clock.now().timestamp()

    with tempfile.TemporaryDirectory() as spool, sandbox_process(world.spec, clock, rules) as twitch:
        token = token_from_credentials(
            client_id=CLIENT_ID, client_secret=CLIENT_SECRET, oauth_token=None, url=f"{twitch.url}/oauth2"
        )
        roster = _Roster(store, HelixClient(token, url=f"{twitch.url}/helix"), world, clock)
        collector = Collector(
            IrcReader(Address(twitch.chat_url), profile=profile, retry_policy=RETRY_POLICY, clock=now),
            MinuteBook(NAME, names, known_bots(), max_off_s=math.inf, min_skew_s=math.inf),
            Spool(Path(spool), store),
            roster,
            name=NAME,
            clock=now,
            pace=_pace(),
        )
        hours = asyncio.run(_run(collector, end, _turn(clock, roster, on_moment)))
        sent = twitch.copies()
    totals = {name: sum(figures[name] for figures in hours.values()) for name in next(iter(hours.values()))}
    return Collected(
        sent=sent,
        counted=totals["messages"],
        mirrors=totals["dropped_mirrors"],
        bots=totals["dropped_bots"],
        observed_s=totals["coverage_s"],
        wanted_s=60 * totals["channel_minutes"],
    )


async def _run(collector: Collector, end: dt.datetime, turning: Coroutine[None, None, None]) -> Hours:
    """Collect until a moment, while a task turns the clock."""
    task = asyncio.create_task(turning)
    try:
        return await collector.run(end.timestamp())
    finally:
        task.cancel()


async def _turn(clock: ManualClock, roster: "_Roster", on_moment: Callable[[dt.datetime], None]) -> None:
    """Turn the clock of the made-up Twitch, as far as the received chat and the roster keep up with it.

    Runs in the loop that reads chat: while the loop has no time to read, no simulated time passes.
    """
    loop = asyncio.get_running_loop()
    before = loop.time()
    while True:
        await asyncio.sleep(TURN_S)
        passed_s, before = loop.time() - before, loop.time()
        latest = min(clock.played_until, roster.asked_at) + MOST_AHEAD
        clock.advance_to(min(clock.now() + dt.timedelta(seconds=SPEED * min(passed_s, 2 * TURN_S)), latest))
        on_moment(clock.now())


class _Roster:
    """Finds the channels to watch: those that are live, without channels that are known only through their VODs.

    Attributes:
        asked_at: the simulated time of the newest answer.
    """

    def __init__(self, store: ObjectStore, client: HelixClient, world: World, clock: ManualClock) -> None:
        self.asked_at = clock.now()
        self._store, self._client, self._clock = store, client, clock
        self._channels = world.channels.height
        self._watched = world.channels.filter(pl.col("source") == "live")["channel"].implode()
        self._hour: dt.datetime | None = None

    def __call__(self) -> Wanted:
        """Ask who is live, and store the first answer of each hour as its channel_roster."""
        moment = self._clock.now()
        live = live_channels(self._client, self._channels, (), moment).roster
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour and not live.is_empty():
            self._hour = hour
            self._store.upload_parquet(lake.channel_roster(hour.date(), hour.hour), live, CHANNEL_ROSTER)
        roster = live.filter(pl.col("channel").is_in(self._watched))
        self.asked_at = moment
        return Wanted(tuple(roster["channel"]), roster)


def _faster(profile: Profile) -> Profile:
    return Profile(
        math.ceil(profile.joins_per_connection * SPEED),
        math.ceil(profile.joins_total * SPEED),
        profile.connect_every_s / SPEED,
    )


def _pace() -> Pace:
    usual = Pace()
    return dataclasses.replace(
        usual,
        lateness_s=max(usual.lateness_s, LATENESS_S * SPEED),
        settle_s=max(usual.settle_s, LATENESS_S * SPEED),
        tick_s=SHORTEST_S,
        roster_s=max(SHORTEST_S, usual.roster_s / SPEED),
        file_s=3600,
    )
