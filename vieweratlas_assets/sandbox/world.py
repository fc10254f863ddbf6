"""A simulated Twitch with planted communities: channels, viewers, who follows whom, every broadcast.

Belongs here: what exists and when channels are live, all drawn from one seed. Not here: what people write
(chat), what a collector would have stored (planted_presence).
"""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from vieweratlas_assets.domain.tables import TIMESTAMP
from vieweratlas_assets.sandbox.drawn_names import draw_channel_names, draw_viewer_names
from vieweratlas_assets.sandbox.vocabulary import COMMON_BOTS, GAMES, LANGUAGES, RARE_BOTS
from vieweratlas_assets.sandbox.world_spec import CHANNELS_PER_COMMUNITY, WorldSpec

ROLES = pl.Enum(["viewer", "broadcaster", "bot"])

MINUTES_PER_DAY = 1440
_VOD_ONLY = 0.1
_GAME_CHANGES = 0.1
# How widely people roam. Two communities of a language share fewer viewers than modularity expects by chance, or no
# detector could separate them; yet most pairs of their channels share at least one viewer.
_ROAMERS = 0.002
_VIEWER_REACH = np.array([0.988, 0.995])
_ROAMER_REACH = np.array([0.64, 0.95])
"""Share of the picks within the home community, and within its language; the rest is anywhere."""
_HOME_PULL = 0.25
_ROAMER_PULL = 0.15
"""Exponents of popularity: below 1, small communities and small channels get more than their share."""


@dataclass(frozen=True, eq=False)
class World:
    """Everything that exists. `channel_no`, `viewer_no` and `stream_no` are row numbers of the frames.

    Attributes:
        spec: the spec of the world.
        channels: channel (login), channel_id, display_name, language, game_name, community (planted, 0 = most
            channels), popularity (sums to 1), source ("live": watched live; "vod": known only through its VODs),
            tags, lurkers (concurrent viewers per follower, 1.6 or more), start_minute (usual start, minute of
            the UTC day), usual_duration_s, weekdays (bits, 1 = Monday). Sorted by channel.
        viewers: everybody who writes: login, role (viewer, broadcaster, bot), community (home; null for bots),
            evening (usual arrival, minute of the UTC day), weekdays (bits of the days on which they come),
            chattiness (mean messages per visit); these habits do not apply to bots. Sorted by login.
        follows: who writes in whose chat: channel_no, viewer_no, role (in that chat), affinity (chance to come to
            a broadcast at a suitable time). Sorted by channel_no, viewer_no.
        streams: every broadcast that starts from the day before the first day to the last day: channel_no,
            stream_id, vod_id, started_at (UTC, to the second), duration_s, game_name, title. Sorted by started_at.
    """

    spec: WorldSpec
    channels: pl.DataFrame
    viewers: pl.DataFrame
    follows: pl.DataFrame
    streams: pl.DataFrame

    @cached_property
    def follower_counts(self) -> pl.DataFrame:
        """Number of followers per channel: channel_no and followers."""
        return self.follows.group_by("channel_no").len("followers")

    def followers(self, channel_no: int) -> pl.DataFrame:
        """Return the rows of `follows` of one channel."""
        low, high = np.searchsorted(self.follows["channel_no"].to_numpy(), [channel_no, channel_no + 1])
        return self.follows[int(low) : int(high)]


def build_world(spec: WorldSpec) -> World:
    """Build the world that a spec describes.

    >>> world = build_world(WorldSpec(channels=72, viewers=1_000))
    >>> world.channels["community"].n_unique()
    12
    """
    generator = np.random.default_rng(spec.seed)
    cells = _plant_communities(spec, generator)
    channels = _build_channels(spec, cells, generator)
    viewers = _build_viewers(spec, cells, channels, generator)
    follows = _build_follows(channels, viewers, generator)
    streams = _build_streams(spec, channels, generator)
    return World(spec, channels, viewers, follows, streams)


def _plant_communities(spec: WorldSpec, generator: np.random.Generator) -> pl.DataFrame:
    """Choose the (language, game) cells that exist: community, language_no, game_no, channels."""
    languages = np.array([language.share for language in LANGUAGES[: spec.languages]])
    games = np.array([game.share for game in GAMES[: spec.games]])
    weight = np.outer(languages, games) * generator.uniform(0.7, 1.3, (spec.languages, spec.games))
    # Every language's best game first, then every second best: each language gets a community.
    rank_in_language = (-weight).argsort(axis=1).argsort(axis=1).ravel()
    weight = weight.ravel()
    chosen = np.lexsort((-weight, rank_in_language))[: spec.communities]
    appeal = np.sqrt(weight[chosen])
    spare = spec.channels - CHANNELS_PER_COMMUNITY * chosen.size
    sizes = CHANNELS_PER_COMMUNITY + generator.multinomial(spare, appeal / appeal.sum())
    order = np.argsort(-sizes, kind="stable")
    return pl.DataFrame(
        {
            "community": np.arange(chosen.size, dtype=np.int32),
            "language_no": (chosen // spec.games)[order],
            "game_no": (chosen % spec.games)[order],
            "channels": sizes[order],
        }
    )


def _build_channels(spec: WorldSpec, cells: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    count = spec.channels
    displays = draw_channel_names(generator, count, {*COMMON_BOTS, *RARE_BOTS})
    community = np.repeat(cells["community"].to_numpy(), cells["channels"].to_numpy())
    languages = [LANGUAGES[number] for number in cells["language_no"].gather(community)]
    games = [GAMES[number] for number in cells["game_no"].gather(community)]
    popularity = (_draw_ranks(community, generator) + 2.0) ** -1.15
    utc_offset = np.array([generator.choice(language.utc_offsets) for language in languages])
    local_start = generator.normal(18 * 60, 120, count)
    return pl.DataFrame(
        {
            "channel": [display.lower() for display in displays],
            "channel_id": _draw_ids(generator, 20_000_000, 1_200_000_000, count),
            "display_name": displays,
            "language": [language.code for language in languages],
            "game_name": [game.name for game in games],
            "community": community,
            "popularity": popularity / popularity.sum(),
            "source": np.where(generator.random(count) < _VOD_ONLY, "vod", "live"),
            "tags": [[language.tag, *game.tags] for language, game in zip(languages, games, strict=True)],
            "lurkers": 1.6 + generator.lognormal(0.0, 0.6, count),
            "start_minute": (local_start - 60 * utc_offset).astype(np.int32) % MINUTES_PER_DAY,
            "usual_duration_s": (3600 * generator.uniform(2.5, 6.5, count)).astype(np.int32),
            "weekdays": _draw_weekdays(generator, count, (4, 8)),
        }
    ).sort("channel")


def _build_viewers(
    spec: WorldSpec, cells: pl.DataFrame, channels: pl.DataFrame, generator: np.random.Generator
) -> pl.DataFrame:
    bots = [*COMMON_BOTS, *RARE_BOTS]
    names = draw_viewer_names(generator, spec.viewers, {*bots, *channels["channel"]})
    # A community draws viewers in proportion to its channels' popularity; small ones draw a little more.
    pull = np.bincount(channels["community"], channels["popularity"]) ** _HOME_PULL
    homes = generator.choice(pull.size, spec.viewers, p=pull / pull.sum()).astype(np.int32)
    people = pl.concat(
        [
            pl.DataFrame({"login": [name.lower() for name in names], "role": "viewer", "community": homes}),
            channels.select(pl.col("channel").alias("login"), pl.lit("broadcaster").alias("role"), "community"),
            pl.DataFrame({"login": bots, "role": "bot", "community": pl.Series([None] * len(bots), dtype=pl.Int32)}),
        ]
    ).sort("login")
    language_no = people["community"].replace_strict(cells["community"], cells["language_no"]).fill_null(0).to_numpy()
    offsets = np.empty(people.height)
    for number in np.unique(language_no):
        speakers = language_no == number
        offsets[speakers] = generator.choice(LANGUAGES[number].utc_offsets, int(speakers.sum()))
    local_evening = generator.normal(19.5 * 60, 150, people.height)
    return people.with_columns(
        role=pl.col("role").cast(ROLES),
        evening=pl.Series((local_evening - 60 * offsets).astype(np.int32) % MINUTES_PER_DAY),
        weekdays=pl.Series(_draw_weekdays(generator, people.height, (2, 8))),
        chattiness=pl.Series(1 + generator.lognormal(0.4, 0.9, people.height)),
    )


def _build_follows(channels: pl.DataFrame, viewers: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    own = channels.with_row_index("channel_no").join(
        viewers.with_row_index("viewer_no"), left_on="channel", right_on="login", maintain_order="left"
    )
    own_keys = _key(own["channel_no"].to_numpy(), own["viewer_no"].to_numpy())
    visits = np.setdiff1d(_draw_visits(channels, viewers, generator), own_keys)
    bots = _draw_bots(channels, viewers, generator)
    keys = np.concatenate([visits, own_keys, bots])
    roles = np.repeat(np.array(ROLES.categories.to_list()), [visits.size, own_keys.size, bots.size])
    return (
        pl.DataFrame(
            {"channel_no": keys >> 32, "viewer_no": keys & 0xFFFFFFFF, "role": roles},
            schema={"channel_no": pl.UInt32, "viewer_no": pl.UInt32, "role": ROLES},
        )
        .with_columns(affinity=pl.Series(generator.uniform(0.3, 1.0, keys.size)))
        .sort("channel_no", "viewer_no")
    )


def _draw_visits(channels: pl.DataFrame, viewers: pl.DataFrame, generator: np.random.Generator) -> np.ndarray:
    """Draw the channels that people write in, as keys: mostly in the home community, then in the language."""
    people = viewers.with_row_index("viewer_no").filter(pl.col("role") != "bot")
    ordinary = (people["role"] == "viewer").to_numpy()
    roamer = (generator.random(people.height) < _ROAMERS) | ~ordinary
    wanted_channels = generator.lognormal(np.where(roamer, 2.1, 0.9), np.where(roamer, 0.5, 0.9))
    degree: np.ndarray = wanted_channels.clip(1, channels.height / 3).astype(np.int64)
    # Twice as many as wanted: in a community with one dominant channel, a viewer picks it repeatedly.
    picker = np.repeat(np.arange(people.height), 2 * degree)
    reach = generator.random(picker.size)
    home = people["community"].to_numpy()[picker]
    community = channels["community"].to_numpy()
    codes = channels["language"].rank("dense").to_numpy()
    community_language = np.zeros(int(community.max()) + 1, dtype=np.int64)
    community_language[community] = codes
    at_home, in_language = np.where(roamer[picker], _ROAMER_REACH[:, None], _VIEWER_REACH[:, None])
    weight = channels["popularity"].to_numpy()
    levels = (
        (np.zeros_like(community), weight, np.zeros_like(home), reach >= 0),
        (codes, weight**_ROAMER_PULL, community_language[home], reach < in_language),
        (community, weight, home, reach < at_home),
    )
    picked = np.zeros(picker.size, dtype=np.int64)
    for groups, appeal, wanted, applies in levels:
        picked[applies] = _pick_in_group(groups, appeal, wanted[applies], generator)
    first = np.sort(np.unique(_key(picked, picker), return_index=True)[1])
    place = np.arange(first.size) - np.searchsorted(picker[first], picker[first])
    kept = first[place < degree[picker[first]]]
    return _key(picked[kept], people["viewer_no"].to_numpy()[picker[kept]])


def _pick_in_group(
    groups: np.ndarray, weight: np.ndarray, wanted: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Pick one member of each wanted group by weight; returns positions in `groups`."""
    order = np.argsort(groups, kind="stable")
    ends = np.cumsum(weight[order])
    first = np.searchsorted(groups[order], wanted, side="left")
    last = np.searchsorted(groups[order], wanted, side="right") - 1
    low = np.where(first > 0, ends[first - 1], 0.0)
    point = low + generator.random(wanted.size) * (ends[last] - low)
    picked: np.ndarray = order[np.clip(np.searchsorted(ends, point, side="right"), first, last)]
    return picked


def _draw_bots(channels: pl.DataFrame, viewers: pl.DataFrame, generator: np.random.Generator) -> np.ndarray:
    """Draw the channels that each bot serves, as keys."""
    shares = dict.fromkeys(COMMON_BOTS, 0.75) | dict.fromkeys(RARE_BOTS, 0.2)
    keys = []
    for login, share in shares.items():
        served = np.flatnonzero(generator.random(channels.height) < share)
        keys.append(_key(served, np.full(served.size, viewers["login"].search_sorted(login))))
    return np.concatenate(keys)


def _build_streams(spec: WorldSpec, channels: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    eve = spec.start - dt.timedelta(days=1)
    shape = (spec.days + 1, channels.height)
    weekday = (eve.weekday() + np.arange(shape[0]))[:, None] % 7
    on_air = (channels["weekdays"].to_numpy() >> weekday & 1).astype(bool) & (generator.random(shape) > 0.06)
    late_s = generator.normal(0, 900, shape).clip(-3000, 3000).astype(np.int64)
    start_s = 86_400 * np.arange(shape[0])[:, None] + 60 * channels["start_minute"].to_numpy() + late_s
    length = channels["usual_duration_s"].to_numpy() * generator.lognormal(0, 0.2, shape)
    day_no, channel_no = np.nonzero(on_air & (start_s >= 0) & (start_s < 86_400 * shape[0]))
    chosen = (day_no, channel_no)
    midnight = dt.datetime.combine(eve, dt.time(), dt.UTC)
    streams = pl.DataFrame(
        {
            "channel_no": channel_no.astype(np.uint32),
            "started_at": start_s[chosen],
            "duration_s": length[chosen].clip(7200, 28_800).astype(np.int32),
        }
    ).sort("started_at", "channel_no")
    streams = streams.with_columns(
        started_at=pl.lit(midnight, TIMESTAMP) + pl.duration(seconds="started_at"),
    )
    number = np.cumsum(generator.integers(1, 90_000, streams.height))
    broadcasts = _describe_broadcasts(channels[streams["channel_no"]], generator)
    return streams.with_columns(
        stream_id=pl.Series(318_000_000_000 + number * 16 + 5).cast(pl.String),
        vod_id=pl.Series(2_580_000_000 + number).cast(pl.String),
    ).hstack(broadcasts)


def _describe_broadcasts(channels: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """Draw game_name and title of one broadcast per row of channels."""
    titles = {language.code: language.titles for language in LANGUAGES}
    games, described = [], []
    for usual, code in channels.select("game_name", "language").iter_rows():
        changes = generator.random() < _GAME_CHANGES
        game = str(generator.choice([other.name for other in GAMES if other.name != usual])) if changes else usual
        games.append(game)
        described.append(str(generator.choice(titles[code])).format(game=game))
    return pl.DataFrame({"game_name": games, "title": described})


def _draw_ranks(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Rank all members at random (0 = first), so that each group gets its share of high and low ranks."""
    sizes = np.bincount(groups)[groups]
    place = np.lexsort((generator.random(groups.size), groups)).argsort() - np.searchsorted(groups, groups)
    ranks: np.ndarray = ((place + generator.random(groups.size)) / sizes).argsort().argsort()
    return ranks


def _draw_weekdays(generator: np.random.Generator, count: int, span: tuple[int, int]) -> np.ndarray:
    """Draw sets of weekdays as bits (1 = Monday); `span` bounds the number of days, upper end excluded."""
    wanted = generator.integers(*span, count)
    rank = generator.random((count, 7)).argsort(axis=1)
    bits: np.ndarray = ((rank < wanted[:, None]) << np.arange(7)).sum(axis=1).astype(np.uint8)
    return bits


def _draw_ids(generator: np.random.Generator, low: int, high: int, count: int) -> list[str]:
    return [str(low + number) for number in generator.choice(high - low, count, replace=False)]


def _key(channel_no: np.ndarray, viewer_no: np.ndarray) -> np.ndarray:
    """Pack each pair into one integer, so that sets of pairs are sets of numbers."""
    return (channel_no.astype(np.int64) << 32) | viewer_no.astype(np.int64)
