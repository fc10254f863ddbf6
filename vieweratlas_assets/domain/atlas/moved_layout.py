"""The map of a later day: channels stay where they were on the earlier day.

Belongs here: positions from those of an earlier day. Not here: the layout of a first day (map_layout).
"""

import math

import numpy as np
import polars as pl
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from vieweratlas_assets.domain.atlas.graph import Floats
from vieweratlas_assets.domain.atlas.layout_kernels import push_apart
from vieweratlas_assets.domain.atlas.map_layout import COLLISION_ROUNDS, PAD, MapGraph, as_layout

MIN_KNOWN = 0.5
"""If the share of known channels is smaller, the map is laid out from scratch."""
NEIGHBORS = 10
AT_HOME = 0.3
"""A channel is abroad if a smaller share of its nearest neighbors is of its community."""
ROUNDS = 40
PUSHED_EVERY = 8
HELD = 0.15
"""Share of the way back to its position that a known channel moves per round. Neighbors do not pull known channels,
because countries would then shrink day by day."""
HELD_NEW, PULLED_NEW = 0.015, 0.06
"""For newcomers: share of the way back per round, and of the way to the mean of their neighbors."""
MIN_COUNTRY = 4
"""In a smaller country, neighbors do not show whether a channel is abroad."""


def moved_layout(graph: MapGraph, before: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame | None:
    """Lay out a map so that channels stay where they were on an earlier day.

    Args:
        graph: the graph.
        before: schema LAYOUT, of the earlier day.
        seed: seed of the random offsets of newcomers.

    Returns:
        Schema LAYOUT; None if too few channels are known.

    Newcomers, and channels that lie in a country other than their own, move to the weighted mean of their neighbors
    in their own country. Then all positions settle, known channels are held in place, and overlapping discs are moved
    apart.
    """
    places = pl.DataFrame({"channel": graph.channels}).join(before, on="channel", how="left", maintain_order="left")
    place = places.select("x", "y").to_numpy().astype(float)
    known = np.isfinite(place[:, 0])
    if known.mean() < MIN_KNOWN:
        return None
    known &= ~_abroad(graph, place, known)
    generator = np.random.default_rng(seed)
    within = _links(graph, (graph.home[graph.a] == graph.home[graph.b]) & (graph.home[graph.a] >= 0))
    place = _arrive(graph, place, known, within, generator)
    place = _settle(graph, place, known, within)
    push_apart(place, graph.radius, COLLISION_ROUNDS, PAD / 2)
    return as_layout(graph, place)


def _links(graph: MapGraph, chosen: np.ndarray) -> csr_array:
    """The strengths of the chosen links as a symmetric matrix, shape (channels, channels)."""
    count = len(graph.channels)
    one = coo_array((graph.strength[chosen], (graph.a[chosen], graph.b[chosen])), shape=(count, count))
    return csr_array(one + one.T)


def _abroad(graph: MapGraph, place: Floats, known: np.ndarray) -> np.ndarray:
    """Mask of the known channels that lie among channels of other countries."""
    settled = np.flatnonzero(known & (graph.home >= 0))
    abroad = np.zeros(len(known), bool)
    if len(settled) <= NEIGHBORS:
        return abroad
    _, nearest = cKDTree(place[settled]).query(place[settled], k=NEIGHBORS + 1)
    same = graph.home[settled[nearest[:, 1:]]] == graph.home[settled][:, None]
    # A small country has fewer channels than NEIGHBORS.
    members = np.bincount(graph.home[settled])
    most = np.minimum(NEIGHBORS, members[graph.home[settled]] - 1)
    away = (most >= MIN_COUNTRY - 1) & (same.sum(axis=1) < AT_HOME * most)
    # If all channels of a country are away, this is the country's place.
    at_home = np.bincount(graph.home[settled][~away], minlength=len(members))
    abroad[settled] = away & (at_home[graph.home[settled]] > 0)
    return abroad


def _arrive(
    graph: MapGraph, place: Floats, known: np.ndarray, within: csr_array, generator: np.random.Generator
) -> Floats:
    """Place unknown channels near their known neighbors in their country, else within the country."""
    known_place = np.where(known[:, None], place, 0.0)
    weight = within @ known.astype(float)
    arrived = np.divide(
        within @ known_place, weight[:, None], out=np.full_like(place, np.nan), where=weight[:, None] > 0
    )
    for country in np.unique(graph.home):
        members = graph.home == country
        lost = members & ~np.isfinite(arrived[:, 0])
        at_home = members & known
        middle = place[at_home].mean(axis=0) if at_home.any() else _among_linked(graph, place, known, members)
        if country < 0:
            # Channels without a country start on a circle around the map, and are pushed onto the sea.
            turn = generator.uniform(0, 2 * math.pi, int(lost.sum()))
            arrived[lost] = 0.5 + 0.48 * np.column_stack([np.cos(turn), np.sin(turn)])
        else:
            arrived[lost] = middle
    spread = generator.normal(size=place.shape) * float(graph.radius.mean())
    return np.where(known[:, None], place, arrived + spread)


def _among_linked(graph: MapGraph, place: Floats, known: np.ndarray, members: np.ndarray) -> Floats:
    """Position of a country of newcomers: the mean of the known channels that it is linked with, or the center."""
    linked = (members[graph.a] & known[graph.b]) | (members[graph.b] & known[graph.a])
    if not linked.any():
        return np.full(2, 0.5)
    ends = np.where(members[graph.a[linked]], graph.b[linked], graph.a[linked])
    mean: Floats = np.average(place[ends], axis=0, weights=graph.strength[linked] + 1e-9)
    return mean


def _settle(graph: MapGraph, place: Floats, known: np.ndarray, within: csr_array) -> Floats:
    """Move all channels between their own position and their neighbors in their country until they settle."""
    anchor = place.copy()
    strength = np.asarray(within.sum(axis=1)).ravel()
    held = np.where(known, HELD, HELD_NEW)[:, None]
    pulled = np.where((strength > 0) & ~known, PULLED_NEW, 0.0)[:, None]
    for step in range(1, ROUNDS + 1):
        middle = np.divide(within @ place, strength[:, None], out=place.copy(), where=strength[:, None] > 0)
        place = place + pulled * (middle - place) + held * (anchor - place)
        if step % PUSHED_EVERY == 0:
            push_apart(place, graph.radius, 6, PAD / 2)
    return place
