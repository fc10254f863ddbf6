"""The command `vieweratlas sandbox up`: a made-up Twitch to try collection on.

Belongs here: options, what is printed. Not here: what it answers (sandbox).
"""

import datetime as dt
from typing import TYPE_CHECKING

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import InputError
from vieweratlas_assets.sandbox.vocabulary import LANGUAGES
from vieweratlas_assets.sandbox.world_spec import WorldSpec

if TYPE_CHECKING:
    from vieweratlas_assets.sandbox.server import SandboxServer


@click.group("sandbox")
def sandbox_group() -> None:
    """A made-up Twitch on this machine."""


@sandbox_group.command("up")
@click.option("--port", default=8200, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--chat-port", default=8667, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option("--channels", default=2_000, show_default=True, help="Number of channels.")
@click.option("--viewers", default=40_000, show_default=True, help="Number of viewers.")
@click.option(
    "--languages",
    default=len(LANGUAGES),
    show_default=True,
    help="Number of languages; with all of them, somebody is awake at any hour.",
)
@click.option("--days", default=7, show_default=True, help="Number of days, from the day before the first moment on.")
@click.option("--seed", default=WorldSpec.seed, show_default=True, help="Seed of the made-up Twitch.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Simulated seconds per real second.",
)
@click.option("--start", type=click.DateTime(), help="First simulated moment, UTC.  [default: now]")
def up(
    port: int,
    chat_port: int,
    channels: int,
    viewers: int,
    languages: int,
    days: int,
    seed: int,
    speed: float,
    start: dt.datetime | None,
) -> None:
    """Serve Helix, the chat and the VODs of a made-up Twitch until interrupted (Ctrl-C).

    Prints the settings that direct collection there. Chat is IRC over plain TCP, and over WebSocket at --port; it
    also serves EventSub and the chat replay of VODs.

    Faults on demand: POST {"statuses": [503, 429]} to /sandbox/faults for the next requests, {"expire_tokens": true}
    to revoke all tokens; POST {"reset": true}, {"freeze": true}, {"reconnect": 10} or {"joins_to_drop": 5} to
    /sandbox/chat.
    """
    moment = dt.datetime.now(dt.UTC) if start is None else start.replace(tzinfo=dt.UTC)
    try:
        # Starts a day earlier, so that broadcasts are already running.
        eve = moment.date() - dt.timedelta(days=1)
        spec = WorldSpec(seed=seed, channels=channels, viewers=viewers, languages=languages, days=days, start=eve)
        server, user_token = _server(spec, moment, speed, port=port, chat_port=chat_port)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise InputError(
            f"port {error.filename} is not available: {error.strerror}; --port 0 and --chat-port 0 take free ones"
        ) from error
    _print_exports(server, user_token)
    server.run()


def _server(
    spec: WorldSpec, moment: dt.datetime, speed: float, *, port: int, chat_port: int
) -> "tuple[SandboxServer, str]":
    """Make up a Twitch, and a server of it with open ports; also returns a token of a user."""
    from vieweratlas_assets.sandbox.clock import SandboxClock
    from vieweratlas_assets.sandbox.feed import WorldFeed
    from vieweratlas_assets.sandbox.helix import SandboxHelix
    from vieweratlas_assets.sandbox.irc import SandboxChat
    from vieweratlas_assets.sandbox.process import CLIENT_ID, CLIENT_SECRET
    from vieweratlas_assets.sandbox.server import SandboxServer
    from vieweratlas_assets.sandbox.vod_chat import SandboxVodChat, WorldVodChats
    from vieweratlas_assets.sandbox.world import build_world

    with display.console.status("making up a Twitch"):
        world, clock = build_world(spec), SandboxClock(moment, speed)
        helix = SandboxHelix(world, clock, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        chat = SandboxChat(WorldFeed(world), clock, knows=helix.knows)
        vod_chat = SandboxVodChat(WorldVodChats(world, clock))
    return SandboxServer(helix, chat, vod_chat, port=port, chat_port=chat_port), helix.user_token()


def _print_exports(server: "SandboxServer", user_token: str) -> None:
    """Print the settings that direct collection to a server, as lines for a shell."""
    from vieweratlas_assets.sandbox.process import CLIENT_ID, CLIENT_SECRET

    exports = {
        "VIEWERATLAS_TWITCH__HELIX_URL": f"{server.url}/helix",
        "VIEWERATLAS_TWITCH__ID_URL": f"{server.url}/oauth2",
        "VIEWERATLAS_TWITCH__CHAT_URL": server.chat_url,
        "VIEWERATLAS_TWITCH__EVENTSUB_URL": server.eventsub_url,
        "VIEWERATLAS_VOD__GRAPHQL_URL": f"{server.url}/gql",
        "TWITCH_CLIENT_ID": CLIENT_ID,
        "TWITCH_CLIENT_SECRET": CLIENT_SECRET,
    }
    token = f"# for chat_account token and chat_source eventsub: export TWITCH_OAUTH_TOKEN={user_token}"
    for line in (*(f"export {name}={value}" for name, value in exports.items()), token):
        display.console.print(line, highlight=False, soft_wrap=True)
