"""The commands of `vieweratlas vods`, and `preprocess-vods`: the chat of past broadcasts.

Belongs here: options, what is printed. Not here: finding VODs (wiring.vod_discovery), fetching them (vods), reporting
to Dagster (runs.report).
"""

import datetime as dt
import json
import logging
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.signals import until_signalled
from vieweratlas_assets.commands.start import start
from vieweratlas_assets.errors import InputError
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from vieweratlas_assets.clients.helix import HelixClient
    from vieweratlas_assets.storage.objects import ObjectStore
    from vieweratlas_assets.vods.queue import QueuedVod, VodQueue
    from vieweratlas_assets.vods.worker import Outcome

LOG = logging.getLogger("vieweratlas.vods")

# Commands import what they run inside: loading Polars and SQLAlchemy takes a second, and `--help` must not.


@click.group("vods")
def vods_group() -> None:
    """The chat of past broadcasts: find VODs, fetch their chat, watch the queue."""


@vods_group.command("add")
@click.option("--vod-id", "vod_ids", multiple=True, required=True, help="Id of a VOD; repeatable.")
@click.option("--channel", help="Login of its channel; required without Twitch credentials.")
@click.option(
    "--created-at", metavar="TIME", help="Start of the recording, ISO 8601, UTC; required without Twitch credentials."
)
@click.pass_obj
def add(settings: Settings, vod_ids: tuple[str, ...], channel: str | None, created_at: str | None) -> None:
    """Add VODs to the queue.

    Asks Twitch when each was created, which decides its day. Without credentials, or if Twitch no longer has the VOD,
    give --channel and --created-at.
    """
    from vieweratlas_assets.domain.presence.helix_values import time
    from vieweratlas_assets.domain.presence.vod_catalog import catalog_of, finished_by, finished_vods
    from vieweratlas_assets.vods.queue import QueuedVod
    from vieweratlas_assets.wiring.vod_discovery import add_to_catalogs, as_queued
    from vieweratlas_assets.wiring.vod_workers import open_queue

    began = None if created_at is None else time(created_at)
    if created_at is not None and began is None:
        raise click.BadParameter(f"{created_at!r} is not an ISO 8601 time, such as 2026-07-08T12:02:51Z")
    login = None if channel is None else channel.strip().lower().lstrip("#@")
    client, now = _helix(settings), dt.datetime.now(dt.UTC)
    listed = catalog_of(client.videos(vod_ids) if client and not began else (), now)
    vods = as_queued(listed)
    for vod in vods:
        if login not in (None, vod.channel):
            raise InputError(f"VOD {vod.vod_id} belongs to {vod.channel}, not to {login}: correct --channel")
    if growing := sorted(set(listed["vod_id"]) - set(finished_vods(listed, now)["vod_id"])):
        raise InputError(f"{', '.join(growing)} may still grow: add it 10 minutes after its broadcast ends")
    missing = sorted(set(vod_ids) - set(listed["vod_id"]))
    if missing and (login is None or began is None):
        reason = "Twitch has no such archive" if client else "TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET are not set"
        raise InputError(
            f"the creation time of {', '.join(missing)} is unknown: {reason}; give --channel and --created-at"
        )
    if missing and login and began:
        vods += [QueuedVod(vod_id, login, began, due_at=finished_by(began)) for vod_id in missing]
    with open_queue(settings) as queue:
        if not listed.is_empty():
            days = listed["created_at"].dt.date().unique().to_list()
            add_to_catalogs(queue, _store(settings), [listed], days)
        added = queue.add(vods)
    display.console.print(f"{added} of {len(vods)} VOD(s) are new in the queue")


@vods_group.command("discover")
@click.option(
    "--channels-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Channels, one per line, instead of the tracked ones.",
)
@click.option(
    "--vod-limit", type=click.IntRange(1), help="Newest VODs per channel.  [default: vod.vod_limit_per_channel]"
)
@click.pass_obj
def discover(settings: Settings, channels_file: Path | None, vod_limit: int | None) -> None:
    """Find new VODs of the tracked channels, and add them to the queue.

    Tracked channels are the watch list (collection.channels, collection.channels_file) and the rosters of the last
    day. Takes broadcasts that ended more than 10 minutes ago, within vod.vod_limit_per_channel, vod.max_age_days and
    vod.min_views. Needs TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET, or TWITCH_OAUTH_TOKEN.
    """
    from dataclasses import replace

    from vieweratlas_assets.wiring import vod_discovery
    from vieweratlas_assets.wiring.twitch import helix_client, watch_list
    from vieweratlas_assets.wiring.viewer_names import viewer_names
    from vieweratlas_assets.wiring.vod_workers import open_queue

    if channels_file is not None:
        chosen = settings.collection.model_copy(update={"channels": (), "channels_file": channels_file})
        settings = settings.model_copy(update={"collection": chosen})
    client, store, now = helix_client(settings), _store(settings), dt.datetime.now(dt.UTC)
    limits = vod_discovery.discovery_limits(settings)
    limits = limits if vod_limit is None else replace(limits, most=vod_limit)
    watched = watch_list(settings)
    with display.console.status("asking Twitch for channels"):
        channels = vod_discovery.tracked_channels(settings, store, client, watched, viewer_names(settings))
    if channels_file is not None:
        channels = {login: user_id for login, user_id in channels.items() if login in set(watched)}
    listed = added = 0
    with open_queue(settings) as queue, display.progress_bar() as progress:
        bar = progress.add_task("looking for VODs", total=len(channels), now="")
        for login, user_id in channels.items():
            archives = vod_discovery.discover(client, user_id, limits, now)
            listed += archives.height
            added += queue.add(vod_discovery.as_queued(archives))
            progress.update(bar, advance=1, now=login)
    missing = [] if channels_file is None else sorted(set(watched) - channels.keys())
    display.print_lines("not found", [f"Twitch has no channel {login}" for login in missing])
    display.console.print(f"{len(channels):,} channels, {listed:,} VODs, {added:,} of them new in the queue")


@vods_group.command("process")
@click.option("--max-vods", type=click.IntRange(1), help="Maximum number of VODs.  [default: all that are due]")
@click.option("--every", type=click.IntRange(1), help="Start again N seconds after each end, until interrupted.")
@click.pass_obj
def process(settings: Settings, max_vods: int | None, every: int | None) -> None:
    """Fetch the chat of the VODs that are due, and write their presence.

    SIGTERM and Ctrl-C return VODs in progress to the queue; the next run continues them. Several of these commands,
    on several machines, can share one queue. With --every, temporary failures are logged and retried: a queue, lake
    or Twitch that does not answer, and a used-up daily budget of requests.
    """
    with until_signalled() as ended:
        if every is None:
            _exit(_process(settings, max_vods, ended))
            return
        while not ended.is_set():
            _process_or_log(settings, max_vods, ended)
            ended.wait(every)


@vods_group.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def stats(settings: Settings, as_json: bool) -> None:
    """Report the queue: VODs by state, attempts, speed."""
    from vieweratlas_assets.wiring.vod_workers import open_queue

    with open_queue(settings) as queue:
        current = queue.stats()
    if as_json:
        click.echo(json.dumps(current.as_json(), indent=2))
        return
    display.print_table("VODs by state", [{"state": state, "VODs": count} for state, count in current.states.items()])
    tried: list[dict[str, Any]] = [
        {"attempts": str(tries), "VODs": count} for tries, count in current.attempts.items()
    ]
    display.print_table("Attempts", tried)
    if current.reasons:
        reasons: list[dict[str, Any]] = [{"reason": why, "VODs": count} for why, count in current.reasons.items()]
        display.print_table("Why VODs failed or were skipped", reasons)
    waited = (
        "queue empty"
        if current.oldest_pending is None
        else f"oldest VOD pending since {current.oldest_pending:%F %H:%M}"
    )
    speed = "" if current.seconds_a_vod is None else f", {current.seconds_a_vod:.1f} s per VOD"
    display.console.print(f"{waited}; {current.completed_last_hour:,} completed in the last hour{speed}")


@vods_group.command("import-queue")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_queue(settings: Settings, file: Path) -> None:
    """Import the queue of an earlier tool, vod_queue.json.

    Entries have vod_id, channel_login, status, attempt_count and vod_created_at; VODs in progress become pending.
    """
    from vieweratlas_assets.vods.older_queue import read_older_queue
    from vieweratlas_assets.wiring.vod_workers import open_queue

    entries, rejected = read_older_queue(file)
    with open_queue(settings) as queue:
        added = queue.add_older(entries)
    display.print_lines("rejected", rejected)
    display.console.print(f"{added} of {len(entries)} VOD(s) are new in the queue, {len(rejected)} rejected")


@vods_group.command("retry")
@click.argument("vod_ids", nargs=-1, metavar="VOD_ID...")
@click.option("--all-failed", is_flag=True, help="All failed VODs.")
@click.pass_obj
def retry(settings: Settings, vod_ids: tuple[str, ...], all_failed: bool) -> None:
    """Retry VODs that failed or were skipped, with a full number of attempts."""
    from vieweratlas_assets.wiring.vod_workers import open_queue

    if bool(vod_ids) == all_failed:
        raise click.UsageError("name VODs, or give --all-failed")
    with open_queue(settings) as queue:
        changed = queue.retry(None if all_failed else vod_ids)
    display.console.print(f"{changed} VOD(s) are pending again")


@vods_group.command("skip")
@click.argument("vod_ids", nargs=-1, required=True, metavar="VOD_ID...")
@click.option("--reason", default="skipped by hand", show_default=True, help="Reason to record.")
@click.pass_obj
def skip(settings: Settings, vod_ids: tuple[str, ...], reason: str) -> None:
    """Skip VODs; one in progress is abandoned. Stored presence stays."""
    from vieweratlas_assets.wiring.vod_workers import open_queue

    with open_queue(settings) as queue:
        changed = queue.skip_vods(vod_ids, reason)
    display.console.print(f"{changed} VOD(s) are skipped")


@click.command("preprocess-vods")
@click.argument("config", required=False)
@click.argument("most", required=False, type=click.IntRange(1))
@click.pass_obj
def preprocess_vods(root: str | None, config: str | None, most: int | None) -> None:
    """Fetch the chat of the VODs that are due, at most MOST: the older name of `vods process`.

    CONFIG is a preset or a YAML file of settings. Default: VIEWERATLAS_CONFIG.
    """
    with until_signalled() as ended:
        _exit(_process(start(root, config), most, ended))


def _exit(went_well: bool) -> None:
    if not went_well:
        raise click.exceptions.Exit(1)


def _process_or_log(settings: Settings, most: int | None, ended: threading.Event) -> None:
    """Fetch what is due; log failures that are temporary."""
    from vieweratlas_assets.clients.helix import HelixError
    from vieweratlas_assets.clients.http import NoAnswerError
    from vieweratlas_assets.errors import StorageError
    from vieweratlas_assets.vods.limits import BudgetSpentError

    try:
        _process(settings, most, ended)
    except BudgetSpentError as error:
        LOG.warning("%s", error)
    except (HelixError, NoAnswerError, StorageError) as error:
        LOG.error("%s", error)


def _process(settings: Settings, most: int | None, ended: threading.Event) -> bool:
    """Fetch what is due; False where VODs were due, none could be fetched, and nobody stopped the command."""
    from vieweratlas_assets.vods.tables import State
    from vieweratlas_assets.wiring.lake import open_lake
    from vieweratlas_assets.wiring.vod_discovery import catalog_queue
    from vieweratlas_assets.wiring.vod_workers import vod_workers

    lake = open_lake(settings)
    outcomes: list[Outcome] = []
    with display.progress_bar() as progress:
        bar = progress.add_task("fetching VODs", total=None, now="")

        def on_outcome(outcome: "Outcome") -> None:
            outcomes.append(outcome)
            progress.update(bar, advance=1, now=f"{outcome.vod.channel} {outcome.vod.vod_id} {outcome.state}")

        with vod_workers(settings, lake.store, lake.names, on_outcome=on_outcome, stop=ended) as workers:
            due, client = workers.queue.due(), _helix(settings)

            def catalog(vods: Iterable["QueuedVod"]) -> None:
                days = {vod.day for vod in vods}
                catalog_queue(workers.queue, lake.store, client, days, dt.datetime.now(dt.UTC))

            catalog(due)
            progress.update(bar, total=len(due) if most is None else min(most, len(due)))
            try:
                workers.run(at_once=settings.vod.downloads_at_once, most=most)
            finally:
                # VODs that entered the queue meanwhile may have been fetched too.
                catalog(each.vod for each in outcomes)
                _report(lake.store, workers.queue, {each.vod.day for each in outcomes if each.figures}, settings.root)
                _print(outcomes)
    return not outcomes or ended.is_set() or any(each.state in (State.COMPLETED, State.SKIPPED) for each in outcomes)


def _report(store: "ObjectStore", queue: "VodQueue", days: Iterable[dt.date], root: str) -> None:
    """Report the days that have new presence to Dagster."""
    from vieweratlas_assets.runs import history, report

    with history.open_instance() as instance:
        for day, counts in queue.counts(sorted(days)).items():
            presence = {**{f"vods_{state}": count for state, count in counts.items()}, "queue_of": root}
            report.report_vods(instance, store, day, origin="vods process", presence=presence)


def _print(outcomes: Sequence["Outcome"]) -> None:
    from collections import Counter

    states = Counter(each.state.value for each in outcomes)
    comments = sum(each.figures.comments or 0 for each in outcomes if each.figures)
    summary = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "nothing was due"
    display.console.print(f"VODs: {summary}; {comments:,} comments")
    incomplete = [each for each in outcomes if each.figures is None]
    lines = [f"{each.vod.channel} {each.vod.vod_id}, {each.state}: {each.reason}" for each in incomplete]
    display.print_lines("not completed", lines)


def _store(settings: Settings) -> "ObjectStore":
    from vieweratlas_assets.wiring.lake import open_lake

    return open_lake(settings).store


def _helix(settings: Settings) -> "HelixClient | None":
    """The client of Helix; None without credentials."""
    from vieweratlas_assets.wiring.twitch import helix_client

    return helix_client(settings) if settings.twitch.has_helix_credentials else None
