"""The commands of `vieweratlas vods`, and `preprocess-vods`: the chat of past broadcasts.

Belongs here: options, telling Dagster what was written, what is printed. Not here: finding VODs (cataloguing),
fetching them (fetching, vods).
"""

import datetime as dt
import json
import logging
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vieweratlas_assets import terminal
from vieweratlas_assets.commands.signals import until_signalled
from vieweratlas_assets.commands.start import start
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
    """The chat of past broadcasts: find VODs, fetch their chat, see the queue."""


@vods_group.command("add")
@click.option("--vod-id", "vod_ids", multiple=True, required=True, help="Id of a VOD; may be given several times.")
@click.option("--channel", help="Its channel's login; without credentials for Helix it must be given.")
@click.option("--created-at", metavar="TIME", help="Start of the recording, ISO 8601, UTC; likewise.")
@click.pass_obj
def add(settings: Settings, vod_ids: tuple[str, ...], channel: str | None, created_at: str | None) -> None:
    """Put VODs into the queue.

    Twitch is asked when each was created, which decides its day. Without credentials, or where Twitch does not have
    it any more, --channel and --created-at tell.
    """
    from vieweratlas_assets.cataloguing import add_to_catalogues, as_queued
    from vieweratlas_assets.domain.presence.helix_values import time
    from vieweratlas_assets.domain.presence.vod_catalog import catalog_of, whole, whole_at
    from vieweratlas_assets.fetching import open_queue
    from vieweratlas_assets.vods.queue import QueuedVod

    began = None if created_at is None else time(created_at)
    if created_at is not None and began is None:
        raise click.BadParameter(f"{created_at!r} is no ISO 8601 time, such as 2026-07-08T12:02:51Z")
    login = None if channel is None else channel.strip().lower().lstrip("#@")
    client, now = _helix(settings), dt.datetime.now(dt.UTC)
    found = catalog_of(client.videos(vod_ids) if client and not began else (), now)
    vods = as_queued(found)
    for vod in vods:
        if login not in (None, vod.channel):
            raise click.ClickException(f"VOD {vod.vod_id} is of {vod.channel}, as Twitch says, and not of {login}")
    if growing := sorted(set(found["vod_id"]) - set(whole(found, now)["vod_id"])):
        raise click.ClickException(f"{', '.join(growing)} may still grow: add it 10 minutes after its broadcast ends")
    missing = sorted(set(vod_ids) - set(found["vod_id"]))
    if missing and (login is None or began is None):
        raise click.ClickException(
            f"it is not known when {', '.join(missing)} was created: "
            + ("Twitch has no such archive; " if client else "there are no credentials for Helix; ")
            + "give --channel and --created-at"
        )
    if missing and login and began:
        vods += [QueuedVod(vod_id, login, began, due_at=whole_at(began)) for vod_id in missing]
    with open_queue(settings) as queue:
        if not found.is_empty():
            add_to_catalogues(queue, _store(settings), [found], found["created_at"].dt.date().unique().to_list())
        added = queue.add(vods)
    terminal.console.print(f"{added} of {len(vods)} VOD(s) are new in the queue")


@vods_group.command("discover")
@click.option(
    "--channels-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Channels, one a line, in place of the tracked ones.",
)
@click.option("--vod-limit", type=click.IntRange(1), help="Newest VODs of a channel; else vod.vod_limit_per_channel.")
@click.pass_obj
def discover(settings: Settings, channels_file: Path | None, vod_limit: int | None) -> None:
    """Look for new VODs of the tracked channels, and put them into the queue.

    Tracked are the watch list (collection.channels, collection.channels_file) and the rosters of the last day. Takes
    broadcasts that ended more than 10 minutes ago, within vod.vod_limit_per_channel, vod.max_age_days and
    vod.min_views. Asks Helix, which needs twitch.client_id and twitch.client_secret, or twitch.oauth_token.
    """
    from dataclasses import replace

    from vieweratlas_assets import cataloguing
    from vieweratlas_assets.fetching import open_queue
    from vieweratlas_assets.privacy import viewer_names
    from vieweratlas_assets.twitch import helix_client, watch_list

    if channels_file is not None:
        chosen = settings.collection.model_copy(update={"channels": (), "channels_file": channels_file})
        settings = settings.model_copy(update={"collection": chosen})
    client, store, now = helix_client(settings), _store(settings), dt.datetime.now(dt.UTC)
    limits = cataloguing.discovery_limits(settings)
    limits = limits if vod_limit is None else replace(limits, most=vod_limit)
    watched = watch_list(settings)
    with terminal.console.status("asking Twitch for channels"):
        channels = cataloguing.tracked_channels(settings, store, client, watched, viewer_names(settings))
    if channels_file is not None:
        channels = {login: user_id for login, user_id in channels.items() if login in set(watched)}
    listed = added = 0
    with open_queue(settings) as queue, terminal.progress_bar() as progress:
        bar = progress.add_task("looking for VODs", total=len(channels), now="")
        for login, user_id in channels.items():
            found = cataloguing.discover(client, user_id, limits, now)
            listed += found.height
            added += queue.add(cataloguing.as_queued(found))
            progress.update(bar, advance=1, now=login)
    missing = [] if channels_file is None else sorted(set(watched) - channels.keys())
    terminal.print_lines("not found", [f"Twitch has no channel {login}" for login in missing])
    terminal.console.print(f"{len(channels):,} channels, {listed:,} VODs, {added:,} of them new in the queue")


@vods_group.command("process")
@click.option("--max-vods", type=click.IntRange(1), help="VODs at most.  [default: all that are due]")
@click.option("--every", type=click.IntRange(1), help="Go on so many seconds after each end, until interrupted.")
@click.pass_obj
def process(settings: Settings, max_vods: int | None, every: int | None) -> None:
    """Fetch the chat of the VODs that are due, and write their presence.

    SIGTERM and Ctrl-C give the VODs in work back: the next run goes on where they were. Several of these commands, on
    several machines, may work on one queue. With --every, what may pass is told and tried again: a queue, lake or
    Twitch that does not answer, and a day's requests that are spent.
    """
    with until_signalled() as ended:
        if every is None:
            _exit(_process(settings, max_vods, ended))
            return
        while not ended.is_set():
            _process_or_tell(settings, max_vods, ended)
            ended.wait(every)


@vods_group.command("stats")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def stats(settings: Settings, as_json: bool) -> None:
    """Say how the queue is: VODs by state, attempts, how fast it goes."""
    from vieweratlas_assets.fetching import open_queue

    with open_queue(settings) as queue:
        found = queue.stats()
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
        return
    terminal.print_table("VODs by state", [{"state": state, "VODs": count} for state, count in found.states.items()])
    tried: list[dict[str, Any]] = [{"attempts": str(tries), "VODs": count} for tries, count in found.attempts.items()]
    terminal.print_table("Attempts", tried)
    if found.reasons:
        told: list[dict[str, Any]] = [{"reason": reason, "VODs": count} for reason, count in found.reasons.items()]
        terminal.print_table("Why VODs failed or were skipped", told)
    waited = (
        "nothing waits" if found.oldest_pending is None else f"oldest waits since {found.oldest_pending:%F %H:%M}"
    )
    speed = "" if found.seconds_a_vod is None else f", {found.seconds_a_vod:.1f} s a VOD"
    terminal.console.print(f"{waited}; {found.completed_last_hour:,} completed in the last hour{speed}")


@vods_group.command("import-queue")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_queue(settings: Settings, file: Path) -> None:
    """Take over the queue of an earlier tool, vod_queue.json.

    Entries have vod_id, channel_login, status, attempt_count and vod_created_at; what was being processed is pending.
    """
    from vieweratlas_assets.fetching import open_queue
    from vieweratlas_assets.vods.older_queue import read_older_queue

    entries, rejected = read_older_queue(file)
    with open_queue(settings) as queue:
        added = queue.add_older(entries)
    terminal.print_lines("rejected", rejected)
    terminal.console.print(f"{added} of {len(entries)} VOD(s) are new in the queue, {len(rejected)} rejected")


@vods_group.command("retry")
@click.argument("vod_ids", nargs=-1, metavar="VOD_ID...")
@click.option("--all-failed", is_flag=True, help="All that failed.")
@click.pass_obj
def retry(settings: Settings, vod_ids: tuple[str, ...], all_failed: bool) -> None:
    """Try VODs again that failed or were skipped, with all their attempts."""
    from vieweratlas_assets.fetching import open_queue

    if bool(vod_ids) == all_failed:
        raise click.UsageError("name VODs, or give --all-failed")
    with open_queue(settings) as queue:
        changed = queue.retry(None if all_failed else vod_ids)
    terminal.console.print(f"{changed} VOD(s) are pending again")


@vods_group.command("skip")
@click.argument("vod_ids", nargs=-1, required=True, metavar="VOD_ID...")
@click.option("--reason", default="skipped by hand", show_default=True, help="Why.")
@click.pass_obj
def skip(settings: Settings, vod_ids: tuple[str, ...], reason: str) -> None:
    """Leave VODs alone; one that is being fetched is given up. What the lake has stays."""
    from vieweratlas_assets.fetching import open_queue

    with open_queue(settings) as queue:
        changed = queue.skip_vods(vod_ids, reason)
    terminal.console.print(f"{changed} VOD(s) are skipped")


@click.command("preprocess-vods")
@click.argument("config", required=False)
@click.argument("most", required=False, type=click.IntRange(1))
@click.pass_obj
def preprocess_vods(root: str | None, config: str | None, most: int | None) -> None:
    """Fetch the chat of the VODs that are due, MOST at most: `vods process` under an older name.

    CONFIG is a preset or a YAML file of settings; else VIEWERATLAS_CONFIG says which.
    """
    with until_signalled() as ended:
        _exit(_process(start(root, config), most, ended))


def _exit(went_well: bool) -> None:
    if not went_well:
        raise click.exceptions.Exit(1)


def _process_or_tell(settings: Settings, most: int | None, ended: threading.Event) -> None:
    """Fetch what is due; what may pass by itself is told alone."""
    from vieweratlas_assets.clients.helix import HelixError
    from vieweratlas_assets.clients.http import NoAnswer
    from vieweratlas_assets.storage.objects import StorageError
    from vieweratlas_assets.vods.database import QueueUnavailable
    from vieweratlas_assets.vods.limits import BudgetSpent

    try:
        _process(settings, most, ended)
    except BudgetSpent as error:
        LOG.warning("%s", error)
    except (HelixError, NoAnswer, QueueUnavailable, StorageError) as error:
        LOG.error("%s", error)


def _process(settings: Settings, most: int | None, ended: threading.Event) -> bool:
    """Fetch what is due; False where nothing was fetched of it, and nobody ended it."""
    from vieweratlas_assets.cataloguing import catalogue_queue
    from vieweratlas_assets.fetching import fetching
    from vieweratlas_assets.privacy import viewer_names
    from vieweratlas_assets.vods.tables import State

    store = _store(settings)
    with fetching(settings, store, viewer_names(settings)) as work, terminal.progress_bar() as progress:
        due, client = work.queue.due(), _helix(settings)

        def catalogue(vods: Iterable["QueuedVod"]) -> None:
            catalogue_queue(work.queue, store, client, {vod.day for vod in vods}, dt.datetime.now(dt.UTC))

        catalogue(due)
        total = len(due) if most is None else min(most, len(due))
        bar = progress.add_task("fetching VODs", total=total, now="")
        outcomes: list[Outcome] = []

        def on_outcome(outcome: "Outcome") -> None:
            outcomes.append(outcome)
            progress.update(bar, advance=1, now=f"{outcome.vod.channel} {outcome.vod.vod_id} {outcome.state}")

        work.on_outcome, work.stop = on_outcome, ended
        try:
            work.run(at_once=settings.vod.downloads_at_once, most=most)
        finally:
            # What came into the queue meanwhile may have been fetched too.
            catalogue(each.vod for each in outcomes)
            _report(settings, store, work.queue, {each.vod.day for each in outcomes if each.figures})
            _print(outcomes)
    return not outcomes or ended.is_set() or any(each.state in (State.COMPLETED, State.SKIPPED) for each in outcomes)


def _report(settings: Settings, store: "ObjectStore", queue: "VodQueue", days: Iterable[dt.date]) -> None:
    """Tell Dagster of the days that have new presence."""
    from vieweratlas_assets import history
    from vieweratlas_assets.domain import lake as paths

    with history.open_instance() as instance:
        for day, counts in queue.counts(sorted(days)).items():
            told: dict[str, Any] = {f"vods_{state}": count for state, count in counts.items()}
            told |= {"origin": "vods process", "queue_of": settings.root}
            uri = {"dagster/uri": store.uri(paths.vod_catalog(day)), "origin": "vods process"}
            history.report_partition(instance, "vod_catalog", day, uri)
            history.report_partition(instance, "vod_presence", day, told)


def _print(outcomes: Sequence["Outcome"]) -> None:
    from collections import Counter

    states = Counter(each.state.value for each in outcomes)
    comments = sum(each.figures.comments or 0 for each in outcomes if each.figures)
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "nothing was due"
    terminal.console.print(f"VODs: {told}; {comments:,} comments")
    unhappy = [each for each in outcomes if each.figures is None]
    terminal.print_lines(
        "not completed", [f"{each.vod.channel} {each.vod.vod_id}, {each.state}: {each.reason}" for each in unhappy]
    )


def _store(settings: Settings) -> "ObjectStore":
    from vieweratlas_assets.storage.opening import open_store

    return open_store(settings.root, region=settings.storage.region)


def _helix(settings: Settings) -> "HelixClient | None":
    """The client of Helix, where there are credentials."""
    from vieweratlas_assets.twitch import helix_client

    return helix_client(settings) if settings.twitch.has_helix_credentials else None
