"""Another atlas's overlap: its edge list, and its nodes where it has them, as an overlap graph.

Belongs here: reading the two CSV shapes, folding names, keeping account. Not here: measures (domain.overlap),
where the graph is written (commands).
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from vieweratlas_assets.domain.overlap.graph import OverlapGraph
from vieweratlas_assets.domain.overlap.measures import with_measures
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES, REFERENCE_COMMUNITIES, Table
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.tabular import TableError, read_rows

EDGE_COLUMNS = {"source": ("source",), "target": ("target",), "weight": ("weight",)}
NODE_COLUMNS = {
    "channel": ("channel", "id"),
    "viewers": ("size", "count", "viewers"),
    "community": ("community",),
    "x": ("x",),
    "y": ("y",),
}
WEIGHTS = ("shared_viewers", "overlap_coefficient")
# Beyond it a float no longer holds every whole number; Twitch has far fewer viewers.
LARGEST_COUNT = 2**53


@dataclass(frozen=True)
class ImportedAtlas:
    """Another atlas as ours.

    Attributes:
        graph: channels that stand only in the edge list have null viewers; measures that were not given, or that
            need viewers that are not known, are null.
        reference: schema REFERENCE_COMMUNITIES; no rows where no community or position was published.
        report: what was folded, merged, dropped and rejected.
    """

    graph: OverlapGraph
    reference: pl.DataFrame
    report: ImportReport


def read_atlas(
    edges: Path,
    nodes: Path | None,
    *,
    weight: str = "shared_viewers",
    overlap_threshold: int = 1,
    min_channel_viewers: int = 0,
) -> ImportedAtlas:
    """Read another atlas.

    Args:
        edges: CSV with source, target, weight (any case).
        nodes: CSV with ID, Label, Count or with channel, community, size, x, y; what else it has is ignored.
        weight: what the weights are: "shared_viewers" (whole numbers >= 1) or "overlap_coefficient" (0 to 1).
        overlap_threshold: pairs that share fewer viewers are left out; only for shared_viewers.
        min_channel_viewers: channels known to have fewer viewers are left out; others stay.

    Raises:
        TableError: a file cannot be used at all, or none of its edges.
        ValueError: unknown weight.
    """
    if weight not in WEIGHTS:
        raise ValueError(f"unknown weight {weight!r}; an atlas can be imported by {' or '.join(WEIGHTS)}")
    report = ImportReport()
    listed = _fold_edges(_edge_rows(edges, weight, report), weight, report)
    if listed.is_empty():
        first = f", first {report.rejections[0]}" if report.rejections else ""
        raise TableError(f"{edges}: no row is an edge between two channels; {len(report.rejections)} rejected{first}")
    known, reference = _read_nodes(nodes, report)
    ends = pl.concat([listed["channel_a"], listed["channel_b"]]).unique().alias("channel").to_frame()
    every = known.join(ends, on="channel", how="full", coalesce=True)
    kept = every.filter(pl.col("viewers").is_null() | (pl.col("viewers") >= min_channel_viewers))
    joined = listed.join(kept, left_on="channel_a", right_on="channel", how="semi").join(
        kept, left_on="channel_b", right_on="channel", how="semi"
    )
    if weight == "shared_viewers":
        joined = joined.filter(pl.col("shared_viewers") >= overlap_threshold)
    report.counts["channels below min_channel_viewers"] = every.height - kept.height
    report.counts["edges below the thresholds"] = listed.height - joined.height
    graph = OverlapGraph(_nodes(kept), _edges(joined, kept, weight, report), every.height - kept.height, None)
    report.counts["channels"] = graph.nodes.height
    report.counts["channels without known viewers"] = graph.nodes["viewers"].null_count()
    report.counts["edges"] = graph.edges.height
    return ImportedAtlas(graph, reference, report)


def without_opted_out(imported: ImportedAtlas, names: ViewerNames) -> ImportedAtlas:
    """The atlas without the channels that opted out, their edges, communities and positions."""
    nodes, edges = names.without_opted_out(imported.graph.nodes), imported.graph.edges
    kept = nodes.select("channel")
    edges = edges.join(kept, left_on="channel_a", right_on="channel", how="semi", maintain_order="left")
    edges = edges.join(kept, left_on="channel_b", right_on="channel", how="semi", maintain_order="left")
    if gone := imported.graph.nodes.height - nodes.height:
        imported.report.counts["channels that opted out"] = gone
    graph = replace(imported.graph, nodes=nodes, edges=edges)
    return replace(imported, graph=graph, reference=names.without_opted_out(imported.reference))


def tables_of(imported: ImportedAtlas) -> dict[Table, pl.DataFrame]:
    """The tables of an imported partition: nodes, edges and, where anything was published, the reference."""
    tables = {GRAPH_NODES: imported.graph.nodes, GRAPH_EDGES: imported.graph.edges}
    return tables | {REFERENCE_COMMUNITIES: imported.reference} if imported.reference.height else tables


def _edge_rows(path: Path, weight: str, report: ImportReport) -> pl.DataFrame:
    rows = []
    spellings: set[str] = set()
    for line, row in read_rows(path, EDGE_COLUMNS, ("source", "target", "weight")):
        report.counts["edge rows read"] += 1
        value = _number(row["weight"])
        if not row["source"] or not row["target"]:
            report.reject(path.name, "source or target is empty", row=line)
        elif value is None or _impossible(value, weight):
            allowed = "a whole number >= 1" if weight == "shared_viewers" else "a number above 0, at most 1"
            report.reject(path.name, f"weight is {row['weight']!r}; {weight} must be {allowed}", row=line)
        else:
            spellings |= {row["source"], row["target"]}
            rows.append((row["source"].lower(), row["target"].lower(), value))
    report.counts["spellings of logins in the edges"] = len(spellings)
    report.counts["logins in the edges"] = len({name.lower() for name in spellings})
    return pl.DataFrame(rows, schema={"source": pl.String, "target": pl.String, weight: pl.Float64}, orient="row")


def _fold_edges(rows: pl.DataFrame, weight: str, report: ImportReport) -> pl.DataFrame:
    """Order the ends of each edge; keep the larger weight of duplicates, drop pairs of a channel with itself."""
    others = rows.filter(pl.col("source") != pl.col("target"))
    merged = (
        others.select(
            pl.min_horizontal("source", "target").alias("channel_a"),
            pl.max_horizontal("source", "target").alias("channel_b"),
            weight,
        )
        .group_by("channel_a", "channel_b")
        .agg(pl.col(weight).max())
    )
    report.counts["pairs of a channel with itself dropped"] = rows.height - others.height
    report.counts["duplicate edges merged, larger weight kept"] = others.height - merged.height
    return merged


def _read_nodes(path: Path | None, report: ImportReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Viewers by channel, and what the atlas published about it; of two spellings the one with more viewers."""
    schema = {"channel": pl.String, "viewers": pl.Int64, "community": pl.String, "x": pl.Float64, "y": pl.Float64}
    rows = []
    name = path.name if path else ""
    for line, row in read_rows(path, NODE_COLUMNS, ("channel",)) if path else ():
        report.counts["node rows read"] += 1
        viewers = _number(row.get("viewers", ""))
        if not row["channel"]:
            report.reject(name, "the channel is empty", row=line)
        elif row.get("viewers") and (viewers is None or not _is_count(viewers)):
            report.reject(name, f"viewers is {row['viewers']!r}, not a whole number", row=line)
        else:
            place = (_number(row.get("x", "")), _number(row.get("y", "")))
            counted = None if viewers is None else int(viewers)
            rows.append((row["channel"].lower(), counted, row.get("community") or None, *place))
    read = pl.DataFrame(rows, schema=schema, orient="row")
    distinct = read.sort(
        ["channel", "viewers", "community"], descending=[False, True, False], nulls_last=True
    ).unique("channel", keep="first", maintain_order=True)
    report.counts["duplicate channels merged, larger size kept"] = read.height - distinct.height
    told = ~pl.all_horizontal(pl.col("community", "x", "y").is_null())
    return distinct.select("channel", "viewers"), distinct.filter(told).select(REFERENCE_COMMUNITIES.schema.names())


def _nodes(channels: pl.DataFrame) -> pl.DataFrame:
    unknown = [
        pl.lit(None, dtype=GRAPH_NODES.schema[name]).alias(name)
        for name in ("viewer_minutes", "game_name", "language")
    ]
    return GRAPH_NODES.conform(channels.with_columns(unknown))


def _edges(listed: pl.DataFrame, channels: pl.DataFrame, weight: str, report: ImportReport) -> pl.DataFrame:
    if weight == "overlap_coefficient":
        unknown = [
            pl.lit(None, dtype=GRAPH_EDGES.schema[name]).alias(name)
            for name in ("shared_viewers", "jaccard", "overlap_z")
        ]
        return GRAPH_EDGES.conform(listed.with_columns(unknown))
    measured = with_measures(
        listed.with_columns(pl.col("shared_viewers").cast(pl.Int64)), channels, total_viewers=None
    )
    # The atlas counted its edges and its sizes apart: a share above 1 says that they do not fit together.
    fits = pl.col("overlap_coefficient") <= 1
    report.counts["edges with more shared viewers than a channel has"] = measured.filter(~fits).height
    return measured.with_columns(pl.when(fits).then(pl.col("jaccard", "overlap_coefficient")).name.keep())


def _number(text: str) -> float | None:
    try:
        # Python reads 1_000 as a number; a table that says so means something else.
        value = float(text.replace("_", " "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _impossible(value: float, weight: str) -> bool:
    if weight == "shared_viewers":
        return value < 1 or not _is_count(value)
    return not 0 < value <= 1


def _is_count(value: float) -> bool:
    return 0 <= value <= LARGEST_COUNT and value.is_integer()
