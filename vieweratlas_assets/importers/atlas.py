"""Another atlas as an overlap graph: its edges, and its nodes if it published them.

Belongs here: the steps that all formats share (folding names, merging duplicates, thresholds, counts), and the edge
and node lists in CSV. Not here: other formats (gexf, percentages), measures (domain.overlap), writing the graph
(commands.import_atlas).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from vieweratlas_assets.domain.overlap.graph import OverlapGraph
from vieweratlas_assets.domain.overlap.measures import MEASURES, with_measures
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES, REFERENCE_COMMUNITIES
from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.importers.tabular import TableError, read_rows

EDGE_COLUMNS = {"source": ("source",), "target": ("target",), "weight": ("weight",)}
NODE_COLUMNS = {
    "channel": ("channel", "id"),
    "display_name": ("label",),
    "viewers": ("size", "count", "viewers"),
    "community": ("community",),
    "x": ("x",),
    "y": ("y",),
}
# The measures that an edge's weight can be, and the allowed values of each.
ALLOWED = {"shared_viewers": "a whole number >= 1", "overlap_coefficient": "a number above 0, at most 1"}
WEIGHTS = tuple(ALLOWED)
# What a reader of any format returns: logins in lowercase, null for unknown values.
EDGE_ROWS = pl.Schema([("source", pl.String), ("target", pl.String), *((name, pl.Float64) for name in MEASURES)])
NODE_ROWS = pl.Schema({**GRAPH_NODES.schema, "community": pl.String(), "x": pl.Float64(), "y": pl.Float64()})
# Above it a float no longer holds every whole number; Twitch has far fewer viewers.
LARGEST_COUNT = 2**53


@dataclass(frozen=True)
class ImportedAtlas:
    """Another atlas in our tables.

    Attributes:
        graph: channels that occur only in the edge list have null viewers; measures that were not given, or that
            need unknown viewers, are null.
        reference: schema REFERENCE_COMMUNITIES; empty if no community or position was published.
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
        nodes: CSV with ID, Label, Count or with channel, community, size, x, y; other columns are ignored.
        weight: the measure in the weight column: "shared_viewers" (whole numbers >= 1) or "overlap_coefficient"
            (above 0, at most 1).
        overlap_threshold: pairs that share fewer viewers are left out; applies to shared_viewers only.
        min_channel_viewers: channels with fewer known viewers are left out; channels with unknown viewers stay.

    Raises:
        TableError: a whole file cannot be used, or no row is an edge.
        ValueError: unknown weight.
    """
    check_weight(weight)
    report = ImportReport()
    return assemble(
        _edge_rows(edges, weight, report),
        _node_rows(nodes, report),
        report,
        source=edges,
        weight=weight,
        overlap_threshold=overlap_threshold,
        min_channel_viewers=min_channel_viewers,
    )


def check_weight(weight: str) -> None:
    """Refuse an unknown weight.

    Raises:
        ValueError: it is not in WEIGHTS.
    """
    if weight not in WEIGHTS:
        raise ValueError(f"unknown weight {weight!r}; allowed: {' or '.join(WEIGHTS)}")


def assemble(
    edges: pl.DataFrame,
    nodes: pl.DataFrame,
    report: ImportReport,
    *,
    source: Path,
    weight: str,
    overlap_threshold: int,
    min_channel_viewers: int,
) -> ImportedAtlas:
    """Build an atlas from the rows of a reader of any format.

    Args:
        edges: schema EDGE_ROWS; the measure that `weight` names is set in every row.
        nodes: schema NODE_ROWS.
        report: the reader's report; counts are added to it.
        source: the file that messages name.
        weight, overlap_threshold, min_channel_viewers: as in `read_atlas`.

    Raises:
        TableError: no row is an edge between two channels.
    """
    listed = _fold_edges(edges, weight, report)
    if listed.is_empty():
        first = f", first {report.rejections[0]}" if report.rejections else ""
        raise TableError(
            f"{source}: no row is an edge between two channels; {len(report.rejections)} rejected{first}"
        )
    known = _distinct(nodes, report)
    known = known.with_columns(pl.when(pl.col("display_name") != pl.col("channel")).then("display_name"))
    is_published = ~pl.all_horizontal(pl.col("community", "x", "y").is_null())
    reference = known.filter(is_published).select(REFERENCE_COMMUNITIES.schema.names())
    ends = pl.concat([listed["channel_a"], listed["channel_b"]]).unique().alias("channel").to_frame()
    channels = known.join(ends, on="channel", how="full", coalesce=True)
    kept = channels.filter(pl.col("viewers").is_null() | (pl.col("viewers") >= min_channel_viewers))
    joined = listed.join(kept, left_on="channel_a", right_on="channel", how="semi").join(
        kept, left_on="channel_b", right_on="channel", how="semi"
    )
    if weight == "shared_viewers":
        joined = joined.filter(pl.col("shared_viewers") >= overlap_threshold)
    below_minimum = channels.height - kept.height
    report.counts["channels below min_channel_viewers"] = below_minimum
    report.counts["edges below the thresholds"] = listed.height - joined.height
    graph = OverlapGraph(GRAPH_NODES.conform(kept), _graph_edges(joined, kept, report), below_minimum, None)
    report.counts["channels"] = graph.nodes.height
    report.counts["channels without known viewers"] = graph.nodes["viewers"].null_count()
    report.counts["edges"] = graph.edges.height
    return ImportedAtlas(graph, reference, report)


def without_opted_out(imported: ImportedAtlas, names: ViewerNames) -> ImportedAtlas:
    """Remove the channels that opted out, with their edges, communities and positions."""
    nodes, edges = names.without_opted_out(imported.graph.nodes), imported.graph.edges
    kept = nodes.select("channel")
    edges = edges.join(kept, left_on="channel_a", right_on="channel", how="semi", maintain_order="left")
    edges = edges.join(kept, left_on="channel_b", right_on="channel", how="semi", maintain_order="left")
    if opted_out := imported.graph.nodes.height - nodes.height:
        imported.report.counts["channels that opted out"] = opted_out
    graph = replace(imported.graph, nodes=nodes, edges=edges)
    return replace(imported, graph=graph, reference=names.without_opted_out(imported.reference))


def tables_of(imported: ImportedAtlas) -> dict[Table, pl.DataFrame]:
    """Return the tables of an imported partition: nodes, edges and, if it has rows, the reference."""
    tables = {GRAPH_NODES: imported.graph.nodes, GRAPH_EDGES: imported.graph.edges}
    return tables | {REFERENCE_COMMUNITIES: imported.reference} if imported.reference.height else tables


def _edge_rows(path: Path, weight: str, report: ImportReport) -> pl.DataFrame:
    rows = []
    for line, row in read_rows(path, EDGE_COLUMNS, ("source", "target", "weight")):
        report.counts["edge rows read"] += 1
        value = number(row["weight"])
        if not row["source"] or not row["target"]:
            report.reject(path.name, "source or target is empty", row=line)
        elif value is None or is_impossible(value, weight):
            report.reject(path.name, f"weight is {row['weight']!r}; {weight} must be {ALLOWED[weight]}", row=line)
        else:
            rows.append((row["source"], row["target"], value))
    return edge_rows(rows, weight, report)


def edge_rows(rows: Iterable[tuple[str, str, float]], weight: str, report: ImportReport) -> pl.DataFrame:
    """Build EDGE_ROWS from (login, login, measure) rows: logins in any spelling, one known measure."""
    listed = pl.DataFrame(rows, schema={"source": pl.String, "target": pl.String, weight: pl.Float64}, orient="row")
    return fold_names(listed, report)


def fold_names(rows: pl.DataFrame, report: ImportReport) -> pl.DataFrame:
    """Fold source and target to lowercase, count their spellings, and add missing measures as null."""
    names = pl.concat([rows["source"], rows["target"]])
    report.counts["spellings of logins in the edges"] = names.n_unique()
    report.counts["logins in the edges"] = names.str.to_lowercase().n_unique()
    missing = [pl.lit(None, dtype=pl.Float64).alias(name) for name in MEASURES if name not in rows.columns]
    return rows.with_columns(pl.col("source", "target").str.to_lowercase(), *missing).select(EDGE_ROWS.names())


def _fold_edges(rows: pl.DataFrame, weight: str, report: ImportReport) -> pl.DataFrame:
    """Order the ends of each edge, keep the larger weight of duplicates, and drop pairs of a channel with itself."""
    others = rows.filter(pl.col("source") != pl.col("target"))
    merged = (
        others.select(
            pl.min_horizontal("source", "target").alias("channel_a"),
            pl.max_horizontal("source", "target").alias("channel_b"),
            *MEASURES,
        )
        .sort("channel_a", "channel_b", weight, *MEASURES, descending=[False, False, *[True] * (1 + len(MEASURES))])
        .unique(["channel_a", "channel_b"], keep="first", maintain_order=True)
    )
    report.counts["pairs of a channel with itself dropped"] = rows.height - others.height
    report.counts["duplicate edges merged, larger weight kept"] = others.height - merged.height
    return merged


def _node_rows(path: Path | None, report: ImportReport) -> pl.DataFrame:
    rows = []
    name = path.name if path else ""
    for line, row in read_rows(path, NODE_COLUMNS, ("channel",)) if path else ():
        report.counts["node rows read"] += 1
        viewers = number(row.get("viewers", ""))
        if not row["channel"]:
            report.reject(name, "the channel is empty", row=line)
        elif row.get("viewers") and (viewers is None or not is_count(viewers)):
            report.reject(name, f"viewers is {row['viewers']!r}, not a whole number", row=line)
        else:
            rows.append(
                {
                    "channel": row["channel"].lower(),
                    "display_name": row.get("display_name") or row["channel"],
                    "viewers": None if viewers is None else int(viewers),
                    "community": row.get("community") or None,
                    "x": number(row.get("x", "")),
                    "y": number(row.get("y", "")),
                }
            )
    return pl.DataFrame(rows, schema=NODE_ROWS)


def _distinct(nodes: pl.DataFrame, report: ImportReport) -> pl.DataFrame:
    """Keep one row per channel: of two spellings, the row with more viewers."""
    distinct = nodes.sort(
        ["channel", "viewers", "community", "x", "y"], descending=[False, True, False, False, False], nulls_last=True
    ).unique("channel", keep="first", maintain_order=True)
    report.counts["duplicate channels merged, larger size kept"] = nodes.height - distinct.height
    return distinct


def _graph_edges(listed: pl.DataFrame, channels: pl.DataFrame, report: ImportReport) -> pl.DataFrame:
    """Build GRAPH_EDGES: the given measures, and those that follow from shared viewers and channel sizes."""
    given = GRAPH_EDGES.conform(listed)
    counted = given.filter(pl.col("shared_viewers").is_not_null())
    if counted.is_empty():
        return given
    measured = with_measures(counted.select("channel_a", "channel_b", "shared_viewers"), channels, total_viewers=None)
    # The atlas counted edges and channel sizes separately: a share above 1 shows that the two disagree.
    agrees = pl.col("overlap_coefficient") <= 1
    report.counts["edges with more shared viewers than a channel has"] = measured.filter(~agrees).height
    derived = measured.with_columns(pl.when(agrees).then(pl.col("jaccard", "overlap_coefficient")).name.keep())
    return GRAPH_EDGES.conform(
        given.join(derived, on=["channel_a", "channel_b"], how="left", suffix="_derived").with_columns(
            pl.coalesce(name, f"{name}_derived").alias(name) for name in MEASURES
        )
    )


def number(text: str) -> float | None:
    """Parse a finite number; None if the text is not one."""
    try:
        # Python accepts 1_000 as a number; a table with that text means something else.
        value = float(text.replace("_", " "))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_impossible(value: float, weight: str) -> bool:
    """Whether the measure cannot have this value."""
    if weight == "shared_viewers":
        return value < 1 or not is_count(value)
    return not 0 < value <= 1


def is_count(value: float) -> bool:
    """Whether a value can be a number of viewers."""
    return 0 <= value <= LARGEST_COUNT and value.is_integer()
