"""The atlas as pages to explore: one that opens from disk with its days inside, one that a site serves.

Belongs here: putting the page together. Not here: the data of a day (day_data), what the page does (web/src,
TypeScript, bundled by `npm run build`), the PyVis page (page).
"""

import base64
import html
from collections.abc import Sequence
from importlib import resources
from string import Template

from vieweratlas_assets.domain.atlas.day_data import read_day
from vieweratlas_assets.domain.atlas.model import AUDIENCE_NOTE
from vieweratlas_assets.domain.atlas.palette import DARK, LIGHT, Theme

EXTRA_DAY_BYTES = 450_000
"""An earlier day may make the page that much larger: one of 1,800 channels with 70,000 links takes 400,000 bytes."""


def draw_explorer(day: bytes, earlier: Sequence[bytes] = ()) -> str:
    """Make the page that holds its days; the same days give the same text.

    Names may hold anything: the page writes them as text only.

    Args:
        day: the day that it opens with, as `day_data` packs it.
        earlier: more days, the newest first. The page takes them as long as each is within EXTRA_DAY_BYTES.
    """
    data = "\n".join(
        f'<script class="day" type="application/gzip;base64">{base64.b64encode(block).decode()}</script>'
        for block in (day, *earlier[: days_within_budget(earlier)])
    )
    head = read_day(day).head
    return _page(f"ViewerAtlas · {head['date']}", f"{head['counts']}. {AUDIENCE_NOTE}.", data, connections="'none'")


def days_within_budget(earlier: Sequence[bytes]) -> int:
    """How many of the earlier days, the newest first, a page takes."""
    sizes = [4 * -(-len(block) // 3) for block in earlier]
    return next((count for count, size in enumerate(sizes) if size > EXTRA_DAY_BYTES), len(sizes))


def draw_site_page() -> str:
    """Make the page of a site: it asks for the manifest beside it, and for the days that the manifest names."""
    description = f"Twitch channels by the viewers they share. {AUDIENCE_NOTE}."
    return _page("ViewerAtlas", description, "", connections="'self'")


def _page(title: str, description: str, data: str, *, connections: str) -> str:
    web = resources.files("vieweratlas_assets").joinpath("web")
    read = {name: web.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "explorer.js")}
    return Template(read["page.html"]).substitute(
        title=html.escape(title),
        description=html.escape(description),
        connections=connections,
        style=Template(read["page.css"]).substitute(light=_variables(LIGHT), dark=_variables(DARK)),
        data=data,
        # Nothing in a script may look like its end.
        script=read["explorer.js"].replace("</script", "<\\/script"),
    )


def _variables(theme: Theme) -> str:
    return f"--paper: {theme.paper}; --ink: {theme.ink}; --dim: {theme.dim}; --gray: {theme.grey};"
