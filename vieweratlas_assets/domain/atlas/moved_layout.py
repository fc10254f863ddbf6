"""The map of a day that follows another: what was there stays where it was.

Belongs here: positions from those of an earlier day. Not here: a first day (map_layout).
"""

import math

import numpy as np
import polars as pl
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from vieweratlas_assets.domain.atlas.graph import Floats
from vieweratlas_assets.domain.atlas.layout_kernels import push_apart
from vieweratlas_assets.domain.atlas.map_layout import COLLISION_ROUNDS, PAD, MapGraph, as_layout

LEAST_KNOWN = 0.5
"""With a smaller share of known channels a map is better laid out anew."""
NEIGHBORS = 10
AT_HOME = 0.3
"""A channel among whose nearest fewer are of its community has moved to another country."""
ROUNDS = 40
PUSHED_EVERY = 8
HELD = 0.15
"""Of the way back to its place that a known channel goes in a round. Nothing pulls it: day by day, countries would
shrink."""
HELD_NEW, PULLED_NEW = 0.015, 0.06
"""The same of a newcomer, and of the way to the middle of its neighbors."""
FEWEST = 4
"""Of a smaller country it cannot be told by its neighbors whether a channel stands there."""


def moved_layout(graph: MapGraph, before: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame | None:
    """Lay out a map so that channels stand where they stood on an earlier day.

    Args:
        before: schema LAYOUT, of the earlier day.
        seed: of where newcomers start.

    Returns:
        Schema LAYOUT; None where too few channels are known.

    Newcomers, and channels that stand in another country than their own, go to the weighted mean of their neighbors
    at home; then all settle, the known ones held to their places, and discs are moved off one another.
    """
    places = pl.DataFrame({"channel": graph.channels}).join(before, on="channel", how="left", maintain_order="left")
    place = places.select("x", "y").to_numpy().astype(float)
    known = np.isfinite(place[:, 0])
    if known.mean() < LEAST_KNOWN:
        return None
    known &= ~_abroad(graph, place, known)
    generator = np.random.default_rng(seed)
    within = _links(graph, (graph.home[graph.a] == graph.home[graph.b]) & (graph.home[graph.a] >= 0))
    place = _arrive(graph, place, known, within, generator)
    place = _settle(graph, place, known, within)
    push_apart(place, graph.radius, COLLISION_ROUNDS, PAD / 2)
    return as_layout(graph, place)


def _links(graph: MapGraph, chosen: np.ndarray) -> csr_array:
    """The strengths of some links, (channels, channels), symmetric."""
    count = len(graph.channels)
    one = coo_array((graph.strength[chosen], (graph.a[chosen], graph.b[chosen])), shape=(count, count))
    return csr_array(one + one.T)


def _abroad(graph: MapGraph, place: Floats, known: np.ndarray) -> np.ndarray:
    """Which known channels stand among those of other countries."""
    settled = np.flatnonzero(known & (graph.home >= 0))
    abroad = np.zeros(len(known), bool)
    if len(settled) <= NEIGHBORS:
        return abroad
    _, nearest = cKDTree(place[settled]).query(place[settled], k=NEIGHBORS + 1)
    same = graph.home[settled[nearest[:, 1:]]] == graph.home[settled][:, None]
    # Of a small country there cannot be many.
    members = np.bincount(graph.home[settled])
    most = np.minimum(NEIGHBORS, members[graph.home[settled]] - 1)
    away = (most >= FEWEST - 1) & (same.sum(axis=1) < AT_HOME * most)
    # Where a whole country stands apart, that is where it is.
    at_home = np.bincount(graph.home[settled][~away], minlength=len(members))
    abroad[settled] = away & (at_home[graph.home[settled]] > 0)
    return abroad


def _arrive(
    graph: MapGraph, place: Floats, known: np.ndarray, within: csr_array, generator: np.random.Generator
) -> Floats:
    """Put those without a place near their known neighbors at home, or else into their country, or anywhere."""
    there = np.where(known[:, None], place, 0.0)
    weight = within @ known.astype(float)
    of_neighbors = np.divide(
        within @ there, weight[:, None], out=np.full_like(place, np.nan), where=weight[:, None] > 0
    )
    arrived = of_neighbors
    for country in np.unique(graph.home):
        members = graph.home == country
        lost = members & ~np.isfinite(arrived[:, 0])
        at_home = members & known
        middle = place[at_home].mean(axis=0) if at_home.any() else _among_linked(graph, place, known, members)
        if country < 0:
            # The homeless have no middle: they begin at the coast and are pushed to the sea.
            turn = generator.uniform(0, 2 * math.pi, int(lost.sum()))
            arrived[lost] = 0.5 + 0.48 * np.column_stack([np.cos(turn), np.sin(turn)])
        else:
            arrived[lost] = middle
    spread = generator.normal(size=place.shape) * float(graph.radius.mean())
    return np.where(known[:, None], place, arrived + spread)


def _among_linked(graph: MapGraph, place: Floats, known: np.ndarray, members: np.ndarray) -> Floats:
    """Where a country of newcomers goes: amid the known channels that it is linked with, or to the middle."""
    linked = (members[graph.a] & known[graph.b]) | (members[graph.b] & known[graph.a])
    if not linked.any():
        return np.full(2, 0.5)
    ends = np.where(members[graph.a[linked]], graph.b[linked], graph.a[linked])
    mean: Floats = np.average(place[ends], axis=0, weights=graph.strength[linked] + 1e-9)
    return mean


def _settle(graph: MapGraph, place: Floats, known: np.ndarray, within: csr_array) -> Floats:
    """Let all settle between their own place and their neighbors at home."""
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
