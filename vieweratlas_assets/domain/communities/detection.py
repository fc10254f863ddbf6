"""Communities of an overlap graph: weights in, numbered communities and their figures out.

Belongs here: the choice of weight, numbering, the smallest size, stability. Not here: the algorithms (detectors).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from vieweratlas_assets.domain.communities.agreement import agreement, mean_pairwise_rand_index
from vieweratlas_assets.domain.communities.detectors import WeightedGraph, community_detector, modularity
from vieweratlas_assets.domain.overlap.measures import usable_weight
from vieweratlas_assets.domain.schemas import COMMUNITIES

STABILITY_SEEDS = 5


@dataclass(frozen=True)
class Detection:
    """Communities and what is known about them.

    Attributes:
        communities: schema COMMUNITIES, every node of the graph; null = unclustered.
        sizes: channels of each community, largest first.
        unclustered: channels in no community: without an edge, or in one below the smallest size.
        modularity: of the partition as detected, at resolution 1; None for a graph without edges.
        stability: mean pairwise adjusted Rand index over five seeds; None for a graph without edges.
        weight: the measure that was used.
        edges_left_out: edges whose weight is null, not above 0, or no finite number.
    """

    communities: pl.DataFrame
    sizes: tuple[int, ...]
    unclustered: int
    modularity: float | None
    stability: float | None
    weight: str
    edges_left_out: int


def detect_communities(
    nodes: pl.DataFrame,
    edges: pl.DataFrame,
    *,
    algorithm: str = "leiden",
    weight: str = "shared_viewers",
    resolution: float = 1.0,
    min_community_size: int = 2,
    seed: int = 42,
) -> Detection:
    """Find the communities of an overlap graph.

    Args:
        nodes: schema GRAPH_NODES.
        edges: schema GRAPH_EDGES.
        algorithm: a registered detector.
        weight: one of MEASURES. Where an imported graph does not have it, the first that it has is used.
        resolution: higher is finer; > 0.
        min_community_size: smaller communities are marked unclustered.
        seed: of the detection; stability uses it and the four that follow.

    Raises:
        ValueError: unknown algorithm or weight, or resolution <= 0.
    """
    if not resolution > 0:
        raise ValueError(f"resolution is {resolution}; it must be above 0")
    used = usable_weight(edges, weight)
    detector = community_detector(algorithm)
    graph = weighted_graph(edges, used)
    runs = [
        detector(graph, resolution=resolution, seed=seed + step) for step in range(STABILITY_SEEDS) if graph.channels
    ]
    labels = runs[0] if runs else np.array([], dtype=np.int64)
    communities, sizes = _numbered(nodes, graph, labels, min_community_size)
    return Detection(
        communities=communities,
        sizes=sizes,
        unclustered=communities["community"].null_count(),
        modularity=modularity(graph, labels),
        stability=mean_pairwise_rand_index(runs),
        weight=used,
        edges_left_out=edges.height - graph.matrix.nnz // 2,
    )


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
    weight: str = "shared_viewers",
    seed: int = 42,
) -> Iterable[dict[str, str | float | int | None]]:
    """Detect with each algorithm and resolution, and compare with communities that are known.

    Args:
        reference: columns channel and community.

    Yields:
        algorithm, resolution, communities, modularity, stability, adjusted_rand_index, normalised_mutual_information,
        channels (compared), one dictionary a trial.
    """
    steps = list(resolutions)
    for algorithm in algorithms:
        for resolution in steps:
            found = detect_communities(
                nodes, edges, algorithm=algorithm, weight=weight, resolution=resolution, seed=seed
            )
            same = agreement(found.communities, reference)
            yield {
                "algorithm": algorithm,
                "resolution": resolution,
                "communities": len(found.sizes),
                "modularity": found.modularity,
                "stability": found.stability,
                "adjusted_rand_index": same.adjusted_rand_index,
                "normalised_mutual_information": same.normalised_mutual_information,
                "channels": same.channels,
            }
