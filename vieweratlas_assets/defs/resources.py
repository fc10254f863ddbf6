"""Resources: what assets need in addition to their inputs.

Belongs here: settings as a resource, so that the launchpad can change them for one run. Not here: their meaning and
limits (settings), the lake (io_managers).
"""

from copy import copy
from typing import Any

import dagster as dg
from pydantic import create_model

from vieweratlas_assets.settings import AnalysisSettings


class Analysis(dg.ConfigurableResource, AnalysisSettings):
    """How audiences are filtered, joined, clustered and labeled; the launchpad can change each field for one run."""


def analysis_resource(settings: AnalysisSettings) -> Analysis:
    """The settings as a resource.

    The values become the defaults of a new class: Dagster fills the fields that a run's config omits from the class,
    not from the instance, so that changing one setting in the launchpad would reset all others.
    """
    fields: dict[str, Any] = {}
    for name, field in AnalysisSettings.model_fields.items():
        configured = copy(field)
        configured.default = getattr(settings, name)
        fields[name] = (field.annotation, configured)
    return create_model("Analysis", __base__=Analysis, **fields)()
