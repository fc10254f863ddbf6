"""The lake as Dagster sees it: one IO manager for single days, ranges and windows of days.

Belongs here: which days a step reads, and where its files go. Not here: how a partition is sealed (storage.sealed),
what a table holds (domain.schemas).
"""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property

import dagster as dg
import polars as pl

from vieweratlas_assets.domain import lake
from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_assets.storage.sealed import AssetDays, SealedPartitions


class LakeIOManager(dg.ConfigurableIOManager):
    """Daily assets in the lake.

    An input arrives as `AssetDays`: the days that exist among those that the step asks for (one day, a range or a
    trailing window). Our own assets write day by day through `sealed` (see `days.each_day`), so that a long range
    never waits in memory. An asset of yours may return a Polars frame, or for a range a dictionary of frames by
    partition key: each is sealed as `atlas/date=…/<asset>.parquet`.
    """

    root: str
    # Region of an S3 bucket; None leaves it to AWS_DEFAULT_REGION and the AWS profile.
    region: str | None = None

    @cached_property
    def store(self) -> ObjectStore:
        """The object store under the root."""
        return open_store(self.root, region=self.region)

    @cached_property
    def sealed(self) -> SealedPartitions:
        """The sealed partitions in it."""
        return SealedPartitions(self.store)

    def load_input(self, context: dg.InputContext) -> AssetDays:
        """The days of the upstream asset that this step asks for."""
        asset = context.asset_key.to_user_string()
        return AssetDays(self.sealed, asset, map(dt.date.fromisoformat, context.asset_partition_keys))

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | Mapping[str, pl.DataFrame]) -> None:
        """Seal a frame as the step's day, or one frame for each day of its range.

        Raises:
            dg.DagsterInvariantViolationError: the frames are not those of the partitions that were asked for.
        """
        keys = list(context.asset_partition_keys)
        frames = {keys[0]: obj} if isinstance(obj, pl.DataFrame) else dict(obj)
        if sorted(frames) != sorted(keys):
            wanted, got = ", ".join(keys), ", ".join(sorted(frames))
            raise dg.DagsterInvariantViolationError(f"asset returned frames for {got}; its partitions are {wanted}")
        asset = context.asset_key.to_user_string()
        for key, frame in sorted(frames.items()):
            day = dt.date.fromisoformat(key)
            files = {lake.table_file(asset, day): parquet.encode(frame)}
            self.sealed.seal(asset, day, files, facts={"rows": frame.height})
