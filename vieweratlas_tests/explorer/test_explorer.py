"""What people do with the explorer, in a real browser, on published atlases and on the sandbox's."""

import io
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from playwright.sync_api import Browser

from vieweratlas_assets.defs.assets.products import UPSTREAM
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.tagging.languages import language_name
from vieweratlas_assets.importers.atlas import read_atlas
from vieweratlas_assets.steps.products import AtlasInputs
from vieweratlas_assets.storage.sealed import AssetDays, SealedPartitions
from vieweratlas_tests.domain.atlas.samples import HOSTILE, empty_atlas, hostile_atlas
from vieweratlas_tests.domain.atlas.test_map_layout import planted
from vieweratlas_tests.explorer.pages import (
    NARROW,
    SANDBOX,
    Explorer,
    atlas_of_graph,
    contrast,
    explorer,
    written,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("explorer")]
PUBLISHED = {
    "january": ("twitchatlas_01.17.2021.13.37.23EDGELIST.csv", "twitchatlas_01.17.2021.13.37.23LABELS.csv"),
    "february": ("twitchatlas_2021-02_edges.csv", "twitchatlas_2021-02_nodes.csv"),
}
Opened = tuple[Atlas, Path]


@pytest.fixture(
    scope="module",
    params=[
        "planted",
        pytest.param("february", marks=pytest.mark.long),
        pytest.param("january", marks=pytest.mark.long),
        pytest.param("sandbox", marks=pytest.mark.long),
    ],
)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    if request.param == "sandbox":
        store = request.getfixturevalue("sandbox")
        day = SANDBOX.dates[-1]
        days = (AssetDays(SealedPartitions(store), asset, [day]) for asset in UPSTREAM)
        return AtlasInputs(*days).of_day(day), Path(store.root) / lake.atlas_file(day, "explorer.html")
    if request.param == "planted":
        nodes, edges, _ = planted([60, 50, 40, 30, 20, 12, 9, 5], alone=7)
        nodes = nodes.with_columns(game_name=pl.lit("Chess"), language=pl.lit("de"))
    else:
        folder = request.getfixturevalue("shared_data") / "atlas"
        graph = read_atlas(*(folder / name for name in PUBLISHED[request.param])).graph
        nodes, edges = graph.nodes, graph.edges
    atlas = atlas_of_graph(nodes, edges)
    return atlas, written(atlas, tmp_path_factory.mktemp("explorer") / f"{request.param}.html")


@pytest.fixture
def opened(browser: Browser, published: Opened) -> Iterator[Explorer]:
    with explorer(browser, published[1]) as page:
        yield page
        assert not page.requests
        assert not page.errors


def test_it_loads_nothing_and_is_small(published: Opened, opened: Explorer) -> None:
    atlas, file = published
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?https?:", file.read_text(encoding="utf-8"))
    # Half a megabyte for 1,000 channels and 15,000 links; 6 to 7 bytes more for each link of a larger one.
    assert file.stat().st_size <= 500_000 + 8 * max(0, atlas.edges.height - 15_000)
    assert opened.ask("[it.atlas.size, it.atlas.a.length]") == [atlas.nodes.height, atlas.edges.height]


def test_the_overview_is_full_of_names_that_do_not_overlap(published: Opened, opened: Explorer) -> None:
    atlas, _ = published
    assert opened.ask("it.labels.named.length") >= min(40, atlas.nodes.height // 5)
    assert opened.ask("it.labels.shownCommunities") >= 0.7 * atlas.tags.height
    boxes = np.array(opened.ask("it.labels.boxes"))
    across = np.minimum(boxes[:, None, 2], boxes[:, 2]) - np.maximum(boxes[:, None, 0], boxes[:, 0])
    up = np.minimum(boxes[:, None, 3], boxes[:, 3]) - np.maximum(boxes[:, None, 1], boxes[:, 1])
    assert not ((across > 0.5) & (up > 0.5) & ~np.eye(len(boxes), dtype=bool)).any()
    pixels = np.asarray(Image.open(io.BytesIO(opened.page.screenshot())).convert("RGB")).astype(int)
    paper = pixels[2, -2]
    map_area = pixels[:, 300:]
    assert (np.abs(map_area - paper).max(axis=2) > 6).mean() >= 0.25


def test_a_channel_is_found_by_keyboard_alone_with_all_its_overlaps(published: Opened, opened: Explorer) -> None:
    atlas, _ = published
    ends = pl.concat([atlas.edges["channel_a"], atlas.edges["channel_b"]])
    name = ends.value_counts(sort=True).sort("count", "channel_a", descending=[True, False])["channel_a"][0]
    page = opened.page
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type(name.upper())
    assert page.get_attribute("#search", "aria-expanded") == "true"
    assert page.get_attribute("#search", "aria-activedescendant") == "result-0"
    page.keyboard.press("Enter")
    written_so = dict(atlas.channels.select("channel", "name").iter_rows())
    assert page.locator("#panel h2").inner_text() == written_so[name]
    assert written_so[name] in page.inner_text("#live")
    its = atlas.edges.filter((pl.col("channel_a") == name) | (pl.col("channel_b") == name)).with_columns(
        other=pl.when(pl.col("channel_a") == name).then("channel_b").otherwise("channel_a")
    )
    listed = opened.ask(
        "[...document.querySelectorAll('#panel .rows li')].map(e => it.atlas.head.channels[e.dataset.channel])"
    )
    assert page.locator("#panel .rows .name").all_inner_texts() == [written_so[each] for each in listed]
    shared = dict(its.select("other", "shared_viewers").iter_rows())
    expected = sorted(shared.values(), reverse=True)
    assert [shared[other] for other in listed] == expected[: len(listed)]
    assert len(listed) == min(60, its.height)
    assert opened.ask("it.state.lit.size") == its.height + 1
    x, y = opened.on_screen(opened.ask("it.state.selected"))
    assert 290 < x < 1440
    assert 0 < y < 900
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()


def test_an_unknown_channel_is_reported(opened: Explorer) -> None:
    opened.page.fill("#search", "nobody_has_this_name")
    assert opened.page.inner_text("#results") == "Not on this day's map"
    opened.page.keyboard.press("Enter")
    assert opened.page.locator("#panel").is_hidden()


def test_a_link_shows_the_same_in_a_window_of_another_size(
    browser: Browser, published: Opened, opened: Explorer
) -> None:
    opened.ask("it.select(it.atlas.ranked[3])")
    opened.page.wait_for_function("() => location.hash.includes('c=')")
    opened.settle()
    opened.page.wait_for_timeout(400)
    view, link = opened.ask("it.map.view"), "#" + opened.page.url.split("#")[1]
    with explorer(browser, published[1], link, viewport={"width": 1000, "height": 700}) as other:
        assert other.page.locator("#panel h2").inner_text() == opened.page.locator("#panel h2").inner_text()
        assert other.ask("it.map.view") == pytest.approx(view, abs=2e-3)


@pytest.mark.parametrize(
    "link", ["#c=nobody&k=99999&v=x_y_z", "#v=1e99_NaN_-3", "#%E0%A4%A", "#c=__proto__&k=__proto__", "#v=0_0_0"]
)
def test_a_bad_link_is_harmless(browser: Browser, published: Opened, link: str) -> None:
    with explorer(browser, published[1], link) as page:
        page.settle()
        assert not page.errors
        assert page.page.locator("#panel img, #panel script").count() == 0
        assert page.page.locator("#panel").is_hidden() == ("c=" not in link)
        assert page.ask("it.labels.named.length") > 0


def test_hovers_and_clicks_hit_the_channel_that_is_there(opened: Explorer) -> None:
    drawn = random.Random(5)
    channels = opened.ask("[...it.atlas.ranked].filter(c => it.atlas.radius[c] * it.map.unitPx > 3)")
    tried = 0
    for channel in drawn.sample(channels, len(channels)):
        x, y = opened.on_screen(channel)
        at = f"document.elementFromPoint({x}, {y})"
        if not (310 < x < 1380 and 20 < y < 820) or opened.ask(f"{at}.closest('.country, .card') !== null"):
            continue
        opened.page.mouse.move(x - 2, y)
        opened.page.mouse.move(x, y)
        opened.when(f"it.state.hovered === {channel}")
        assert opened.ask(f"it.atlas.nameOf({channel})") in opened.page.inner_text("#tip")
        opened.page.mouse.click(x, y)
        opened.when(f"it.state.selected === {channel}")
        opened.page.keyboard.press("Escape")
        opened.page.keyboard.press("0")
        # Until the whole map is drawn again, what is under the pointer is looked up in the old picture.
        opened.settle()
        opened.page.mouse.move(1430, 5)
        opened.when("it.state.hovered === null")
        tried += 1
        if tried == 10:
            break
    assert tried == 10


def test_the_legend_counts_everybody_and_isolates_a_community(published: Opened, opened: Explorer) -> None:
    atlas, _ = published
    counts = opened.page.locator("#legend .figures").all_inner_texts()
    assert sum(map(int, counts)) == atlas.nodes.height
    button = opened.page.locator("#legend li button").nth(1)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    label, reason, size = atlas.ranked.select("label", "reason", "channels").row(1)
    assert opened.page.locator("#panel h2").inner_text() == label
    assert reason in opened.page.inner_text("#panel")
    assert opened.ask("[...it.atlas.ranked].filter(c => it.state.shows(c)).length") == size
    opened.settle()
    assert opened.ask("it.labels.named.every(c => it.state.shows(c))")
    button.click()
    assert opened.ask("it.state.community") is None


def test_games_and_languages_filter_the_map(published: Opened, opened: Explorer) -> None:
    atlas, _ = published
    games = atlas.nodes["game_name"].drop_nulls().value_counts(sort=True)
    assert opened.page.locator("#game").is_visible() == (games.height > 0)
    if games.height:
        game, known = games.row(0)
        opened.page.select_option("#game", label=f"{game} ({known})")
        assert opened.ask("[...it.atlas.ranked].filter(c => it.state.shows(c)).length") == known
        language, count = atlas.nodes["language"].value_counts(sort=True).row(0)
        opened.page.select_option("#language", label=f"{language_name(language)} ({count})")
        both = atlas.nodes.filter(game_name=game, language=language).height
        assert opened.ask("[...it.atlas.ranked].filter(c => it.state.shows(c)).length") == both
        opened.page.click("#reset")
        assert opened.ask("it.state.isFiltered") is False
        assert opened.page.input_value("#game") == ""


def test_names_follow_at_once_what_is_looked_at(opened: Explorer) -> None:
    opened.settle()
    at_once = "it.labels.named.includes(it.atlas.ranked[2]) && it.labels.named.every(c => it.state.lit.has(c))"
    assert opened.ask(f"(it.select(it.atlas.ranked[2]), {at_once})")


def test_names_follow_a_dragged_map_and_are_chosen_again_when_it_rests(opened: Explorer) -> None:
    opened.page.mouse.move(1300, 300)
    opened.page.mouse.down()
    opened.page.mouse.move(1280, 300)
    opened.page.mouse.move(1250, 310)
    opened.settle()
    moved = opened.ask("new DOMMatrix(getComputedStyle(document.querySelector('#countries')).transform)")
    assert moved["e"] == pytest.approx(-50, abs=1)
    assert moved["f"] == pytest.approx(10, abs=1)
    opened.page.mouse.up()
    opened.when("document.querySelector('#countries').style.transform === ''")
    named = opened.ask("it.labels.named.map(c => it.map.channelOnScreen(c)).every(([x, y]) => x > 0 && y > 0)")
    assert named


def test_closer_up_smaller_channels_get_names_and_countries_give_way(opened: Explorer) -> None:
    before = opened.ask("[it.labels.shownCommunities, it.atlas.viewersOf(it.labels.named.at(-1))]")
    opened.ask("it.map.sigma.getCamera().setState({ x: 0.55, y: 0.5, ratio: 0.12 })")
    opened.settle()
    assert opened.ask("it.labels.shownCommunities") == 0 < before[0]
    opened.page.keyboard.press("0")


def test_a_picture_can_be_saved(published: Opened, opened: Explorer) -> None:
    with opened.page.expect_download() as download:
        opened.page.click("#save")
    with Image.open(download.value.path()) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert download.value.suggested_filename == f"viewer-atlas-{published[0].day}.png"
    assert pixels.shape == (900, 1440, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_texts_and_colors_stand_out(browser: Browser, published: Opened, scheme: str) -> None:
    with explorer(browser, published[1], color_scheme=scheme) as page:
        paper, ink = page.page.evaluate(
            "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert contrast(ink, paper) >= 7
        dim = page.page.evaluate("() => getComputedStyle(document.querySelector('h1 small')).color")
        assert contrast(dim, paper) >= 7
        colors = page.ask("it.atlas.head.communities.map(c => c.colours)")
        assert min(contrast(each[scheme == "light"], paper) for each in colors) >= 3
        page.page.click("#theme")
        assert page.page.evaluate("() => getComputedStyle(document.body).backgroundColor") != paper


def test_the_camera_jumps_for_those_who_want_no_motion_and_every_control_has_a_name(opened: Explorer) -> None:
    steps = opened.page.evaluate(
        """async () => {
            const camera = atlasExplorer.map.sigma.getCamera();
            let steps = 0;
            camera.on("updated", () => steps++);
            atlasExplorer.select(3);
            await new Promise(done => setTimeout(done, 600));
            return steps;
        }"""
    )
    assert steps <= 2
    nameless = opened.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter(each => each.offsetParent
            && !each.ariaLabel && !each.textContent.trim() && !each.labels?.length).length"""
    )
    assert nameless == 0


def test_on_a_phone_it_fits_and_details_are_a_sheet(browser: Browser, published: Opened) -> None:
    options: dict[str, Any] = {"viewport": NARROW, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
    with explorer(browser, published[1], **options) as page:
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        page.ask("it.select(it.atlas.ranked[0])")
        box = page.page.locator("#panel").bounding_box()
        assert box is not None
        assert box["height"] <= 0.5 * NARROW["height"]
        assert box["y"] > 0.4 * NARROW["height"]
        page.page.click("#legend summary")
        smallest = page.page.evaluate(
            """() => Math.min(...[...document.querySelectorAll(
                "#tools button, #panel button, #legend button, #search")]
                .filter(each => each.offsetParent).map(each => Math.min(each.offsetWidth, each.offsetHeight)))"""
        )
        assert smallest >= 24
        assert not page.errors


def test_names_are_text_whatever_they_hold(browser: Browser, tmp_path: Path) -> None:
    file = written(hostile_atlas(), tmp_path / "hostile.html")
    with explorer(browser, file) as page:
        for number in range(len(HOSTILE)):
            page.ask(f"it.select({number})")
            page.settle()
        page.page.fill("#search", "<img src=x onerror=window.hacked=1>")
        page.page.fill("#search", "script")
        page.page.click("#legend li button")
        page.settle()
        assert page.page.evaluate("() => window.hacked === undefined")
        assert not page.errors
        assert not page.requests
        assert page.page.locator("#panel img, #results img, #legend img").count() == 0


def test_an_empty_atlas_opens_too(browser: Browser, tmp_path: Path) -> None:
    with explorer(browser, written(empty_atlas(), tmp_path / "empty.html")) as page:
        assert not page.errors
        assert page.ask("it.atlas.size") == 0
