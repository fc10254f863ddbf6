"""The door to Spark: the only module of this room that others import.

Belongs here: which launcher the settings name. Not here: launching and counting.
"""

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

from vieweratlas_assets.defs.spark.counting import count_on_spark
from vieweratlas_assets.defs.spark.launching import SparkLauncher
from vieweratlas_assets.domain.overlap.counting import Overlap
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import EngineSettings


def spark_counter(engine: EngineSettings) -> Callable[..., tuple[Overlap, dict[str, Any]]] | None:
    """A function (context, store, day, window, limits) that counts on Spark; None where this machine counts.

    Raises:
        SettingsError: the launcher's package is missing.
    """
    launcher = spark_launcher(engine)
    return None if launcher is None else partial(count_on_spark, launcher)


def spark_launcher(engine: EngineSettings) -> SparkLauncher | None:
    """The launcher that the settings name; None where this machine counts.

    Raises:
        SettingsError: the launcher's package is missing.
    """
    if engine.overlap_engine == "local":
        return None
    if engine.spark_launcher == "local":
        from vieweratlas_assets.defs.spark.local import LocalSpark

        return LocalSpark(engine.spark_submit_parameters)
    if importlib.util.find_spec("dagster_aws") is None:
        raise SettingsError(
            "setting engine.spark_launcher: emr_serverless needs dagster-aws, which is missing: "
            "pip install 'vieweratlas[spark]'"
        )
    from vieweratlas_assets.defs.spark.emr_serverless import EmrServerless

    return EmrServerless(
        engine.emr_serverless_application_id, engine.emr_serverless_role_arn, engine.spark_submit_parameters
    )
