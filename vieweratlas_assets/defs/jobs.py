"""Jobs: what is run together.

Belongs here: selections with names. Not here: when they run (schedules).
"""

from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from vieweratlas_assets.partitions import Partitions

AUDIENCE = dg.AssetSelection.assets("channel_audience")
GRAPH = dg.AssetSelection.assets("overlap_graph")
BELOW_GRAPH = GRAPH.downstream(include_self=False)


@dataclass(frozen=True)
class Jobs:
    """All jobs; each takes one day or a range of days.

    Attributes:
        audience: presence to audience.
        atlas: from audiences that exist to everything that follows.
        below_graph: from a graph that exists, such as an imported one.
        daily: a day's audience and everything that follows; what the schedule runs.
    """

    audience: UnresolvedAssetJobDefinition
    atlas: UnresolvedAssetJobDefinition
    below_graph: UnresolvedAssetJobDefinition
    daily: UnresolvedAssetJobDefinition

    def all(self) -> list[UnresolvedAssetJobDefinition]:
        """The jobs in the order in which they follow one another."""
        return [self.audience, self.atlas, self.below_graph, self.daily]


def build_jobs(partitions: Partitions) -> Jobs:
    """Build the jobs over the daily partitions."""

    def job(name: str, selection: dg.AssetSelection, description: str) -> UnresolvedAssetJobDefinition:
        return dg.define_asset_job(
            name, selection=selection, description=description, partitions_def=partitions.daily
        )

    return Jobs(
        audience=job("audience", AUDIENCE, "Reduce presence to the audience of each day."),
        atlas=job("atlas", GRAPH | BELOW_GRAPH, "From audiences that exist: graph, communities, labels, products."),
        below_graph=job("below_graph", BELOW_GRAPH, "From a graph that exists, such as an imported one, downwards."),
        daily=job("daily_atlas", AUDIENCE | GRAPH | BELOW_GRAPH, "A day's audience and all that follows from it."),
    )
