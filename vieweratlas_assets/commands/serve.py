"""The command `serve`: the site of this lake in a browser.

Belongs here: options, and what is printed. Not here: the server (site_server).
"""

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import InputError, LakeStateError
from vieweratlas_assets.settings import Settings

# Commands import what they run inside, so that `--help` is quick.


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 takes a free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 lets others on your network see the site.",
)
@click.option("--open/--no-open", "opens", default=False, show_default=True, help="Open the site in your browser.")
@click.pass_obj
def serve(settings: Settings, port: int, host: str, opens: bool) -> None:
    """Serve the atlas of all days as a site, until you stop it.

    The same files, in site/ of the lake, can be served from a bucket or any web server.
    """
    from vieweratlas_assets.commands.site_server import listen, site_server
    from vieweratlas_assets.domain import lake as paths
    from vieweratlas_assets.domain.atlas import site
    from vieweratlas_assets.wiring.lake import open_lake

    store = open_lake(settings).store
    if not store.exists(paths.site_file(site.MANIFEST)):
        raise LakeStateError(f"{store.root} has no site yet: `vieweratlas analyze` builds it")
    try:
        listener = listen(host, port)
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port}: {error}; --port 0 takes a free port") from error
    with listener:
        address = f"http://{host}:{listener.getsockname()[1]}/"
        message = f"Serving the site of {store.root} on {address}; stop with Ctrl-C"
        display.console.print(message, soft_wrap=True)
        if opens:
            click.launch(address)
        site_server(store).run(sockets=[listener])
