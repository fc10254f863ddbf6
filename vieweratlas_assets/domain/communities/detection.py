"""Detecting the communities of an overlap graph: numbered communities and figures from weighted edges.

Belongs here: choosing the weight, the two resolution modes, numbering, the minimum size. Not here: the algorithms
(detectors), the natural resolution and the backbone (resolution), continuing earlier communities (refining).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy import sparse

from vieweratlas_assets.domain.communities.agreement import agreement, mean_pairwise_rand_index
from vieweratlas_assets.domain.communities.detectors import (
    CommunityDetector,
    WeightedGraph,
    community_detector,
    modularity,
)
from vieweratlas_assets.domain.communities.refining import continued_partition
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
    """The communities of a graph, and figures of their detection.

    Attributes:
        communities: schema COMMUNITIES, with every node of the graph; null = unclustered.
        sizes: number of channels per community, largest first.
        unclustered: number of channels without an edge, or in a community below the minimum size.
        modularity: of the partition as detected, at resolution 1, over the edges used; None without edges.
        stability: mean pairwise adjusted Rand index over five seeds; None for a graph without edges.
        weight: the measure used as edge weight.
        edges_left_out: number of edges whose weight is null, not above 0 or not finite.
        edges_used: number of edges that the detector saw; in natural mode, those of the backbone.
        resolution: the absolute resolution that the detector used.
        natural_resolution: `resolution` is a multiple of it; None in absolute mode.
        edges_per_channel: number of strongest edges that each channel keeps in the backbone; None in absolute mode.
        profile: results at other resolutions; empty in absolute mode, without edges, or if not `profiled`.
        continues_earlier: whether the communities continue those of the earlier day; None without an earlier day.
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
    continues_earlier: bool | None = None


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
    """Detect the communities of an overlap graph.

    Args:
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES.
        algorithm: name of a registered detector.
        weight: one of MEASURES. If the graph lacks it, as imported graphs may, or has no edge with a value above 0,
            the first available measure is used.
        resolution: higher is finer; > 0.
        resolution_mode: "natural": the detector sees each channel's strongest edges (`backbone`), and `resolution`
            is a multiple of the natural resolution of the backbone (`natural_resolution`). "absolute": the detector
            sees the whole graph, and `resolution` is its gamma; 1.0 is plain modularity.
        min_community_size: channels of smaller communities become unclustered.
        seed: seed of the detection; stability uses it and the next four.
        profiled: in natural mode, also compute results at other resolutions; 45 more runs of the detector.
        earlier: schema COMMUNITIES, of an earlier day: the result continues them unless new communities are better.

    Raises:
        ValueError: unknown algorithm, weight or mode, or resolution <= 0.
    """
    if not resolution > 0:
        raise ValueError(f"resolution is {resolution}; it must be above 0")
    if resolution_mode not in RESOLUTION_MODES:
        raise ValueError(f"unknown resolution_mode {resolution_mode!r}; known are {', '.join(RESOLUTION_MODES)}")
    detector = community_detector(algorithm)
    used, whole = _choose_weight(edges, weight)
    seen = _SeenGraph(whole)
    if resolution_mode == "natural":
        seen = _natural(whole, backbone_size(len(whole.channels), used), detector, seed=seed, profiled=profiled)
    graph, gamma = seen.graph, resolution * (seen.natural or 1.0)
    runs = seeded_runs(graph, detector, gamma, seed=seed)
    labels = runs[0] if runs else np.array([], dtype=np.int64)
    kept = None
    if earlier is not None and runs:
        known = dict(earlier.drop_nulls("community").select("channel", "community").iter_rows())
        kept = continued_partition(graph, labels, known, resolution=gamma)
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
        natural_resolution=seen.natural,
        edges_per_channel=seen.edges_per_channel,
        profile=seen.profile,
        continues_earlier=None if earlier is None else kept is not None,
    )


@dataclass(frozen=True)
class _SeenGraph:
    """The graph that the detector sees, and what a natural resolution says of it; fields as in Detection."""

    graph: WeightedGraph
    natural: float | None = None
    edges_per_channel: int | None = None
    profile: tuple[ProfileStep, ...] = ()


def _natural(
    whole: WeightedGraph, per_channel: int, detector: CommunityDetector, *, seed: int, profiled: bool
) -> _SeenGraph:
    """The backbone of a graph, with its natural resolution."""
    graph = backbone(whole, per_channel)
    natural = natural_resolution(graph, detector, seed=seed)
    profile = resolution_profile(graph, detector, natural, seed=seed) if profiled else ()
    return _SeenGraph(graph, natural, per_channel, profile)


def _choose_weight(edges: pl.DataFrame, weight: str) -> tuple[str, WeightedGraph]:
    """The name of the measure to use, and the graph with it as weight."""
    wanted = usable_weight(edges, weight)
    graph = weighted_graph(edges, wanted)
    # In a small graph, no overlap may exceed chance; then the counts are the only usable measure.
    other = usable_weight(edges)
    return (wanted, graph) if graph.channels or other == wanted else (other, weighted_graph(edges, other))


def weighted_graph(edges: pl.DataFrame, weight: str) -> WeightedGraph:
    """The graph of the edges whose weight is finite and above 0, without channels that have no such edge."""
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
    """Number communities by size, then by first channel, so that numbers do not depend on the algorithm's labels."""
    detected = pl.DataFrame(
        {"channel": graph.channels, "group": labels}, schema={"channel": pl.String, "group": pl.Int64}
    )
    ranked = (
        detected.group_by("group")
        .agg(pl.len().alias("size"), pl.col("channel").min().alias("first"))
        .filter(pl.col("size") >= min_size)
        .sort(["size", "first"], descending=[True, False])
        .with_row_index("community")
    )
    communities = (
        nodes.select("channel")
        .join(detected, on="channel", how="left")
        .join(ranked.select("group", "community"), on="group", how="left")
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
    """Detect communities with each algorithm and resolution, and compare them with known communities.

    Args:
        reference: columns channel and community.
        resolutions: absolute resolutions, for the whole graph.
        natural: start with the natural resolution.

    Yields:
        One dictionary per trial: algorithm, resolution (for the natural one, "natural" and its value), communities,
        modularity, stability, adjusted_rand_index, normalized_mutual_information, channels (number compared).
    """
    trials: list[tuple[ResolutionMode, float]] = [("absolute", resolution) for resolution in resolutions]
    if natural:
        trials.insert(0, ("natural", 1.0))
    for algorithm in algorithms:
        for mode, resolution in trials:
            detection = detect_communities(
                nodes,
                edges,
                algorithm=algorithm,
                weight=weight,
                resolution=resolution,
                resolution_mode=mode,
                seed=seed,
            )
            comparison = agreement(detection.communities, reference)
            yield {
                "algorithm": algorithm,
                "resolution": f"natural {detection.resolution:.2f}" if mode == "natural" else resolution,
                "communities": len(detection.sizes),
                "modularity": detection.modularity,
                "stability": detection.stability,
                "adjusted_rand_index": comparison.adjusted_rand_index,
                "normalized_mutual_information": comparison.normalized_mutual_information,
                "channels": comparison.channels,
            }
