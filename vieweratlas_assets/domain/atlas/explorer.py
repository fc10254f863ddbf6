"""The explorer: a page that contains its days and opens from disk, and a page that a site serves.

Belongs here: assembling the page. Not here: the data of a day (day_data), the page's behavior (web/src, TypeScript,
bundled by `npm run build`), the PyVis page (page).
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
"""Most bytes that an earlier day may add to the page; 1,800 channels with 70,000 links take 400,000 bytes."""


def draw_explorer(day: bytes, earlier: Sequence[bytes] = ()) -> str:
    """Build the page that contains its days; the same days give the same text.

    Names may contain anything: the page writes them as text only.

    Args:
        day: the day that the page opens with, packed by `day_data`.
        earlier: more days, newest first; the page includes them up to the first one above EXTRA_DAY_BYTES.
    """
    data = "\n".join(
        f'<script class="day" type="application/gzip;base64">{base64.b64encode(block).decode()}</script>'
        for block in (day, *earlier[: days_within_budget(earlier)])
    )
    head = read_day(day).head
    return _page(f"ViewerAtlas · {head['date']}", f"{head['counts']}. {AUDIENCE_NOTE}.", data, connections="'none'")


def days_within_budget(earlier: Sequence[bytes]) -> int:
    """The number of earlier days, newest first, that a page includes."""
    sizes = [4 * -(-len(block) // 3) for block in earlier]
    return next((count for count, size in enumerate(sizes) if size > EXTRA_DAY_BYTES), len(sizes))


def draw_site_page() -> str:
    """Build the page of a site: it loads the manifest next to it, and the days in the manifest."""
    description = f"Twitch channels by the viewers they share. {AUDIENCE_NOTE}."
    return _page("ViewerAtlas", description, "", connections="'self'")


def _page(title: str, description: str, data: str, *, connections: str) -> str:
    web = resources.files("vieweratlas_assets").joinpath("web")
    parts = {name: web.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "explorer.js")}
    return Template(parts["page.html"]).substitute(
        title=html.escape(title),
        description=html.escape(description),
        connections=connections,
        style=Template(parts["page.css"]).substitute(light=_variables(LIGHT), dark=_variables(DARK)),
        data=data,
        # The text of a script must not contain its end tag.
        script=parts["explorer.js"].replace("</script", "<\\/script"),
    )


def _variables(theme: Theme) -> str:
    return f"--paper: {theme.paper}; --ink: {theme.ink}; --dim: {theme.dim}; --gray: {theme.gray};"
