"""Compiled loops of the map layout: springs between channels, packing discs, moving discs apart.

Belongs here: loops over plain arrays. Not here: what is placed, and the starting positions (map_layout).

numba compiles each loop on its first call and caches it on disk (NUMBA_CACHE_DIR sets the folder). It infers the
types of arguments, so the functions have no annotations.
"""

import numba as nb
import numpy as np

_NEARLY_0 = 1e-9


@nb.njit(cache=True, nogil=True)
def settle_springs(place, a, b, pull, steps, hottest):  # type: ignore[no-untyped-def]
    """Move points as in Fruchterman and Reingold (1991): all points repel each other, linked ones also attract.

    Args:
        place: float64 (n, 2), changed in place; the unit of length is the rest distance of two linked points.
        a, b: int64, ends of the springs.
        pull: float64, strength of each spring; 1 is normal.
        steps: number of steps.
        hottest: longest move in the first step; the limit falls to zero.
    """
    count = place.shape[0]
    force = np.empty_like(place)
    for step in range(steps):
        force[:] = 0.0
        for i in range(count):
            for j in range(i + 1, count):
                dx = place[i, 0] - place[j, 0]
                dy = place[i, 1] - place[j, 1]
                inverse = 1.0 / (dx * dx + dy * dy + _NEARLY_0)
                force[i, 0] += dx * inverse
                force[i, 1] += dy * inverse
                force[j, 0] -= dx * inverse
                force[j, 1] -= dy * inverse
        for edge in range(a.shape[0]):
            i, j = a[edge], b[edge]
            dx = place[j, 0] - place[i, 0]
            dy = place[j, 1] - place[i, 1]
            drawn = pull[edge] * np.sqrt(dx * dx + dy * dy)
            force[i, 0] += dx * drawn
            force[i, 1] += dy * drawn
            force[j, 0] -= dx * drawn
            force[j, 1] -= dy * drawn
        longest = hottest * (1.0 - step / steps)
        for i in range(count):
            size = np.sqrt(force[i, 0] ** 2 + force[i, 1] ** 2) + _NEARLY_0
            scale = min(size, longest) / size
            place[i, 0] += force[i, 0] * scale
            place[i, 1] += force[i, 1] * scale


@nb.njit(cache=True, nogil=True)
def pack_discs(place, radius, pull, steps, gap, gravity):  # type: ignore[no-untyped-def]
    """Pull discs together until they touch.

    Args:
        place: float64 (n, 2), changed in place.
        radius: float64.
        pull: float64 (n, n), symmetric, attraction of every two discs; 0 = none.
        steps: number of steps.
        gap: distance to leave between two discs.
        gravity: pull to the origin.
    """
    count = place.shape[0]
    force = np.empty_like(place)
    for step in range(steps):
        force[:] = 0.0
        for i in range(count):
            for j in range(count):
                if i == j or pull[i, j] == 0.0:
                    continue
                dx = place[j, 0] - place[i, 0]
                dy = place[j, 1] - place[i, 1]
                distance = np.sqrt(dx * dx + dy * dy) + _NEARLY_0
                drawn = pull[i, j] * (distance - radius[i] - radius[j] - gap) / distance
                force[i, 0] += drawn * dx
                force[i, 1] += drawn * dy
        heat = 0.5 * (1.0 - step / steps)
        for i in range(count):
            place[i, 0] += heat * (force[i, 0] - gravity * place[i, 0])
            place[i, 1] += heat * (force[i, 1] - gravity * place[i, 1])
        for _ in range(4):
            for i in range(count):
                for j in range(i + 1, count):
                    _part(place, radius, i, j, gap, 1.0)


@nb.njit(cache=True, nogil=True)
def push_apart(place, radius, rounds, gap):  # type: ignore[no-untyped-def]
    """Move overlapping discs apart, the smaller one further, until no discs overlap or all rounds are done.

    Args:
        place: float64 (n, 2), changed in place.
        radius: float64.
        rounds: most rounds.
        gap: distance to leave between two discs.

    Returns:
        The number of overlapping pairs in the last round.
    """
    count = place.shape[0]
    if count == 0:
        return 0
    cell = 2.0 * radius.max() + gap
    following = np.empty(count, np.int64)
    moved = 0
    for _ in range(rounds):
        left, low = place[:, 0].min(), place[:, 1].min()
        across = int((place[:, 0].max() - left) / cell) + 1
        up = int((place[:, 1].max() - low) / cell) + 1
        first = np.full(across * up, -1, np.int64)
        for i in range(count):
            at = int((place[i, 0] - left) / cell) * up + int((place[i, 1] - low) / cell)
            following[i] = first[at]
            first[at] = i
        moved = 0
        for i in range(count):
            column, row = int((place[i, 0] - left) / cell), int((place[i, 1] - low) / cell)
            for x in range(max(0, column - 1), min(across, column + 2)):
                for y in range(max(0, row - 1), min(up, row + 2)):
                    j = first[x * up + y]
                    while j >= 0:
                        if j > i and _part(place, radius, i, j, gap, 0.5):
                            moved += 1
                        j = following[j]
        if moved == 0:
            break
    return moved


@nb.njit(cache=True, nogil=True, inline="always")
def _part(place, radius, i, j, gap, share):  # type: ignore[no-untyped-def]
    """Move two overlapping discs apart, by a share of their overlap; returns whether they overlapped."""
    dx = place[j, 0] - place[i, 0]
    dy = place[j, 1] - place[i, 1]
    distance = np.sqrt(dx * dx + dy * dy) + _NEARLY_0
    wanted = radius[i] + radius[j] + gap
    if distance >= wanted:
        return False
    step = (wanted - distance) / distance * share
    # In inverse proportion to their areas: a much larger disc hardly moves.
    first_share = radius[j] ** 2 / (radius[i] ** 2 + radius[j] ** 2)
    place[i, 0] -= dx * step * first_share
    place[i, 1] -= dy * step * first_share
    place[j, 0] += dx * step * (1.0 - first_share)
    place[j, 1] += dy * step * (1.0 - first_share)
    return True
