"""The commands of `vieweratlas channels`: the list of channels that are always watched.

Belongs here: options, the file. Not here: asking Twitch (clients), reading the list (domain.presence.roster).
"""

from pathlib import Path

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.settings import Settings

TITLE = "The channels with the most viewers"


@click.group("channels")
def channels_group() -> None:
    """The channels that are always watched."""


@channels_group.command("update")
@click.option("--limit", default=5000, show_default=True, type=click.IntRange(1, 100_000), help="Channels.")
@click.option(
    "--output",
    default=Path("channels.txt"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file. One that this command did not write is left alone.",
)
@click.pass_obj
def update(settings: Settings, limit: int, output: Path) -> None:
    """Write the channels that have the most viewers now to a file, one a line.

    Point collection.channels_file (CHANNELS_FILE) at it, and they are watched whatever their rank. Asks Helix, which
    needs twitch.client_id and twitch.client_secret, or twitch.oauth_token.
    """
    from vieweratlas_assets.domain.presence.roster import watch_list_text
    from vieweratlas_assets.wiring.twitch import helix_client

    try:
        if output.exists() and not output.read_text(encoding="utf-8").startswith(f"# {TITLE}"):
            raise click.ClickException(f"{output} was not written by this command: name another file, or move it")
        with display.console.status("asking Twitch who is live"):
            logins = [stream["user_login"].lower() for stream in helix_client(settings).top_streams(limit)]
        if not logins:
            raise click.ClickException("Twitch names no channel that is live; nothing was written")
        output.write_text(watch_list_text(TITLE, logins), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{output}: {error}") from error
    display.console.print(f"{len(logins)} channels in {output}", highlight=False, soft_wrap=True)
