"""How well and how fast communities are found: the tables of docs/decisions/communities.md.

Belongs here: worlds with planted communities, the ways that are compared, the tables. Not here: the product's own way
(vieweratlas_assets.domain.communities), other benchmarks.

    python -m benchmarks.communities [file.md]

One process, about five minutes. Published atlases are read from SHARED_DATA (../shared/data) and left out where they
are not there.
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

# One thread: CPU seconds then say what the work costs. The libraries read this when they are loaded.
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
from vieweratlas_assets.sandbox.world import WorldSpec, build_world  # noqa: E402

SEED = 42
GRID = tuple(2 ** (step / 2) for step in range(-2, 8))
SMALLEST_COMMUNITY = 4
HYPERACTIVE = 5
"""Viewers of a planted world who are in 5 to 80 % of all channels, as bots that no list knows."""
MOST_EDGES = 1_000_000
REPEATS = 3


@dataclass(frozen=True)
class Case:
    """A graph whose communities are known.

    Attributes:
        nodes, edges: schemas GRAPH_NODES (channel and viewers suffice) and GRAPH_EDGES.
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
        per_channel: edges of the backbone; None = the whole graph; 0 = by the product's rule.
        rule: from a graph and a detector to a resolution; None = the best of the grid, chosen with the answer known.
    """

    weight: str
    per_channel: int | None
    rule_name: str
    rule: Callable[..., float] | None
    algorithm: str = "louvain_fast"


def planted_audience(
    channels: int, viewers: int, languages: int, games: int, *, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who writes where on a Twitch harder than the sandbox's: channel, viewer; and channel, community, language.

    A community is a language and a game, at least 4 channels. Channels follow a power law, viewers a log-normal one;
    a viewer's pick falls in the home community (70 %, of heavy viewers 45 %), else in its language (18, 27), else
    anywhere.
    """
    draw = np.random.default_rng(seed)
    share = np.outer(np.arange(1, languages + 1) ** -1.1, np.arange(1, games + 1) ** -0.7).ravel()
    spare = draw.choice(share.size, channels - SMALLEST_COMMUNITY * share.size, p=share / share.sum())
    community = np.sort(np.concatenate([np.repeat(np.arange(share.size), SMALLEST_COMMUNITY), spare]))
    appeal = (draw.permutation(channels) + 4.0) ** -0.9
    ends = np.append(0.0, appeal.cumsum())

    def pick(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        point = ends[first] + draw.random(first.size) * (ends[last] - ends[first])
        return np.searchsorted(ends, point, side="right") - 1

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
    """Who writes where in the product's own made-up world, known bots and broadcasters left out."""
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


def joined(name: str, audience: pl.DataFrame, known: pl.DataFrame, *, min_shared: int = 1) -> Case:
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
    return joined(f"planted {size}", audience, known, min_shared=2 if size == "L" else 1)


@cache
def large() -> Case:
    """10,000 channels, 1,000,000 edges."""
    return planted("L", 7)


def published() -> Iterator[Case]:
    """The atlases that others published with their communities, as far as they are there."""
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
        yield joined(f"sandbox {size}", *sandbox_audience(*spec))
    yield planted("S", 7)
    yield planted("M", 7)
    yield large()


def plain(*_: object, **__: object) -> float:
    """Resolution 1.0."""
    return 1.0


def smallest_agreeing(graph: WeightedGraph, detector: Callable[..., np.ndarray], *, seed: int) -> float:
    """The smallest resolution of the grid at which five seeds agree (index >= 0.95), or the largest."""
    agreed = (each for each in GRID if (mean_pairwise_rand_index(runs(graph, detector, each, seed)) or 0) >= 0.95)
    return next(agreed, GRID[-1])


def runs(graph: WeightedGraph, detector: Callable[..., np.ndarray], resolution: float, seed: int) -> list[np.ndarray]:
    """Partitions of five seeds."""
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


def index_of(way: Way, case: Case) -> tuple[float, float]:
    """Adjusted Rand index of what a way finds with what is known, and the resolution that it took."""
    weight = usable_weight(case.edges, way.weight)
    graph, detector = weighted_graph(case.edges, weight), community_detector(way.algorithm)
    if way.per_channel is not None:
        graph = backbone(graph, way.per_channel or backbone_size(len(graph.channels), weight))
    resolutions = [way.rule(graph, detector, seed=SEED)] if way.rule else GRID
    found = [(_index(case, graph, detector(graph, resolution=each, seed=SEED)), each) for each in resolutions]
    return max(found)


def _index(case: Case, graph: WeightedGraph, labels: np.ndarray) -> float:
    found = pl.DataFrame({"channel": graph.channels, "community": labels})
    return agreement(found, case.known).adjusted_rand_index


def accuracy() -> list[str]:
    """The table of ways and graphs."""
    graphs = list(cases())
    header = ["weight", "edges", "rule", "algorithm", *(case.name for case in graphs)]
    rows = []
    for way in WAYS:
        kept = {None: "all", 0: "backbone"}.get(way.per_channel, f"top {way.per_channel}")
        cells = [f"{index:.2f} ({at:.1f})" for index, at in (index_of(way, case) for case in graphs)]
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
    """The product's defaults on worlds that nothing was chosen by, and with other seeds of the detection."""
    rows = []
    for name, last in {"S": 14, "M": 14, "L": 12}.items():
        found = [at_defaults(planted(name, seed)) for seed in range(11, last + 1)]
        rows.append([f"planted {name}, worlds 11 to {last}", *_spread(found)])
    for case in published():
        rows.append([f"{case.name}, detection seeds 0 to 9", *_spread([at_defaults(case, s) for s in range(10)])])
    return table(["what", "mean", "smallest", "largest"], rows)


def at_defaults(case: Case, seed: int = SEED) -> float:
    """The index of the product's own detection."""
    found = detect_communities(case.nodes, case.edges, seed=seed)
    return agreement(found.communities, case.known).adjusted_rand_index


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
    found: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for turn in range(REPEATS):
        for name, find in ways.items():
            if turn and name == "networkx":
                continue
            started = time.process_time()
            found[name].append(find())
            taken[name].append(time.process_time() - started)
    reference = statistics.median(taken["louvain (python-louvain)"])
    rows = []
    for name in ways:
        seconds = statistics.median(taken[name])
        same = all(np.array_equal(found[name][0], other) for other in found[name])
        quality = modularity(graph, found[name][0])
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
    """What the asset `communities` does, in its parts."""
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
    """Run everything; returns the tables as Markdown, and writes them to a file."""
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
