"""Resources: what assets need beyond their inputs.

Belongs here: settings as a resource, so that the launchpad can change them for one run. Not here: their meaning and
limits (settings), the lake (io_managers).
"""

from copy import copy
from typing import Any

import dagster as dg
from pydantic import create_model

from vieweratlas_assets.settings import AnalysisSettings


class Analysis(dg.ConfigurableResource, AnalysisSettings):
    """How an audience is cleaned, joined, clustered and named; each field can be changed for one run."""


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
