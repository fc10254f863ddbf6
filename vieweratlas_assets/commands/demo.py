"""The command `demo`: a made-up week of Twitch and its atlas.

Belongs here: options, reporting to Dagster, what is printed. Not here: collecting it (wiring.demo), making it up
(sandbox).
"""

import datetime as dt
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.analyze import fail_for, plan_days, run_plan
from vieweratlas_assets.commands.start import start, without_copies
from vieweratlas_assets.sandbox.world_spec import WorldSpec

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from vieweratlas_assets.storage.lake import Lake
    from vieweratlas_assets.storage.objects import ObjectStore

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.


@click.command()
@click.option("--root", help="The demo's lake; VIEWERATLAS_ROOT is ignored.  [default: ./demo]")
@click.option("--channels", default=WorldSpec.channels, show_default=True, help="Number of channels.")
@click.option("--viewers", default=WorldSpec.viewers, show_default=True, help="Number of viewers.")
@click.option("--days", default=WorldSpec.days, show_default=True, help="Number of days.")
@click.option("--seed", default=WorldSpec.seed, show_default=True, help="Seed of the made-up Twitch.")
@click.pass_obj
def demo(chosen: str | None, root: str | None, channels: int, viewers: int, days: int, seed: int) -> None:
    """Collect a made-up week of Twitch with planted communities, and build its atlas.

    A sandbox on this machine simulates Twitch thousands of times faster than real time; the collector joins its
    chats and asks it who is live, as it does with the real Twitch. Prints how well the planted communities were
    recovered and the paths of the products. A second call only rebuilds the atlas.
    """
    from vieweratlas_assets.runs import history
    from vieweratlas_assets.wiring.demo import OtherWorldError, has_world
    from vieweratlas_assets.wiring.lake import open_lake

    # Made-up viewers must never mix with collected ones: only an explicit --root chooses the lake.
    settings = start(root or chosen or "demo")
    # People read the demo's folder itself, so copies would only repeat it.
    settings = without_copies(settings)
    lake = open_lake(settings)
    try:
        spec = WorldSpec(seed=seed, channels=channels, viewers=viewers, days=days)
        is_there = has_world(lake.store, spec)
    except (ValueError, OtherWorldError) as error:
        raise click.UsageError(str(error)) from error
    last = spec.start + dt.timedelta(days=days - 1)
    if is_there:
        display.console.print(f"{lake.store.root} already has this made-up Twitch", soft_wrap=True)
    else:
        _collect(lake, spec)
    with history.open_instance() as instance:
        _report_world(instance, lake.store, spec)
    failures = run_plan(settings, lake, plan_days(settings, lake, spec.start, last))
    _print_recovery(lake, last)
    display.print_products(lake.sealed, last)
    fail_for(failures)


def _collect(lake: "Lake", spec: WorldSpec) -> None:
    """Collect the made-up Twitch, and print what became of its messages."""
    from vieweratlas_assets.wiring.demo import collect_world

    first = dt.datetime.combine(spec.start, dt.time(), dt.UTC)
    with display.progress_bar() as progress:
        bar = progress.add_task("hours of live chat", total=24 * spec.days, now="")

        def on_moment(moment: dt.datetime) -> None:
            hours = min((moment - first) // dt.timedelta(hours=1), 24 * spec.days)
            progress.update(bar, completed=hours, now=f"{moment:%Y-%m-%d %H:%M}")

        result = collect_world(lake.store, lake.names, spec, on_moment=on_moment)
    accounted = result.counted + result.mirrors + result.bots
    display.console.print(
        f"Chat: the sandbox sent {result.sent:,} messages; {result.counted:,} counted, {result.mirrors:,} Shared "
        f"Chat mirrors and {result.bots:,} bot messages dropped, {result.sent - accounted:,} lost. "
        f"Channels were observed for {result.observed_s / result.wanted_s:.1%} of the wanted time."
    )


def _print_recovery(lake: "Lake", day: dt.date) -> None:
    """Print how well the communities of a day match the planted ones."""
    import polars as pl

    from vieweratlas_assets.domain.communities.agreement import agreement
    from vieweratlas_assets.domain.lake import planted_communities
    from vieweratlas_assets.domain.schemas import COMMUNITIES

    record = lake.sealed.record("communities", day)
    if record is None:
        return
    truth = lake.store.download_json(planted_communities())["communities"]
    planted = pl.DataFrame({"channel": list(truth), "community": list(truth.values())})
    match = agreement(lake.sealed.table(record, COMMUNITIES), planted)
    display.console.print(
        f"Planted communities recovered: adjusted Rand index {match.adjusted_rand_index:.3f} "
        f"over {match.channels} of {planted.height} channels"
    )


def _report_world(instance: "DagsterInstance", store: "ObjectStore", spec: WorldSpec) -> None:
    """Report to Dagster what the lake has of the made-up Twitch, as collectors do."""
    from vieweratlas_assets.domain import lake as paths
    from vieweratlas_assets.runs import report

    for day in spec.dates:
        report.report_vods(instance, store, day, origin="demo")
        for number in range(24):
            hour = dt.datetime.combine(day, dt.time(number), dt.UTC)
            roster = paths.channel_roster(day, number)
            if store.exists(roster):
                report.report_hour(instance, "channel_roster", hour, {"dagster/uri": store.uri(roster)})
            report.report_collected_hour(instance, store, hour)
