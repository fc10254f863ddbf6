"""The commands `erase`, `prune` and `privacy`.

Belongs here: options, what is printed. Not here: erasing and pruning (storage), the key and the opt-out list
(wiring.viewer_names), reporting to Dagster (runs.report).
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.analyze import fail_for
from vieweratlas_assets.domain.days import range_text, ranges
from vieweratlas_assets.settings import Settings

if TYPE_CHECKING:
    from vieweratlas_assets.storage.erasure import Erasure
    from vieweratlas_assets.storage.lake import Lake
    from vieweratlas_assets.storage.retention import Pruning

# Commands import what they run inside: loading Dagster takes seconds, and `--help` must not.


@click.group("privacy")
def privacy_group() -> None:
    """Keys for pseudonyms, and the names of a viewer."""


@privacy_group.command("new-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def new_key(settings: Settings, file: Path) -> None:
    """Write a new key for pseudonyms to FILE, outside the lake, readable only by you.

    Keep a copy: another key gives every viewer another pseudonym.
    """
    from vieweratlas_assets.wiring.viewer_names import write_new_key

    write_new_key(file, root=settings.root)
    display.console.print(
        f"Key written to {file}; set VIEWERATLAS_PRIVACY__PSEUDONYM_KEY_FILE={file} to use it", soft_wrap=True
    )


@privacy_group.command("names")
@click.argument("logins", nargs=-1, required=True)
@click.pass_obj
def names(settings: Settings, logins: tuple[str, ...]) -> None:
    """Print every name that the lake may have for viewers, one per line.

    Answers a viewer who asks what is stored about them. With a key (privacy.viewer_names is pseudonymous), these are
    the pseudonym, and the login that older presence may still use.
    """
    from vieweratlas_assets.wiring.viewer_names import viewer_names

    for name in sorted(viewer_names(settings).forms(logins)):
        click.echo(name)


@click.command()
@click.option("--viewer", "viewers", multiple=True, help="Login or pseudonym; repeatable.")
@click.option("--opted-out", is_flag=True, help="Every viewer on the opt-out list.")
@click.option("--dry-run", is_flag=True, help="Only show what would be erased.")
@click.pass_obj
def erase(settings: Settings, viewers: tuple[str, ...], opted_out: bool, dry_run: bool) -> None:
    """Erase viewers from everything that is stored.

    Rewrites presence, raw snapshots and audiences without them; deletes raw VOD chat that names them. Lists the days
    whose atlas still counts them, and the command that rebuilds those. Stop collectors first; an interrupted erasure
    can be repeated.
    """
    from vieweratlas_assets.storage import erasure
    from vieweratlas_assets.wiring.lake import open_lake

    lake = open_lake(settings)
    names = lake.names
    asked = [*viewers, *(sorted(names.opted_out_viewers) if opted_out else ())]
    forms = names.forms(asked)
    if not forms:
        raise click.UsageError("name a viewer with --viewer, or use --opted-out with an opt-out list that names some")
    with display.progress_bar() as progress:
        total = len(erasure.files_with_names(lake.store))
        bar = progress.add_task("looking" if dry_run else "erasing", total=total, now="")
        done = erasure.erase(
            lake.store,
            forms,
            now=dt.datetime.now(dt.UTC),
            dry_run=dry_run,
            on_file=lambda key: progress.update(bar, advance=1, now=key.split("/")[1]),
        )
    _print_erasure(lake, done, dry_run=dry_run)
    if not dry_run and done.presence:
        _report_presence(done)
    if not forms <= names.forms(names.opted_out_viewers):
        display.console.print(
            "A viewer who writes again is stored again: add `viewer NAME` to the opt-out list (privacy.opt_out_file)"
        )
    fail_for(done.left)


def _print_erasure(lake: "Lake", done: "Erasure", *, dry_run: bool) -> None:
    from vieweratlas_assets.storage.erasure import atlas_days

    rows: list[dict[str, str | float | int | None]] = [
        {"table": table, "files": files, "rows": done.rows[table], "names": done.names[table]}
        for table, files in done.files.items()
    ]
    display.print_table("Would be erased" if dry_run else "Erased", rows)
    if done.days:
        named = ", ".join(range_text(*days) for days in ranges(done.days))
        display.console.print(f"{len(done.days)} day(s) affected: {named}", highlight=False)
    if atlas := atlas_days(lake.sealed, done.days):
        display.console.print(
            f"{len(atlas)} day(s) of the atlas still count them; rebuild those with", highlight=False
        )
        for first, last in ranges(atlas):
            display.console.print(f"  vieweratlas analyze --from {first} --to {last}", highlight=False)
        display.console.print("or, with everything else that is out of date, with")
        display.console.print("  vieweratlas analyze --outdated", highlight=False)


def _report_presence(done: "Erasure") -> None:
    """Report changed presence to Dagster: what was made of it shows as out of date in the UI."""
    from vieweratlas_assets.runs import history, report

    changed = [(asset, day, rows) for (asset, day), rows in sorted(done.presence.items())]
    with history.open_instance() as instance:
        report.report_erasures(instance, changed)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.pass_obj
def prune(settings: Settings, dry_run: bool) -> None:
    """Remove raw data and presence older than their retention.

    \b
    raw snapshots    by the day in their path          privacy.raw_snapshots_days
    raw VOD chat     by the age of the files           privacy.raw_vod_chat_days
    presence         by its day, if set                privacy.presence_days
    and half-written files that killed processes left a day ago or earlier.

    Audiences and the atlas stay; an audience without presence is never rebuilt.
    """
    from vieweratlas_assets.storage import retention
    from vieweratlas_assets.wiring.lake import open_lake

    privacy = settings.privacy
    kept = retention.Retention(privacy.raw_snapshots_days, privacy.raw_vod_chat_days, privacy.presence_days)
    lake = open_lake(settings)
    with display.progress_bar() as progress:
        bar = progress.add_task("looking" if dry_run else "pruning", total=None, now="")
        expired, unknown = retention.find_expired(lake.store, kept, now=dt.datetime.now(dt.UTC))
        progress.update(bar, total=len(expired))
        done = retention.prune(
            lake.store, expired, dry_run=dry_run, on_object=lambda old: progress.update(bar, advance=1, now=old.kind)
        )
    _print_pruning(done, dry_run=dry_run)
    display.print_lines("kept, of unknown age", unknown)


def _print_pruning(done: "Pruning", *, dry_run: bool) -> None:

    rows: list[dict[str, str | float | int | None]] = [
        {"kind": kind, "files": files, "bytes": done.size_bytes[kind]} for kind, files in done.files.items()
    ]
    display.print_table("Would be removed" if dry_run else "Removed", rows)
    if done.days:
        named = ", ".join(range_text(*days) for days in ranges(done.days))
        display.console.print(f"Presence of {len(done.days)} day(s): {named}", highlight=False)
    if done.without_audience:
        named = ", ".join(range_text(*days) for days in ranges(done.without_audience))
        display.console.print(f"Of these, without an audience, so that nothing is left: {named}", highlight=False)
