"""The command `serve`: the site of this lake in a browser.

Belongs here: options, and what is printed. Not here: the server (serving).
"""

import click

from vieweratlas_assets.commands import display
from vieweratlas_assets.settings import Settings

# Commands import what they run inside, so that `--help` is quick.


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 takes a free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 lets others on your network in, who see what you publish.",
)
@click.option("--open/--no-open", "opens", default=False, show_default=True, help="Open it in your browser.")
@click.pass_obj
def serve(settings: Settings, port: int, host: str, opens: bool) -> None:
    """Serve the atlas of all days as a site, until you stop it.

    The same files can be served from a bucket or any web server: they lie in site/ of the lake.
    """
    from vieweratlas_assets.commands.site_server import site_server
    from vieweratlas_assets.domain import lake
    from vieweratlas_assets.domain.atlas import site
    from vieweratlas_assets.wiring.lake import open_lake

    store = open_lake(settings).store
    if not store.exists(lake.site_file(site.MANIFEST)):
        raise click.ClickException(f"there is no site in {store.root} yet: `vieweratlas analyze` makes it")
    try:
        server = site_server(store, host, port)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error}") from error
    address = f"http://{host}:{server.server_address[1]}/"
    display.console.print(f"The site of {store.root} on {address}; stop it with Ctrl-C")
    if opens:
        click.launch(address)
    with server:
        server.serve_forever()
