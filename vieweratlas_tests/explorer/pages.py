"""The explorer in Debian's Chromium, and atlases to explore."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from playwright.sync_api import Browser, Page

from vieweratlas_assets.domain.atlas.day_data import day_data
from vieweratlas_assets.domain.atlas.explorer import draw_explorer
from vieweratlas_assets.domain.atlas.map_layout import map_graph, map_layout
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.overlap.measures import usable_weight
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_tests.domain.atlas.samples import atlas_of

CHROMIUM = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
SANDBOX = WorldSpec(viewers=12_000, days=4)
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}
ELSEWHERE = ("http:", "https:", "ws:", "wss:", "ftp:")
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


@dataclass
class Explorer:
    """A page, and what went wrong in it.

    Attributes:
        requests: of anything but the file itself.
        errors: of the page and its console.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def ask(self, expression: str) -> Any:
        """Evaluate an expression that may use `it`, what the explorer shows of itself."""
        return self.page.evaluate(f"() => {{ const it = atlasExplorer; return ({expression}); }}")

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate(TWO_FRAMES)

    def when(self, condition: str) -> None:
        """Wait until an expression that may use `it` is true."""
        self.page.wait_for_function(f"() => {{ const it = atlasExplorer; return {condition}; }}")

    def on_screen(self, channel: int) -> tuple[float, float]:
        """Where a channel is."""
        x, y = self.ask(f"it.map.channelOnScreen({channel})")
        return x, y


@contextmanager
def explorer(browser: Browser, place: Path | str, link: str = "", **options: Any) -> Iterator[Explorer]:
    """Open the page from disk, or at an address."""
    chosen = {"viewport": WIDE, "color_scheme": "dark", "reduced_motion": "reduce"} | options
    context = browser.new_context(**chosen)
    opened = Explorer(context.new_page())
    page = opened.page
    page.on("request", lambda sent: opened.requests.append(sent.url) if sent.url.startswith(ELSEWHERE) else None)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    page.goto((place if isinstance(place, str) else place.as_uri()) + link)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    yield opened
    context.close()


def atlas_of_graph(nodes: pl.DataFrame, edges: pl.DataFrame) -> Atlas:
    """The atlas of a graph, at the defaults."""
    found = detect_communities(nodes, edges)
    tags = tag_communities(nodes, found.communities)
    graph = map_graph(nodes, edges, found.communities, weight=usable_weight(edges))
    return atlas_of(nodes, edges, found.communities, tags, map_layout(graph, seed=42))


def written(atlas: Atlas, file: Path) -> Path:
    """The page of an atlas as a file."""
    file.write_text(draw_explorer(day_data(atlas)), encoding="utf-8")
    return file


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of `#rrggbb` or `rgb(r, g, b)`."""
    parts = (
        [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        if colour.startswith("#")
        else [int(each) for each in re.findall(r"\d+", colour)[:3]]
    )
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two colors."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
