"""The commands of `vieweratlas channels`: the list of channels that are always watched.

Belongs here: options, writing the file. Not here: asking Twitch (clients), reading the list (domain.presence.roster).
"""

from pathlib import Path

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import InputError, TwitchError
from vieweratlas_assets.settings import Settings

TITLE = "The channels with the most viewers"


@click.group("channels")
def channels_group() -> None:
    """The channels that are always watched."""


@channels_group.command("update")
@click.option("--limit", default=5000, show_default=True, type=click.IntRange(1, 100_000), help="Number of channels.")
@click.option(
    "--output",
    default=Path("channels.txt"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write. A file that this command did not write is not overwritten.",
)
@click.pass_obj
def update(settings: Settings, limit: int, output: Path) -> None:
    """Write the channels that have the most viewers now to a file, one per line.

    Set collection.channels_file (CHANNELS_FILE) to this file, and these channels are watched whatever their rank.
    Needs TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET, or TWITCH_OAUTH_TOKEN.
    """
    from vieweratlas_assets.domain.presence.roster import watch_list_text
    from vieweratlas_assets.wiring.twitch import helix_client

    try:
        if output.exists() and not output.read_text(encoding="utf-8").startswith(f"# {TITLE}"):
            raise InputError(f"{output} was not written by this command: name another file, or move it")
        with display.console.status("asking Twitch who is live"):
            logins = [stream["user_login"].lower() for stream in helix_client(settings).top_streams(limit)]
        if not logins:
            raise TwitchError("Twitch lists no live channel; nothing was written")
        output.write_text(watch_list_text(TITLE, logins), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{output}: {error}") from error
    display.console.print(f"{len(logins)} channels in {output}", highlight=False, soft_wrap=True)
