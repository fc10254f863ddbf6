"""How well and how fast communities are found: the tables of docs/decisions/communities.md.

Belongs here: worlds with planted communities, the ways to detect that are compared, the tables. Not here: the
product's own detection (vieweratlas_assets.domain.communities), other benchmarks.

    python -m benchmarks.communities [file.md]

One process, about five minutes. Published atlases are read from SHARED_DATA (../shared/data) and left out if that
folder lacks them.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# With one thread, CPU seconds are the cost of the work. The libraries read these variables when they load.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import networkx as nx  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from vieweratlas_assets.domain.communities.agreement import agreement, mean_pairwise_rand_index  # noqa: E402
from vieweratlas_assets.domain.communities.detection import detect_communities, weighted_graph  # noqa: E402
from vieweratlas_assets.domain.communities.detectors import (  # noqa: E402
    WeightedGraph,
    community_detector,
    modularity,
)
from vieweratlas_assets.domain.communities.resolution import (  # noqa: E402
    backbone,
    backbone_size,
    natural_resolution,
    seeded_runs,
    self_consistent_resolution,
)
from vieweratlas_assets.domain.overlap.counting import overlap_of  # noqa: E402
from vieweratlas_assets.domain.overlap.measures import usable_weight, with_measures  # noqa: E402
from vieweratlas_assets.importers.atlas import read_atlas  # noqa: E402
from vieweratlas_assets.sandbox.world import build_world  # noqa: E402
from vieweratlas_assets.sandbox.world_spec import WorldSpec  # noqa: E402

SEED = 42
GRID = tuple(2 ** (step / 2) for step in range(-2, 8))
SMALLEST_COMMUNITY = 4
HYPERACTIVE = 5
"""Viewers of a planted world who write in 5 to 80 % of all channels, like bots that no list names."""
MOST_EDGES = 1_000_000
REPEATS = 3


@dataclass(frozen=True)
class Case:
    """A graph whose communities are known.

    Attributes:
        nodes, edges: schemas GRAPH_NODES (channel and viewers are enough) and GRAPH_EDGES.
        known: channel and community.
    """

    name: str
    nodes: pl.DataFrame
    edges: pl.DataFrame
    known: pl.DataFrame


@dataclass(frozen=True)
class Way:
    """One way to find communities.

    Attributes:
        per_channel: edges per channel in the backbone; None = the whole graph; 0 = the product's number.
        rule: chooses a resolution for a graph and a detector; None = the best of the grid, knowing the answer.
    """

    weight: str
    per_channel: int | None
    rule_name: str
    rule: Callable[..., float] | None
    algorithm: str = "louvain_fast"


def planted_audience(
    channels: int, viewers: int, languages: int, games: int, *, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An audience that is harder to cluster than the sandbox's: channel, viewer; and channel, community, language.

    A community is a language and a game with at least 4 channels. The sizes of channels follow a power law, the
    channels per viewer a log-normal one. A viewer picks in the home community (70 %; heavy viewers 45 %), else in its
    language (18 %; 27 %), else anywhere.
    """
    draw = np.random.default_rng(seed)
    share = np.outer(np.arange(1, languages + 1) ** -1.1, np.arange(1, games + 1) ** -0.7).ravel()
    spare = draw.choice(share.size, channels - SMALLEST_COMMUNITY * share.size, p=share / share.sum())
    community = np.sort(np.concatenate([np.repeat(np.arange(share.size), SMALLEST_COMMUNITY), spare]))
    appeal = (draw.permutation(channels) + 4.0) ** -0.9
    ends = np.append(0.0, appeal.cumsum())

    def pick(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        point = ends[first] + draw.random(first.size) * (ends[last] - ends[first])
        place: np.ndarray = np.searchsorted(ends, point, side="right") - 1
        return place

    bounds = np.searchsorted(community, np.arange(share.size + 1))
    home = draw.choice(share.size, viewers, p=np.diff(ends[bounds]) / ends[-1])
    degree = np.floor(1.4 * draw.lognormal(0, 1.3, viewers)).clip(1, min(channels // 4, 300)).astype(np.int64)
    viewer = np.repeat(np.arange(viewers), degree)
    own, heavy, reach = home[viewer], degree[viewer] > 15, draw.random(viewer.size)
    language = own // games * games
    nowhere = np.zeros_like(own)
    chosen = np.select(
        [reach < np.where(heavy, 0.45, 0.70), reach < np.where(heavy, 0.72, 0.88)],
        [pick(bounds[own], bounds[own + 1]), pick(bounds[language], bounds[language + games])],
        pick(nowhere, nowhere + channels),
    )
    served = [np.flatnonzero(draw.random(channels) < draw.uniform(0.05, 0.8)) for _ in range(HYPERACTIVE)]
    bots = np.repeat(np.arange(viewers, viewers + HYPERACTIVE), [each.size for each in served])
    logins = np.array([f"channel{number:05}" for number in draw.permutation(channels)])
    audience = pl.DataFrame(
        {
            "channel": logins[np.concatenate([chosen.clip(0, channels - 1), *served])],
            "viewer": np.concatenate([viewer, bots]),
        }
    )
    truth = pl.DataFrame({"channel": logins, "community": community, "language": community // games})
    return audience.unique().with_columns(pl.col("viewer").cast(pl.String)), truth


def sandbox_audience(channels: int, viewers: int, languages: int, games: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The audience of the sandbox's world without bots and broadcasters, and its planted communities."""
    spec = WorldSpec(channels=channels, viewers=viewers, languages=languages, games=games, days=1)
    world = build_world(spec)
    follows = world.follows.filter(pl.col("role") == "viewer")
    audience = pl.DataFrame(
        {
            "channel": world.channels["channel"].gather(follows["channel_no"]),
            "viewer": world.viewers["login"].gather(follows["viewer_no"]),
        }
    )
    return audience, world.channels.select("channel", "community", "language")


def overlap_case(name: str, audience: pl.DataFrame, known: pl.DataFrame, *, min_shared: int = 1) -> Case:
    """The overlap graph of an audience: channels of at least 10 viewers, at most the million strongest edges."""
    sizes = audience.group_by("channel").agg(pl.len().cast(pl.Int64).alias("viewers"))
    nodes = sizes.filter(pl.col("viewers") >= 10).sort("channel")
    shared = overlap_of(audience.join(nodes, on="channel", how="semi"), min_shared=min_shared).shared
    strongest = shared.sort("shared_viewers", "channel_a", "channel_b", descending=[True, False, False])
    edges = with_measures(strongest.head(MOST_EDGES), nodes, total_viewers=audience["viewer"].n_unique())
    return Case(name, nodes, edges, known)


PLANTED = {"S": (100, 50_000, 4, 3), "M": (1_000, 400_000, 6, 8), "L": (10_000, 1_000_000, 12, 14)}


def planted(size: str, seed: int) -> Case:
    """The graph of a planted world: S, M, or L with 10,000 channels and 1,000,000 edges."""
    audience, known = planted_audience(*PLANTED[size], seed=seed)
    return overlap_case(f"planted {size}", audience, known, min_shared=2 if size == "L" else 1)


@cache
def large() -> Case:
    """10,000 channels, 1,000,000 edges."""
    return planted("L", 7)


def published() -> Iterator[Case]:
    """The atlases that others published with their communities, if the shared data has them."""
    folder = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "atlas"
    for name, stem, weight in (
        ("TwitchAtlas 2021-02", "twitchatlas_2021-02", "shared_viewers"),
        ("Italy 2022", "italy_2022-07_08", "overlap_coefficient"),
    ):
        edges, nodes = (folder / f"{stem}_{kind}.csv" for kind in ("edges", "nodes"))
        if edges.exists():
            atlas = read_atlas(edges, nodes, weight=weight)
            yield Case(name, atlas.graph.nodes, atlas.graph.edges, atlas.reference)


def cases() -> Iterator[Case]:
    """Every graph of the accuracy table."""
    yield from published()
    for size, spec in {"S": (100, 15_000, 4, 3), "M": (1_000, 150_000, 6, 8), "L": (3_000, 450_000, 10, 12)}.items():
        yield overlap_case(f"sandbox {size}", *sandbox_audience(*spec))
    yield planted("S", 7)
    yield planted("M", 7)
    yield large()


def plain(*_: object, **__: object) -> float:
    """Resolution 1.0."""
    return 1.0


def smallest_agreeing(graph: WeightedGraph, detector: Callable[..., np.ndarray], *, seed: int) -> float:
    """The smallest resolution of the grid at which five seeds agree (index >= 0.95), else the largest."""
    agreed = (each for each in GRID if (mean_pairwise_rand_index(runs(graph, detector, each, seed)) or 0) >= 0.95)
    return next(agreed, GRID[-1])


def runs(graph: WeightedGraph, detector: Callable[..., np.ndarray], resolution: float, seed: int) -> list[np.ndarray]:
    """The partitions of five seeds."""
    return list(seeded_runs(graph, detector, resolution, seed=seed))


WAYS = (
    Way("shared_viewers", None, "plain 1.0", plain),
    Way("shared_viewers", None, "plain 1.0", plain, "leiden"),
    Way("jaccard", None, "plain 1.0", plain),
    Way("overlap_z", None, "plain 1.0", plain),
    Way("overlap_z", 30, "plain 1.0", plain),
    Way("shared_viewers", None, "smallest agreeing", smallest_agreeing),
    Way("overlap_z", 0, "smallest agreeing", smallest_agreeing),
    Way("shared_viewers", None, "matching", self_consistent_resolution),
    Way("overlap_z", 0, "matching", self_consistent_resolution),
    Way("shared_viewers", 0, "natural", natural_resolution),
    Way("jaccard", 0, "natural", natural_resolution),
    Way("overlap_z", 0, "natural", natural_resolution),
    Way("overlap_z", 0, "natural", natural_resolution, "leiden"),
    Way("overlap_z", 30, "natural", natural_resolution),
    Way("shared_viewers", None, "best in hindsight", None),
    Way("overlap_z", 0, "best in hindsight", None),
)
DEFAULT = Way("overlap_z", 0, "natural", natural_resolution)


def best_index(way: Way, case: Case) -> tuple[float, float]:
    """Adjusted Rand index of a way's communities with the known ones, and the resolution that the way took."""
    weight = usable_weight(case.edges, way.weight)
    graph, detector = weighted_graph(case.edges, weight), community_detector(way.algorithm)
    if way.per_channel is not None:
        graph = backbone(graph, way.per_channel or backbone_size(len(graph.channels), weight))
    resolutions = [way.rule(graph, detector, seed=SEED)] if way.rule else GRID
    return max((_index(case, graph, detector(graph, resolution=each, seed=SEED)), each) for each in resolutions)


def _index(case: Case, graph: WeightedGraph, labels: np.ndarray) -> float:
    communities = pl.DataFrame({"channel": graph.channels, "community": labels})
    return agreement(communities, case.known).adjusted_rand_index


def accuracy() -> list[str]:
    """The table of all ways on all graphs."""
    graphs = list(cases())
    header = ["weight", "edges", "rule", "algorithm", *(case.name for case in graphs)]
    rows = []
    for way in WAYS:
        kept = {None: "all", 0: "backbone"}.get(way.per_channel, f"top {way.per_channel}")
        cells = [f"{index:.2f} ({at:.1f})" for index, at in (best_index(way, case) for case in graphs)]
        row = [way.weight, kept, way.rule_name, way.algorithm, *cells]
        rows.append([f"**{cell}**" for cell in row] if way == DEFAULT else row)
        print(*row, sep=" | ", file=sys.stderr, flush=True)
    sizes = [
        [
            case.name,
            f"{case.nodes.height:,}",
            f"{case.edges.height:,}",
            str(case.known["community"].drop_nulls().n_unique()),
        ]
        for case in graphs
    ]
    return [*table(["graph", "channels", "edges", "known communities"], sizes), "", *table(header, rows)]


def other_seeds() -> list[str]:
    """The product's defaults on worlds that no default was chosen with, and with other seeds of the detection."""
    rows = []
    for name, last in {"S": 14, "M": 14, "L": 12}.items():
        indexes = [at_defaults(planted(name, seed)) for seed in range(11, last + 1)]
        rows.append([f"planted {name}, worlds 11 to {last}", *_spread(indexes)])
    for case in published():
        rows.append([f"{case.name}, detection seeds 0 to 9", *_spread([at_defaults(case, s) for s in range(10)])])
    return table(["what", "mean", "smallest", "largest"], rows)


def at_defaults(case: Case, seed: int = SEED) -> float:
    """The index of the product's detection at its defaults."""
    detection = detect_communities(case.nodes, case.edges, seed=seed)
    return agreement(detection.communities, case.known).adjusted_rand_index


def _spread(values: list[float]) -> list[str]:
    return [f"{statistics.mean(values):.2f}", f"{min(values):.2f}", f"{max(values):.2f}"]


def speed() -> list[str]:
    """CPU seconds from the table of edges to a partition, at 10,000 channels and 1,000,000 edges."""
    case = large()
    graph = weighted_graph(case.edges, "shared_viewers")
    ways: dict[str, Callable[[], np.ndarray]] = {
        "louvain (python-louvain)": lambda: _from_edges(case, "louvain"),
        "networkx": lambda: _by_networkx(case, graph),
        "leiden (graspologic-native)": lambda: _from_edges(case, "leiden"),
        "louvain_fast (scikit-network), the default": lambda: _from_edges(case, "louvain_fast"),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    labels: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for turn in range(REPEATS):
        for name, find in ways.items():
            if turn and name == "networkx":
                continue
            started = time.process_time()
            labels[name].append(find())
            taken[name].append(time.process_time() - started)
    reference = statistics.median(taken["louvain (python-louvain)"])
    rows = []
    for name in ways:
        seconds = statistics.median(taken[name])
        same = all(np.array_equal(labels[name][0], other) for other in labels[name])
        quality = modularity(graph, labels[name][0])
        rows.append(
            [name, f"{seconds:.2f}", f"1/{reference / seconds:.1f}", f"{quality:.4f}", "yes" if same else "no"]
        )
    return [
        *table(["plain, resolution 1.0", "CPU-s", "of python-louvain", "modularity", "same at each run"], rows),
        "",
        *table(["the product at its defaults", "CPU-s"], list(_whole_path(case))),
    ]


def _from_edges(case: Case, algorithm: str) -> np.ndarray:
    graph = weighted_graph(case.edges, "shared_viewers")
    return community_detector(algorithm)(graph, resolution=1.0, seed=SEED)


def _by_networkx(case: Case, graph: WeightedGraph) -> np.ndarray:
    network = nx.Graph()
    network.add_weighted_edges_from(case.edges.select("channel_a", "channel_b", "shared_viewers").iter_rows())
    communities = nx.community.louvain_communities(network, seed=SEED)
    label = {channel: number for number, members in enumerate(communities) for channel in members}
    return np.array([label[channel] for channel in graph.channels])


def _whole_path(case: Case) -> Iterator[list[str]]:
    """CPU seconds of what the asset `communities` does, without and with its profile."""
    for name, profiled in (("natural resolution and stability", False), ("the same with the profile", True)):
        seconds = []
        for _ in range(REPEATS):
            started = time.process_time()
            detect_communities(case.nodes, case.edges, profiled=profiled)
            seconds.append(time.process_time() - started)
        yield [name, f"{statistics.median(seconds):.2f}"]


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def main(write_to: Path | None = None) -> str:
    """Run everything; returns the tables as Markdown, and writes them to a file if one is named."""
    versions = ", ".join(f"{library.__name__} {library.__version__}" for library in (np, pl, nx))
    python = platform.python_version()
    text = "\n".join(
        [
            "## Communities: accuracy",
            "",
            "Adjusted Rand index with the known communities, and in brackets the resolution that the rule took.",
            "",
            *accuracy(),
            "",
            *other_seeds(),
            "",
            "## Communities: speed at 10,000 channels, 1,000,000 edges",
            "",
            f"One thread, {platform.machine()}, {os.cpu_count()} cores, Python {python}, {versions}. Medians of "
            f"{REPEATS} interleaved runs (networkx: one).",
            "",
            *speed(),
            "",
        ]
    )
    if write_to is not None:
        write_to.write_text(text)
    return text


if __name__ == "__main__":
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
