"""Communities of an overlap graph: weights in, numbered communities and their figures out.

Belongs here: the choice of weight, the two modes, numbering, the smallest size. Not here: the algorithms (detectors),
the natural resolution and the backbone (resolution).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy import sparse

from vieweratlas_assets.domain.communities.agreement import agreement, mean_pairwise_rand_index
from vieweratlas_assets.domain.communities.detectors import WeightedGraph, community_detector, modularity
from vieweratlas_assets.domain.communities.refining import kept_partition
from vieweratlas_assets.domain.communities.resolution import (
    ProfileStep,
    backbone,
    backbone_size,
    natural_resolution,
    resolution_profile,
    seeded_runs,
)
from vieweratlas_assets.domain.overlap.measures import usable_weight
from vieweratlas_assets.domain.schemas import COMMUNITIES

ResolutionMode = Literal["natural", "absolute"]
RESOLUTION_MODES: tuple[ResolutionMode, ...] = ("natural", "absolute")


@dataclass(frozen=True)
class Detection:
    """Communities and what is known about them.

    Attributes:
        communities: schema COMMUNITIES, every node of the graph; null = unclustered.
        sizes: channels of each community, largest first.
        unclustered: channels in no community: without an edge, or in one below the smallest size.
        modularity: of the partition as detected, at resolution 1, over the edges that were used; None without edges.
        stability: mean pairwise adjusted Rand index over five seeds; None for a graph without edges.
        weight: the measure that was used.
        edges_left_out: edges whose weight is null, not above 0, or no finite number.
        edges_used: edges that the detector saw: in natural mode those of the backbone.
        resolution: that the detector was given, absolute.
        natural_resolution: that `resolution` is a multiple of; None in absolute mode.
        edges_per_channel: strongest edges that each channel kept in the backbone; None in absolute mode.
        profile: what other resolutions find; empty in absolute mode and for a graph without edges.
        goes_on: whether the communities are those of an earlier day, gone on with; None without an earlier day.
    """

    communities: pl.DataFrame
    sizes: tuple[int, ...]
    unclustered: int
    modularity: float | None
    stability: float | None
    weight: str
    edges_left_out: int
    edges_used: int
    resolution: float
    natural_resolution: float | None = None
    edges_per_channel: int | None = None
    profile: tuple[ProfileStep, ...] = ()
    goes_on: bool | None = None


def detect_communities(
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    *,
    algorithm: str = "louvain_fast",
    weight: str = "overlap_z",
    resolution: float = 1.0,
    resolution_mode: ResolutionMode = "natural",
    min_community_size: int = 2,
    seed: int = 42,
    profiled: bool = False,
    earlier: pl.DataFrame | None = None,
) -> Detection:
    """Find the communities of an overlap graph.

    Args:
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES.
        algorithm: a registered detector.
        weight: one of MEASURES. Where a graph does not have it, as imported ones may, or has it on no edge above 0,
            the first that it has is used.
        resolution: higher is finer; > 0.
        resolution_mode: "natural": the detector sees each channel's strongest edges (`backbone`), and `resolution`
            is a multiple of the resolution natural to them (`natural_resolution`). "absolute": it sees the whole
            graph, and `resolution` is its gamma; 1.0 is plain modularity.
        min_community_size: smaller communities are marked unclustered.
        seed: of the detection; stability uses it and the four that follow.
        profiled: find out in natural mode what other resolutions would find too; 45 more runs of the detector.
        earlier: schema COMMUNITIES, of an earlier day: the communities go on from these, unless new ones are better.

    Raises:
        ValueError: unknown algorithm, weight or mode, or resolution <= 0.
    """
    if not resolution > 0:
        raise ValueError(f"resolution is {resolution}; it must be above 0")
    if resolution_mode not in RESOLUTION_MODES:
        raise ValueError(f"unknown resolution_mode {resolution_mode!r}; known are {', '.join(RESOLUTION_MODES)}")
    detector = community_detector(algorithm)
    used, whole = _weighed(edges, weight)
    natural, per_channel, graph = None, None, whole
    profile: tuple[ProfileStep, ...] = ()
    if resolution_mode == "natural":
        per_channel = backbone_size(len(whole.channels), used)
        graph = backbone(whole, per_channel)
        natural = natural_resolution(graph, detector, seed=seed)
        profile = resolution_profile(graph, detector, natural, seed=seed) if profiled else ()
    gamma = resolution * (natural or 1.0)
    runs = seeded_runs(graph, detector, gamma, seed=seed)
    labels = runs[0] if runs else np.array([], dtype=np.int64)
    kept = None
    if earlier is not None and runs:
        known = dict(earlier.drop_nulls("community").select("channel", "community").iter_rows())
        kept = kept_partition(graph, labels, known, resolution=gamma)
        labels = labels if kept is None else kept
    communities, sizes = _numbered(nodes, graph, labels, min_community_size)
    return Detection(
        communities=communities,
        sizes=sizes,
        unclustered=communities["community"].null_count(),
        modularity=modularity(graph, labels),
        stability=mean_pairwise_rand_index(runs),
        weight=used,
        edges_left_out=edges.height - whole.matrix.nnz // 2,
        edges_used=graph.matrix.nnz // 2,
        resolution=gamma,
        natural_resolution=natural,
        edges_per_channel=per_channel,
        profile=profile,
        goes_on=None if earlier is None else kept is not None,
    )


def _weighed(edges: pl.DataFrame, weight: str) -> tuple[str, WeightedGraph]:
    """The graph by the wanted measure, or by the first that its edges have; which one it is comes first."""
    wanted = usable_weight(edges, weight)
    graph = weighted_graph(edges, wanted)
    # In a small graph no overlap may exceed chance; the counts are then all there is to go by.
    other = usable_weight(edges)
    return (wanted, graph) if graph.channels or other == wanted else (other, weighted_graph(edges, other))


def weighted_graph(edges: pl.DataFrame, weight: str) -> WeightedGraph:
    """The graph of the edges whose weight is a number above 0; channels without such an edge are not in it."""
    usable = pl.col("weight").is_finite() & (pl.col("weight") > 0)
    kept = edges.select("channel_a", "channel_b", pl.col(weight).alias("weight")).filter(usable)
    channels = pl.concat([kept["channel_a"], kept["channel_b"]]).unique().sort()
    coded = kept.select(
        pl.col("channel_a", "channel_b").cast(pl.Enum(channels)).to_physical(),
        pl.col("weight").cast(pl.Float64),
    )
    indices = (coded["channel_a"].to_numpy(), coded["channel_b"].to_numpy())
    upper = sparse.coo_array((coded["weight"].to_numpy(), indices), shape=(channels.len(), channels.len()))
    matrix = (upper + upper.T).tocsr()
    matrix.sort_indices()
    return WeightedGraph(tuple(channels), matrix)


def _numbered(
    nodes: pl.DataFrame, graph: WeightedGraph, labels: np.ndarray, min_size: int
) -> tuple[pl.DataFrame, tuple[int, ...]]:
    """Number communities by size, then by their first channel, so that the numbers do not hang on the algorithm."""
    detected = pl.DataFrame(
        {"channel": graph.channels, "found": labels}, schema={"channel": pl.String, "found": pl.Int64}
    )
    ranked = (
        detected.group_by("found")
        .agg(pl.len().alias("size"), pl.col("channel").min().alias("first"))
        .filter(pl.col("size") >= min_size)
        .sort(["size", "first"], descending=[True, False])
        .with_row_index("community")
    )
    communities = (
        nodes.select("channel")
        .join(detected, on="channel", how="left")
        .join(ranked.select("found", "community"), on="found", how="left")
    )
    return COMMUNITIES.conform(communities), tuple(ranked["size"].to_list())


def compare_resolutions(
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    algorithms: Iterable[str],
    resolutions: Iterable[float],
    weight: str = "overlap_z",
    natural: bool = True,
    seed: int = 42,
) -> Iterable[dict[str, str | float | int | None]]:
    """Detect with each algorithm and resolution, and compare with communities that are known.

    Args:
        reference: columns channel and community.
        resolutions: absolute ones, of the whole graph.
        natural: begin with the natural resolution.

    Yields:
        algorithm, resolution (or "natural" and what it came to), communities, modularity, stability,
        adjusted_rand_index, normalized_mutual_information, channels (compared), one dictionary a trial.
    """
    steps: list[tuple[ResolutionMode, float]] = [("absolute", each) for each in resolutions]
    if natural:
        steps.insert(0, ("natural", 1.0))
    for algorithm in algorithms:
        for mode, resolution in steps:
            found = detect_communities(
                nodes,
                edges,
                algorithm=algorithm,
                weight=weight,
                resolution=resolution,
                resolution_mode=mode,
                seed=seed,
            )
            same = agreement(found.communities, reference)
            yield {
                "algorithm": algorithm,
                "resolution": f"natural {found.resolution:.2f}" if mode == "natural" else resolution,
                "communities": len(found.sizes),
                "modularity": found.modularity,
                "stability": found.stability,
                "adjusted_rand_index": same.adjusted_rand_index,
                "normalized_mutual_information": same.normalized_mutual_information,
                "channels": same.channels,
            }
