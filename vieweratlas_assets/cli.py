"""The command `vieweratlas`.

Belongs here: the group, the one place that prints errors, and `dev`. Not here: the other commands and displays
(commands).
"""

import os
import sys

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.analyze import analyze
from vieweratlas_assets.commands.channels import channels_group
from vieweratlas_assets.commands.code_server import code_server
from vieweratlas_assets.commands.collect import collect, continuous, health
from vieweratlas_assets.commands.compare import compare
from vieweratlas_assets.commands.config import config_group
from vieweratlas_assets.commands.demo import demo
from vieweratlas_assets.commands.import_atlas import import_group
from vieweratlas_assets.commands.import_vods import import_twitchdownloader, import_vod_json, import_vod_lake
from vieweratlas_assets.commands.metrics import metrics
from vieweratlas_assets.commands.privacy import erase, privacy_group, prune
from vieweratlas_assets.commands.sandbox import sandbox_group
from vieweratlas_assets.commands.serve import serve
from vieweratlas_assets.commands.start import start
from vieweratlas_assets.commands.vods import preprocess_vods, vods_group
from vieweratlas_assets.errors import VieweratlasError
from vieweratlas_assets.logs import SHOWN
from vieweratlas_assets.settings import Settings

# Commands that get the option --root instead of settings: they choose or show settings, or need none.
CHOOSING_SETTINGS = ("demo", "config", "analyze", "preprocess-vods", "sandbox")


def main() -> None:
    """Run the command; an error that a person can fix is printed without a traceback, and exits with 1."""
    try:
        # Without standalone mode click returns the code of an Exit, and what a command returns, which is None.
        sys.exit(cli(standalone_mode=False))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except VieweratlasError as error:
        display.print_lines("error", error.lines)
        for line in error.lines:
            SHOWN.error("%s", line)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vieweratlas")
@click.option("--root", help="The lake: a folder or s3://bucket/prefix/. Default: VIEWERATLAS_ROOT, else ./data.")
@click.pass_context
def cli(context: click.Context, root: str | None) -> None:
    """ViewerAtlas: a map of Twitch audiences, made from who writes in which chat.

    \b
    First steps:
      vieweratlas demo                           build a made-up week and its atlas in ./demo
      vieweratlas import vod-lake DIR            import your own presence
      vieweratlas collect                        collect live chat until you stop it
      vieweratlas continuous                     the same, and an atlas every night
      vieweratlas vods discover, vods process    collect the chat of past broadcasts
      vieweratlas analyze                        build the atlas of the newest day
      vieweratlas serve                          show the atlas of all days in your browser
      vieweratlas dev                            open the Dagster UI

    Settings come from the environment, as VIEWERATLAS_<SECTION>__<KEY>, such as
    VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD=5, and from the preset (default, rigorous, explorer, debug) or YAML file
    that VIEWERATLAS_CONFIG names. `vieweratlas config show` lists all of them with their origins.
    """
    context.obj = root if context.invoked_subcommand in CHOOSING_SETTINGS else start(root)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def dev(context: click.Context, options: tuple[str, ...]) -> None:
    """Open the Dagster UI on this lake; OPTIONS go to `dg dev`, such as --port 3001."""
    from vieweratlas_assets.wiring.home import prepare_home

    settings: Settings = context.obj
    if context.find_root().params["root"] is not None:
        # The code location reads its own settings.
        os.environ["VIEWERATLAS_ROOT"] = settings.root
    prepare_home()
    display.console.print(f"Dagster UI on the lake {settings.root}; stop it with Ctrl-C")
    command = [sys.executable, "-m", "dagster_dg_cli.cli", "dev", "-m", "vieweratlas_assets.definitions", *options]
    # Replaces this process, so that stopping it (as a container does) stops Dagster.
    os.execv(sys.executable, command)


for command in (import_vod_lake, import_vod_json, import_twitchdownloader):
    import_group.add_command(command)
COMMANDS = (
    demo,
    collect,
    continuous,
    health,
    metrics,
    import_group,
    analyze,
    compare,
    channels_group,
    config_group,
    erase,
    prune,
    privacy_group,
    serve,
    code_server,
    vods_group,
    preprocess_vods,
)
for command in (*COMMANDS, sandbox_group):
    cli.add_command(command)
