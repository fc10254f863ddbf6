"""What the assets of the atlas have in common.

Belongs here: their decorator and a shared run config. Not here: any asset.
"""

from collections.abc import Callable
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


def atlas_asset(
    partitions: Partitions, name: str, checks: tuple[Check, ...] = (), **arguments: Any
) -> Callable[[Callable[..., object]], dg.AssetsDefinition]:
    """`dg.asset` with what all assets of the atlas share.

    Args:
        checks: the asset's checks.
        arguments: further arguments of `dg.asset`.
    """
    decorator: Callable[[Callable[..., object]], dg.AssetsDefinition] = dg.asset(
        name=name,
        partitions_def=partitions.daily,
        group_name="atlas",
        owners=OWNERS,
        backfill_policy=RANGE,
        check_specs=[check.spec(name) for check in checks],
        **arguments,
    )
    return decorator
