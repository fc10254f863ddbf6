"""The atlas that people see: layout, picture, and the explorer compared with PyVis at the same positions.

Belongs here: made-up atlases, and what a page costs in a browser. Not here: measuring processes (measure), RESULTS.md
(report).
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from vieweratlas_assets.domain.atlas.day_data import day_data
from vieweratlas_assets.domain.atlas.explorer import draw_explorer
from vieweratlas_assets.domain.atlas.identity import identify
from vieweratlas_assets.domain.atlas.map_layout import map_graph, map_layout
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.page import draw_html
from vieweratlas_assets.domain.atlas.picture import draw_png
from vieweratlas_assets.domain.communities.history import Day
from vieweratlas_assets.domain.overlap.measures import with_measures
from vieweratlas_assets.domain.schemas import COMMUNITIES, GRAPH_NODES
from vieweratlas_assets.domain.tagging.labels import tag_communities

DAY = date(2026, 11, 22)
SHARE_WITHIN = 0.85
"""Share of the links that stay within a community."""
CHANNELS_PER_COMMUNITY = 60
FRAMES = 40
CHROMIUM = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
# The explorer marks itself as ready; PyVis's page is ready once its network exists.
# These are functions, because the explorer's page forbids evaluating text.
READY = {
    "explorer": "() => document.documentElement.dataset.ready !== undefined",
    "pyvis": "() => typeof network !== 'undefined'",
}
VIEW = {
    "explorer": "() => atlasExplorer.map.view.slice(0, 2)",
    "pyvis": "() => Object.values(network.getViewPosition())",
}
# A point without a channel: in PyVis, dragging a channel moves that channel alone.
START = {"explorer": (1400, 300), "pyvis": (1400, 860)}


def tables(channels: int, links: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Nodes, edges and communities: sizes and viewers follow power laws, most links stay within communities."""
    generator = np.random.default_rng([channels, links])
    count = max(2, channels // CHANNELS_PER_COMMUNITY)
    shares = 1 / np.arange(1, count + 1) ** 0.8
    home = generator.choice(count, channels, p=shares / shares.sum())
    viewers = np.round(50 * (1 - generator.random(channels)) ** -0.9).clip(50, 2e6).astype(int)
    a = generator.integers(0, channels, 3 * links)
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], np.arange(count + 1))
    inside = order[starts[home[a]] + (generator.random(a.size) * np.diff(starts)[home[a]]).astype(int)]
    b = np.where(generator.random(a.size) < SHARE_WITHIN, inside, generator.integers(0, channels, a.size))
    pairs = np.unique(np.sort(np.column_stack([a, b])[a != b], axis=1), axis=0)
    pairs = pairs[np.sort(generator.choice(len(pairs), links, replace=False))]
    names = np.array([f"channel_{number:05d}" for number in range(channels)])
    least = np.minimum(viewers[pairs[:, 0]], viewers[pairs[:, 1]])
    shared = np.maximum(1, least * generator.beta(1, 6, links)).astype(int)
    nodes = GRAPH_NODES.conform(
        pl.DataFrame({"channel": names, "viewers": viewers, "viewer_minutes": viewers * 9}).with_columns(
            game_name=pl.Series([f"Game {number % 40}" for number in home]), language=pl.lit("en"), display_name=None
        )
    )
    edges = with_measures(
        pl.DataFrame({"channel_a": names[pairs[:, 0]], "channel_b": names[pairs[:, 1]], "shared_viewers": shared}),
        nodes,
        total_viewers=int(viewers.sum()),
    )
    return nodes, edges, COMMUNITIES.conform(pl.DataFrame({"channel": names, "community": home}))


def build_atlas(channels: int, links: int) -> tuple[Atlas, float]:
    """An atlas, and the CPU seconds of its layout."""
    nodes, edges, communities = tables(channels, links)
    graph = map_graph(nodes, edges, communities, weight="overlap_z")
    layout, layout_s = timed(lambda: map_layout(graph, seed=1))
    tags = tag_communities(nodes, communities)
    history = identify(Day(DAY, nodes, communities), tags, layout).communities
    return Atlas(DAY, nodes, edges, communities, tags, layout, history), layout_s


def timed(do: Callable[[], Any]) -> tuple[Any, float]:
    """What a function returns, and its CPU seconds."""
    began = time.process_time()
    result = do()
    return result, time.process_time() - began


def metrics(session: CDPSession) -> dict[str, float]:
    """What Chromium has counted for a page so far."""
    return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}


def frame_ms(tab: Page, session: CDPSession, left: int, top: int) -> float:
    """Milliseconds of the main thread per frame while the mouse drags the page."""
    tab.mouse.move(left, top)
    tab.mouse.down()
    before = metrics(session)["TaskDuration"]
    for frame in range(FRAMES):
        tab.mouse.move(left - 4 * frame, top - 2 * frame)
        tab.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
    spent = metrics(session)["TaskDuration"] - before
    tab.mouse.up()
    return 1000 * spent / FRAMES


def open_tab(browser: Browser) -> tuple[Page, CDPSession]:
    """A tab whose main thread is measured."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    session = tab.context.new_cdp_session(tab)
    # The thread's own time: without a GPU other threads draw, and take the cores from it.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return tab, session


def blank_frame(browser: Browser) -> float:
    """What a frame of an empty page costs: the mouse, waiting for the frame, the browser itself."""
    tab, session = open_tab(browser)
    tab.set_content("<!DOCTYPE html><p>nothing</p>")
    spent = frame_ms(tab, session, *START["explorer"])
    tab.close()
    return spent


def in_browser(browser: Browser, page: str, name: str) -> dict[str, float]:
    """What a page costs: its size, its heap, CPU of its main thread until it is ready and per frame while it moves.

    Raises:
        RuntimeError: the page did not move.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page, encoding="utf-8")
        tab, session = open_tab(browser)
        tab.goto(file.as_uri())
        tab.wait_for_function(READY[name], timeout=300_000)
        tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        loaded, view = metrics(session), tab.evaluate(VIEW[name])
        moved_ms = frame_ms(tab, session, *START[name])
        if tab.evaluate(VIEW[name]) == view:
            raise RuntimeError(f"the page of {name} did not move")
        session.send("HeapProfiler.collectGarbage")
        heap = metrics(session)["JSHeapUsedSize"]
        tab.close()
    return {
        "size_bytes": len(page.encode()),
        "load_s": round(loaded["TaskDuration"], 3),
        "frame_ms": round(moved_ms, 2),
        "heap_mb": round(heap / 1e6, 1),
    }


def main(channels: int, links: int) -> None:
    """Print the figures of one size as JSON."""
    map_layout(map_graph(*tables(200, 600), weight="overlap_z"))
    atlas, layout_s = build_atlas(channels, links)
    _, picture_s = timed(lambda: draw_png(atlas))
    pages = {
        "explorer": draw_explorer(day_data(atlas)),
        "pyvis": draw_html(atlas, max_channels=channels, max_edges=links),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        blank_ms = blank_frame(browser)
        costs = {name: in_browser(browser, page, name) for name, page in pages.items()}
        browser.close()
    for cost in costs.values():
        cost["frame_ms"] = round(cost["frame_ms"] - blank_ms, 2)
    figures = {
        "communities": atlas.tags.height,
        "layout_s": round(layout_s, 2),
        "picture_s": round(picture_s, 2),
        "blank_frame_ms": round(blank_ms, 2),
    }
    print(json.dumps({**figures, **costs}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
