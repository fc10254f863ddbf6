import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from pyvis.network import Network

from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.page import draw_html
from vieweratlas_assets.domain.atlas.palette import LIGHT
from vieweratlas_tests.domain.atlas.samples import (
    ATLASES,
    HOSTILE,
    empty_atlas,
    hostile_atlas,
    shuffled,
    small_atlas,
)

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
every_atlas = pytest.mark.parametrize("make", ATLASES.values(), ids=ATLASES.keys())


class _Tags(HTMLParser):
    """Collects tags with their attributes, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.shown += data


def _data(page: str, which: str) -> list[dict[str, Any]]:
    match = re.search(rf"{which} = new vis\.DataSet\((.*)\);", page)
    assert match
    data: list[dict[str, Any]] = json.loads(match[1])
    return data


@every_atlas
def test_row_order_does_not_matter(make: Callable[[], Atlas]) -> None:
    assert draw_html(shuffled(make())) == draw_html(make())


@every_atlas
def test_the_page_loads_nothing(make: Callable[[], Atlas]) -> None:
    page = _Tags(draw_html(make()))
    for tag, attributes in page.tags:
        assert not {"href", "src", "srcset", "data", "action"} & attributes.keys(), (tag, attributes)
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "script", "body", "header", "h1", "p", "ul", "li", "i", "div")
    }


def test_hostile_names_stay_data() -> None:
    atlas = hostile_atlas()
    page = draw_html(atlas)
    scripts = [tag for tag, _ in _Tags(page).tags if tag == "script"]
    assert len(scripts) == len([tag for tag, _ in _Tags(draw_html(small_atlas())).tags if tag == "script"])
    titles = [node["title"] for node in _data(page, "nodes")]
    assert {title.split("\n")[0] for title in titles} >= {HOSTILE[0], HOSTILE[1], HOSTILE[2], "MiXeD"}
    # PyVis would show tooltips as HTML if it saw this word in one.
    assert any("has href in it" in title for title in titles)
    assert "popup.innerHTML" not in page


def test_nodes_have_position_color_and_tooltip() -> None:
    nodes = {node["label"]: node for node in _data(draw_html(small_atlas()), "nodes")}
    assert len(nodes) == 12
    first, last = nodes["channel_00"], nodes["channel_11"]
    assert first["title"] == "channel_00\nCommunity: Chess\nViewers: 1,000\nGame: Chess\nLanguage: en"
    assert last["title"] == "channel_11\nCommunity: Unclustered\nViewers: unknown\nGame: unknown\nLanguage: unknown"
    assert (first["color"], last["color"]) == (LIGHT.communities[0], LIGHT.gray)
    assert (first["x"], first["y"]) == (0, pytest.approx(2400)), "y points down on a screen"
    assert last["y"] < first["y"]
    assert nodes["channel_10"]["size"] >= first["size"] > 0


def test_above_the_limits_the_largest_are_drawn_and_the_page_says_so() -> None:
    page = draw_html(small_atlas(), max_channels=5, max_edges=2)
    assert [node["label"] for node in _data(page, "nodes")] == [f"channel_{n:02}" for n in (10, 9, 8, 7, 6)]
    edges = {(edge["from"], edge["to"]) for edge in _data(page, "edges")}
    assert edges == {(1, 0), (2, 1)}, "the two strongest between the channels drawn"
    assert "Showing the 5 largest of 12 channels and the 2 strongest of 12 links." in _Tags(page).shown
    assert "Showing" not in _Tags(draw_html(small_atlas())).shown


@every_atlas
def test_the_page_shows_the_day_and_the_note_on_audiences(make: Callable[[], Atlas]) -> None:
    shown = _Tags(draw_html(make())).shown
    assert "ViewerAtlas · 2026-11-22" in shown
    assert "Audience = people who wrote in chat (chatters), not lurkers" in shown


def test_an_empty_atlas_says_so() -> None:
    assert "No channels" in _Tags(draw_html(empty_atlas())).shown


def test_a_pyvis_template_that_loads_something_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Network, "generate_html", lambda network: "<img src='//elsewhere/pixel.png'>")
    with pytest.raises(RuntimeError, match="template has changed"):
        draw_html(small_atlas())


DRAWN = """() => {
  const canvas = document.querySelector('#mynetwork canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let colored = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    const spread = Math.max(pixels[i], pixels[i+1], pixels[i+2]) - Math.min(pixels[i], pixels[i+1], pixels[i+2]);
    colored += pixels[i+3] > 200 && spread > 60;
  }
  return colored;
}"""


def _hover_every_node(page: Page) -> set[str]:
    """Move the mouse over the discs; return the tooltips that were shown."""
    seen = set()
    count = page.evaluate("network.body.nodeIndices.length")
    for node in range(count):
        place = page.evaluate(
            """id => { const at = network.canvasToDOM(network.getPosition(id));
                       const box = document.querySelector('#mynetwork').getBoundingClientRect();
                       return [at.x + box.x, at.y + box.y]; }""",
            node,
        )
        page.mouse.move(5, 5)
        page.mouse.move(*place)
        tooltip = page.locator("div.vis-tooltip")
        tooltip.wait_for(state="visible", timeout=5000)
        assert tooltip.evaluate("frame => [...frame.children].every(child => child.tagName === 'BR')")
        seen.add(tooltip.inner_text().split("\n")[0])
    return seen


@pytest.mark.slow
def test_in_a_browser_nodes_are_drawn_nothing_is_loaded_and_no_name_runs(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(draw_html(hostile_atlas()), encoding="utf-8")
    requests: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function(f"({DRAWN})() > 500")
        assert page.evaluate("network.body.nodeIndices.length") == len(HOSTILE)
        assert len(_hover_every_node(page)) > 5
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
        assert "not lurkers" in page.locator("header").inner_text()
        browser.close()
    assert requests == [path.as_uri()]
    assert complaints == []
