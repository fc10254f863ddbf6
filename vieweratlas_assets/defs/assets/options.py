"""What the assets of the atlas have in common.

Belongs here: shared arguments of `dg.asset` and shared run configs. Not here: any asset.
"""

from typing import Any

import dagster as dg

from vieweratlas_assets.defs.checks import Check
from vieweratlas_assets.defs.metadata import OWNERS
from vieweratlas_assets.defs.partitions import RANGE, Partitions


class ContinuityConfig(dg.Config):
    """Run config of an asset that continues an earlier day.

    Attributes:
        start_over: ignore earlier days, as on a first day.
    """

    start_over: bool = False


def atlas_options(partitions: Partitions, asset: str, checks: tuple[Check, ...] = (), **more: Any) -> dict[str, Any]:
    """The arguments of `dg.asset` that all assets of the atlas share."""
    return {
        "partitions_def": partitions.daily,
        "group_name": "atlas",
        "owners": OWNERS,
        "backfill_policy": RANGE,
        "check_specs": [check.spec(asset) for check in checks],
        **more,
    }
