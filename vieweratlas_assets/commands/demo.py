"""The command `demo`: a made-up week of Twitch and its atlas.

Belongs here: options, reporting the made-up presence, what is printed. Not here: making it up (sandbox).
"""

import datetime as dt
from typing import TYPE_CHECKING

import click

from vieweratlas_assets import terminal
from vieweratlas_assets.commands.analysis import analyse, fail_for
from vieweratlas_assets.commands.start import start, without_copies
from vieweratlas_assets.sandbox.world import WorldSpec

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from vieweratlas_assets.defs.io_managers import LakeIOManager

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.


@click.command()
@click.option("--root", help="The demo's lake. Default: ./demo; VIEWERATLAS_ROOT is left alone.")
@click.option("--channels", default=WorldSpec.channels, show_default=True, help="Channels of the made-up Twitch.")
@click.option("--viewers", default=WorldSpec.viewers, show_default=True, help="Viewers.")
@click.option("--days", default=WorldSpec.days, show_default=True, help="Days.")
@click.option("--seed", default=WorldSpec.seed, show_default=True, help="Another seed is another Twitch.")
@click.pass_obj
def demo(chosen: str | None, root: str | None, channels: int, viewers: int, days: int, seed: int) -> None:
    """Build a made-up week of Twitch with planted communities, and its atlas.

    Ends with how well the planted communities were found, and the paths of what was made.
    """
    from vieweratlas_assets import runs
    from vieweratlas_assets.defs.io_managers import lake_of
    from vieweratlas_assets.sandbox.presence import write_world
    from vieweratlas_assets.sandbox.world import build_world

    # Made-up viewers must never land among collected ones: the environment's lake has to be named to be used.
    settings = start(root or chosen or "demo")
    # Its folder is for people already: no copies beside it.
    settings = without_copies(settings)
    lake = lake_of(settings)
    try:
        spec = WorldSpec(seed=seed, channels=channels, viewers=viewers, days=days)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    last = spec.start + dt.timedelta(days=days - 1)
    with runs.open_instance() as instance:
        with terminal.progress_bar() as progress:
            bar = progress.add_task("made-up Twitch", total=days, now="")
            write_world(lake.store, build_world(spec), lambda day: progress.update(bar, advance=1, now=str(day)))
        _report_world(instance, lake, spec)
        failures = analyse(settings, instance, spec.start, last)
    _print_recovery(lake, last)
    terminal.print_products(lake.sealed, last)
    fail_for(failures)


def _print_recovery(lake: "LakeIOManager", day: dt.date) -> None:
    """Say how well the communities of a day are the planted ones."""
    import polars as pl

    from vieweratlas_assets.domain.communities.agreement import agreement
    from vieweratlas_assets.domain.lake import planted_communities
    from vieweratlas_assets.domain.schemas import COMMUNITIES

    record = lake.sealed.record("communities", day)
    if record is None:
        return
    truth = lake.store.download_json(planted_communities())["communities"]
    planted = pl.DataFrame({"channel": list(truth), "community": list(truth.values())})
    same = agreement(lake.sealed.table(record, COMMUNITIES), planted)
    terminal.console.print(
        f"Planted communities recovered: adjusted Rand index {same.adjusted_rand_index:.3f} "
        f"over {same.channels} of {planted.height} channels"
    )


def _report_world(instance: "DagsterInstance", lake: "LakeIOManager", spec: WorldSpec) -> None:
    """Tell Dagster of what the generator wrote, as a collector would."""
    from vieweratlas_assets import runs
    from vieweratlas_assets.domain import lake as paths
    from vieweratlas_assets.partitions import hour_key

    for offset in range(spec.days):
        day = spec.start + dt.timedelta(days=offset)
        for asset, key in (("live_presence", paths.live_presence(day)), ("vod_catalog", paths.vod_catalog(day))):
            if lake.store.exists(key):
                runs.report_partition(instance, asset, day, {"dagster/uri": lake.store.uri(key)})
        if lake.store.exists(paths.vod_catalog(day)):
            runs.report_partition(instance, "vod_presence", day, {"origin": "demo"})
        for hour in range(24):
            key = paths.channel_roster(day, hour)
            if lake.store.exists(key):
                uri = {"dagster/uri": lake.store.uri(key)}
                runs.report_partition(instance, "channel_roster", hour_key(day, hour), uri)
