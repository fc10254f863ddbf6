"""Positions of channels: a map of countries, one per community.

Belongs here: the layout of a first day. Not here: later days (moved_layout), layout by forces alone (layout), borders
(countries).

The layout has two levels. Communities are discs as large as their channels need, and shared viewers pull them
together. Each community's channels are laid out inside its disc. So the map is evenly filled, and each country is one
piece.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from vieweratlas_assets.domain.atlas.graph import Floats, Indices, backbone, disc_radii, edge_ends
from vieweratlas_assets.domain.atlas.layout import rotate_to_landscape
from vieweratlas_assets.domain.atlas.layout_kernels import pack_discs, push_apart, settle_springs
from vieweratlas_assets.domain.schemas import LAYOUT

LINKS_PER_CHANNEL = 8
# Share of a country's disc that its channels cover; the rest is space for names.
DENSITY = 0.3
PAD = 0.0022
"""Space around each channel, in units of the map."""
GAP = 0.012
"""Space between the discs of two countries."""
MARGIN = 0.04
"""Free space on each side of the map on its first day, so that it can grow without scaling."""
PACKINGS = 16
PACK_STEPS = 800
GRAVITY = 0.03
MAX_PACK_WORK = 6e8
SPRING_STEPS = 300
MAX_SPRING_WORK = 4e9
TURNS = 24
DRIFT = 0.22
"""Share of the way that a channel moves toward other countries if all its links lead there."""
COLLISION_ROUNDS = 300


@dataclass(frozen=True)
class MapGraph:
    """The graph to lay out, as arrays.

    Attributes:
        channels: sorted logins.
        radius: radius of each channel's disc, in units of the map.
        home: int64, number of each channel's country, from 0; -1 = none.
        a, b: int64, ends of the strongest links.
        strength: strength of these links, 0 to 1.
    """

    channels: pl.Series
    radius: Floats
    home: Indices
    a: Indices
    b: Indices
    strength: Floats

    @property
    def countries(self) -> int:
        """Number of countries."""
        return int(self.home.max(initial=-1)) + 1

    @cached_property
    def across(self) -> tuple[Indices, Indices, Floats]:
        """The links between two countries, from both ends: the channel, the other channel, the strength."""
        one, other = np.concatenate([self.a, self.b]), np.concatenate([self.b, self.a])
        homes = self.home[one], self.home[other]
        leaving = (homes[0] >= 0) & (homes[1] >= 0) & (homes[0] != homes[1])
        return one[leaving], other[leaving], np.tile(self.strength, 2)[leaving]


def map_graph(nodes: pl.DataFrame, edges: pl.DataFrame, communities: pl.DataFrame, *, weight: str) -> MapGraph:
    """Prepare the graph for the layout.

    Args:
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES, between channels of `nodes`.
        communities: schema COMMUNITIES; channels that are missing or have a null community have no country.
        weight: the measure of `edges` that attracts (see `usable_weight`).
    """
    nodes = nodes.sort("channel").join(communities, on="channel", how="left", maintain_order="left")
    links = backbone(edges, weight=weight, per_channel=LINKS_PER_CHANNEL)
    a, b = edge_ends(nodes["channel"], links)
    home = nodes["community"].rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    return MapGraph(nodes["channel"], disc_radii(nodes["viewers"]), home, a, b, links["strength"].to_numpy())


def map_layout(graph: MapGraph, *, seed: int = 0) -> pl.DataFrame:
    """Lay out a map without an earlier day.

    Args:
        graph: the graph.
        seed: seed of the starting positions.

    Returns:
        Schema LAYOUT; the longer side fills MARGIN to 1 - MARGIN, the shorter is centered.
    """
    generator = np.random.default_rng(seed)
    areas = np.bincount(graph.home[graph.home >= 0], ((graph.radius + PAD) ** 2)[graph.home >= 0], graph.countries)
    sizes = np.sqrt(areas / DENSITY)
    shared = _shared(graph)
    middles = rotate_to_landscape(_pack_countries(sizes, shared, generator))
    place = np.zeros((len(graph.channels), 2))
    for country in range(graph.countries):
        members = np.flatnonzero(graph.home == country)
        inside = _fill_disc(graph, members, generator) * sizes[country]
        place[members] = middles[country] + _turned(graph, country, members, inside, middles)
    place = _drifted(graph, place, middles)
    place = _with_homeless(graph, place, middles, sizes)
    place = _fitted(place)
    push_apart(place, graph.radius, COLLISION_ROUNDS, PAD / 2)
    return as_layout(graph, place)


def as_layout(graph: MapGraph, place: Floats) -> pl.DataFrame:
    """Positions in schema LAYOUT; scaled around the center if some lie outside the map."""
    outermost = float(np.abs(place - 0.5).max(initial=0.0))
    if outermost > 0.5:
        place = 0.5 + (place - 0.5) * (0.5 / outermost)
    # Rounding errors may exceed the edge by a last digit.
    place = np.clip(place, 0.0, 1.0)
    return LAYOUT.conform(pl.DataFrame({"channel": graph.channels, "x": place[:, 0], "y": place[:, 1]}))


def _shared(graph: MapGraph) -> Floats:
    """The sum of the strengths of the links between every two countries, shape (countries, countries)."""
    count = graph.countries
    home_a, home_b = graph.home[graph.a], graph.home[graph.b]
    across = (home_a >= 0) & (home_b >= 0) & (home_a != home_b)
    flat = np.bincount(home_a[across] * count + home_b[across], graph.strength[across], count * count)
    shared: Floats = (flat.reshape(count, count) + flat.reshape(count, count).T).astype(float)
    return shared


def _pack_countries(sizes: Floats, shared: Floats, generator: np.random.Generator) -> Floats:
    """The centers of the countries' discs: the best of several packings."""
    count = len(sizes)
    if count < 2:
        return np.zeros((count, 2))
    pull = shared / np.sqrt(np.outer(sizes, sizes))
    pull = 0.06 * np.sqrt(pull / max(float(pull.max()), 1e-12))
    work = 5.0 * PACK_STEPS * count**2
    unit = math.sqrt(float((sizes**2).sum()))
    best, best_cost = np.zeros((count, 2)), math.inf
    for _ in range(max(1, min(PACKINGS, int(MAX_PACK_WORK / work)))):
        # A loose layout first decides which countries are neighbors, while discs cannot block each other.
        middles = generator.normal(size=(count, 2)) * unit
        # Countries that share nothing also need a weak pull, or they would move far away.
        loose = 0.02 + shared / max(float(shared.max()), 1e-12)
        a, b = np.triu_indices(count, 1)
        rest = unit / math.sqrt(count)
        middles /= rest
        settle_springs(middles, a, b, 4 * loose[a, b], 400, 0.1 * math.sqrt(count))
        middles = (middles - middles.mean(axis=0)) * 2 * rest
        pack_discs(middles, sizes, pull, PACK_STEPS if work < MAX_PACK_WORK else PACK_STEPS // 8, GAP, GRAVITY)
        cost = _packing_cost(middles, sizes, shared)
        if cost < best_cost:
            best, best_cost = middles, cost
    centered: Floats = best - best.mean(axis=0)
    return centered


def _packing_cost(middles: Floats, sizes: Floats, shared: Floats) -> float:
    """The distances of linked countries and the extent of the map, in units of the countries' size."""
    unit = math.sqrt(float((sizes**2).sum()))
    apart = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1))
    total = float(shared.sum())
    far = float((shared * apart).sum()) / total if total > 0 else 0.0
    reach = float((np.hypot(*(middles - middles.mean(axis=0)).T) + sizes).max())
    return (far + 0.25 * reach) / unit


def _fill_disc(graph: MapGraph, members: Indices, generator: np.random.Generator) -> Floats:
    """Lay out a country's channels in a disc of radius 1, filled evenly."""
    count = len(members)
    if count == 1:
        return np.zeros((1, 2))
    place = generator.normal(size=(count, 2)) * math.sqrt(count) / 2
    a, b, strength = _links_within(graph, members)
    pull = np.clip(strength / strength.mean(), 0.1, 6.0) if strength.sum() > 0 else np.ones_like(strength)
    steps = max(60, min(SPRING_STEPS, int(MAX_SPRING_WORK / count**2)))
    settle_springs(place, a, b, pull, steps, math.sqrt(count) / 10)
    room = (graph.radius[members] + PAD) ** 2
    out = place - np.average(place, axis=0, weights=room)
    distance = np.hypot(out[:, 0], out[:, 1])
    # The radius at which the area inside equals that of the channels inside: the disc is evenly filled.
    order = np.argsort(distance, kind="stable")
    filled = np.empty(count)
    filled[order] = np.sqrt((np.cumsum(room[order]) - room[order] / 2) / room.sum())
    wanted = 0.75 * filled + 0.25 * distance / max(float(distance.max()), 1e-9)
    scaled: Floats = out * (wanted / np.maximum(distance, 1e-9))[:, None]
    return scaled


def _links_within(graph: MapGraph, members: Indices) -> tuple[Indices, Indices, Floats]:
    """The links among `members`, by index in `members`."""
    number = np.full(len(graph.channels), -1)
    number[members] = np.arange(len(members))
    within = (number[graph.a] >= 0) & (number[graph.b] >= 0)
    return number[graph.a[within]], number[graph.b[within]], graph.strength[within]


def _turned(graph: MapGraph, country: int, members: Indices, inside: Floats, middles: Floats) -> Floats:
    """Rotate and mirror a country so that its channels face the countries that they are linked with."""
    channels, others, strengths = graph.across
    leaving = graph.home[channels] == country
    if not leaving.any():
        return inside
    one, other, strength = channels[leaving], others[leaving], strengths[leaving]
    number = np.zeros(len(graph.channels), np.int64)
    number[members] = np.arange(len(members))
    toward = middles[graph.home[other]] - middles[country]
    toward = toward / np.maximum(np.hypot(toward[:, 0], toward[:, 1]), 1e-9)[:, None]
    pulled = np.zeros_like(inside)
    for axis in (0, 1):
        pulled[:, axis] = np.bincount(number[one], strength * toward[:, axis], minlength=len(members))
    best, best_gain = inside, -math.inf
    for mirror in (1.0, -1.0):
        for turn in np.linspace(0, 2 * np.pi, TURNS, endpoint=False):
            cos, sin = math.cos(turn), math.sin(turn)
            turned = (inside * (1.0, mirror)) @ np.array([[cos, sin], [-sin, cos]])
            gain = float((turned * pulled).sum())
            if gain > best_gain:
                best, best_gain = turned, gain
    return best


def _drifted(graph: MapGraph, place: Floats, middles: Floats) -> Floats:
    """Move channels with links to other countries slightly toward these countries."""
    count = len(graph.channels)
    one, other, strength = graph.across
    total = np.bincount(np.concatenate([graph.a, graph.b]), np.tile(graph.strength, 2), count)
    outward = np.bincount(one, strength, count)
    toward = np.empty_like(place)
    for axis in (0, 1):
        toward[:, axis] = np.bincount(one, strength * middles[graph.home[other], axis], count)
    share = np.divide(outward, total, out=np.zeros(count), where=total > 0)
    toward = np.divide(toward, outward[:, None], out=place.copy(), where=outward[:, None] > 0)
    return place + (toward - place) * (DRIFT * share)[:, None]


def _with_homeless(graph: MapGraph, place: Floats, middles: Floats, sizes: Floats) -> Floats:
    """Place the channels without a country on the sea: bays first, the largest channels closest to the center."""
    homeless = np.flatnonzero(graph.home < 0)
    if not homeless.size:
        return place
    homeless = homeless[np.argsort(-graph.radius[homeless], kind="stable")]
    spacing = 2 * float(np.percentile(graph.radius[homeless], 90)) + 2 * PAD
    reach = float((np.hypot(middles[:, 0], middles[:, 1]) + sizes).max(initial=0.0)) + 2 * GAP
    # Enough spots for all of them, even if land covers everything inside.
    number = np.arange(int(4 * (reach / spacing) ** 2) + 4 * homeless.size + 16)
    turn = number * math.pi * (3 - math.sqrt(5))
    spots = spacing * np.sqrt(number / 2)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    free = np.ones(len(spots), bool)
    for middle, size in zip(middles, sizes, strict=True):
        free &= np.hypot(*(spots - middle).T) > size + 2 * GAP
    place[homeless] = spots[free][: homeless.size]
    return place


def _fitted(place: Floats) -> Floats:
    """Scale and move so that the longer side fills the map except its margins."""
    if not len(place):
        return place
    low, high = place.min(axis=0), place.max(axis=0)
    extent = float((high - low).max())
    scaled: Floats = 0.5 + (place - (low + high) / 2) * ((1 - 2 * MARGIN) / (extent or 1.0))
    return scaled
