"""Resources: what assets need beyond their inputs.

Belongs here: settings as a resource, so that the launchpad can change them for one run. Not here: their meaning and
limits (settings), the lake (io_managers).
"""

from copy import copy
from typing import Any

import dagster as dg
from pydantic import create_model

from vieweratlas_assets.domain.presence.filters import AudienceFilters
from vieweratlas_assets.settings import AnalysisSettings


class Analysis(dg.ConfigurableResource, AnalysisSettings):
    """How an audience is cleaned, joined, clustered and named; each field can be changed for one run."""

    def filters(self) -> AudienceFilters:
        """The settings that say who counts as a viewer."""
        return AudienceFilters(
            drop_known_bots=self.drop_known_bots,
            drop_broadcaster=self.drop_broadcaster,
            min_buckets_per_viewer=self.min_buckets_per_viewer,
            min_channels_per_viewer=self.min_channels_per_viewer,
            max_channels_per_viewer=self.max_channels_per_viewer,
            drop_viewers_over_max=self.drop_viewers_over_max,
        )

    def used(self, *names: str) -> dict[str, str | int | float | bool]:
        """Settings by name as JSON, for the record of what a partition was made with."""
        return {name: getattr(self, name) for name in names}


def analysis_resource(settings: AnalysisSettings) -> Analysis:
    """The settings as a resource.

    The values become the defaults of a class of their own: Dagster fills what a run's config leaves out from the
    class, not from the instance, so that changing one setting in the launchpad would reset all others.
    """
    fields: dict[str, Any] = {}
    for name, field in AnalysisSettings.model_fields.items():
        configured = copy(field)
        configured.default = getattr(settings, name)
        fields[name] = (field.annotation, configured)
    return create_model("Analysis", __base__=Analysis, **fields)()
