"""Going from day to day in the explorer: in the page that holds its days, and on a site."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import polars as pl
import pytest
from playwright.sync_api import Browser, Route

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.atlas.changes import ranks
from vieweratlas_assets.domain.atlas.day_data import day_data
from vieweratlas_assets.domain.atlas.explorer import draw_explorer
from vieweratlas_assets.domain.atlas.site import channel_file
from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES
from vieweratlas_assets.importers.atlas import read_atlas
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.commands.site import served
from vieweratlas_tests.domain.atlas.week import BuiltDay, days_of
from vieweratlas_tests.explorer.pages import NARROW, SANDBOX, Explorer, explorer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("explorer_days")]


@pytest.fixture(scope="module")
def week(shared_data: Path) -> list[BuiltDay]:
    folder = shared_data / "atlas"
    graph = read_atlas(folder / "twitchatlas_2021-02_edges.csv", folder / "twitchatlas_2021-02_nodes.csv").graph
    return list(days_of(graph.nodes, graph.edges, 7))


@pytest.fixture(scope="module")
def page_of_week(week: list[BuiltDay], tmp_path_factory: pytest.TempPathFactory) -> Path:
    packed = [day_data(each.atlas, each.earlier) for each in week]
    file = tmp_path_factory.mktemp("week") / "week.html"
    file.write_text(draw_explorer(packed[-1], packed[-2::-1]), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def site(sandbox: LocalStore) -> Iterator[str]:
    with served(sandbox) as (host, port):
        yield f"http://{host}:{port}/"


@pytest.fixture
def opened(browser: Browser, page_of_week: Path) -> Iterator[Explorer]:
    with explorer(browser, page_of_week) as page:
        yield page
        assert not page.requests
        assert not page.errors


def go_to(page: Explorer, place: int) -> None:
    """Move the slider, as a person does."""
    page.page.locator("#day").fill(str(place))
    page.when(f"it.atlas.head.date === it.days.dates[{place}]")
    page.settle()


def test_each_more_day_is_within_its_budget(week: list[BuiltDay], page_of_week: Path) -> None:
    one = len(draw_explorer(day_data(week[-1].atlas, week[-1].earlier)))
    assert one + 6 * 100_000 < page_of_week.stat().st_size <= one + 6 * 450_000
    large = day_data(week[0].atlas) * 4
    assert draw_explorer(day_data(week[1].atlas), [large]).count('class="day"') == 1


def test_the_slider_keeps_the_channel_and_the_place(week: list[BuiltDay], opened: Explorer) -> None:
    kept = set.intersection(*(set(each.atlas.nodes["channel"]) for each in week))
    largest = week[-1].atlas.channels_by_size.filter(pl.col("channel").is_in(list(kept)))["channel"][2]
    opened.ask(f"it.select(it.atlas.channelOf('{largest}'))")
    opened.settle()
    view = opened.ask("it.map.view")
    for place in (0, 3, 6):
        go_to(opened, place)
        channels = week[place].atlas.channels.filter(channel=largest).row(0, named=True)
        assert opened.page.locator("#panel h2").inner_text() == channels["name"]
        assert opened.ask("it.atlas.viewersOf(it.state.selected)") == channels["viewers"]
        assert opened.ask("it.map.view") == pytest.approx(view, abs=1e-6)
        community = opened.ask("it.atlas.head.communities[it.atlas.communityOf(it.state.selected)].id")
        assert community == channels["community_id"]


def test_a_channel_that_a_day_lacks_is_reported_and_comes_back(week: list[BuiltDay], opened: Explorer) -> None:
    came = min(set(week[-1].atlas.nodes["channel"]) - set(week[0].atlas.nodes["channel"]))
    opened.ask(f"it.select(it.atlas.channelOf('{came}'))")
    go_to(opened, 0)
    assert "Not on the map of 5 October 2026" in opened.page.inner_text("#panel")
    go_to(opened, 6)
    assert opened.ask("it.atlas.head.channels[it.state.selected]") == came


def test_what_changed_is_what_happened(week: list[BuiltDay], opened: Explorer) -> None:
    opened.page.click("#changes")
    made = week[-1]
    assert made.earlier is not None
    text = opened.page.inner_text("#panel")
    joined = made.atlas.nodes.join(made.earlier.nodes, on="channel", how="anti").height
    left = made.earlier.nodes.join(made.atlas.nodes, on="channel", how="anti").height
    assert f"{joined} channels joined the map, {left} channels left it" in text
    assert f"Moved ({made.events.filter(event='moved').height})" in text
    for event, heading in (("born", "Born"), ("died", "Died"), ("split", "Split"), ("merged", "Merged")):
        assert (heading in text) == (made.events.filter(event=event).height > 0)
    both = made.atlas.channels.join(made.earlier.nodes, on="channel", suffix="_before")
    best = both.with_columns(gain=pl.col("viewers") - pl.col("viewers_before")).sort(
        "gain", "viewers", descending=True
    )
    gains = opened.page.locator("#panel h3", has_text="Biggest gains").locator("+ ol .name").all_inner_texts()
    assert gains == best["name"].head(12).to_list()
    opened.page.locator("#panel .rows button").first.click()
    opened.page.keyboard.press("Escape")
    assert opened.page.locator("#panel h2").inner_text() == "What changed"


def test_ranks_say_who_rose_fell_and_is_new(week: list[BuiltDay], opened: Explorer) -> None:
    made = week[-1]
    assert made.earlier is not None
    then = dict(ranks(made.earlier.nodes).select("channel", "rank").iter_rows())
    for channel, rank in ranks(made.atlas.nodes).sort("rank").select("channel", "rank").head(12).iter_rows():
        opened.ask(f"it.select(it.atlas.channelOf('{channel}'))")
        rise = None if then.get(channel) is None else then[channel] - rank
        word = "new" if channel not in then else "=" if not rise else f"{'▲' if rise > 0 else '▼'}{abs(rise)}"
        shown = opened.page.locator("#panel dd").nth(1)
        assert shown.evaluate("e => e.firstChild.textContent") == f"#{rank}"
        assert shown.locator("small > span[aria-hidden], small:not(:has(span))").inner_text().strip() == word


def test_trends_are_those_of_the_days(week: list[BuiltDay], opened: Explorer) -> None:
    channel = week[-1].atlas.channels_by_size["channel"][0]
    trend = opened.page.evaluate(f"() => atlasExplorer.days.trend('{channel}')")
    assert trend["days"] == [str(each.atlas.day) for each in week]
    assert trend["viewers"] == [of(each.atlas.nodes, channel) for each in week]
    for each in trend["overlaps"]:
        assert each["shared"] == [shared(made.atlas.edges, channel, each["channel"]) for made in week]
    opened.ask("it.select(it.atlas.ranked[0])")
    opened.page.wait_for_selector(".trend svg path")
    assert opened.page.locator(".trend").count() == 1 + len(trend["overlaps"])


def of(nodes: pl.DataFrame, channel: str) -> int | None:
    found = nodes.filter(channel=channel)["viewers"]
    return found[0] if len(found) else None


def shared(edges: pl.DataFrame, one: str, other: str) -> int:
    low, high = sorted((one, other))
    found = edges.filter(channel_a=low, channel_b=high)["shared_viewers"]
    return found[0] if len(found) else 0


def test_a_link_names_its_day(browser: Browser, page_of_week: Path, opened: Explorer) -> None:
    go_to(opened, 2)
    opened.page.wait_for_function("() => location.hash.includes('d=2026-10-07')")
    link = "#" + opened.page.url.split("#")[1]
    with explorer(browser, page_of_week, link) as other:
        assert other.ask("it.atlas.head.date") == "2026-10-07"
    with explorer(browser, page_of_week, "#d=1999-01-01") as other:
        assert other.ask("it.atlas.head.date") == "2026-10-11"
        assert not other.errors


def test_days_go_by_keyboard_and_stay_within_a_phone(browser: Browser, page_of_week: Path, opened: Explorer) -> None:
    opened.page.keyboard.press("[")
    opened.when("it.atlas.head.date === '2026-10-10'")
    opened.page.keyboard.press("]")
    opened.page.keyboard.press("]")
    opened.when("it.atlas.head.date === '2026-10-11'")
    assert opened.page.get_attribute("#day-after", "aria-disabled") == "true"
    with explorer(browser, page_of_week, viewport=NARROW, has_touch=True, is_mobile=True) as page:
        page.ask("it.select(it.atlas.ranked[0])")
        days, panel = (page.page.locator(each).bounding_box() for each in ("#days", "#panel"))
        assert days
        assert panel
        assert days["x"] >= 0
        assert days["x"] + days["width"] <= NARROW["width"]
        assert panel["y"] + panel["height"] <= days["y"]
        assert panel["height"] <= NARROW["height"] / 2
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_a_site_shows_all_its_days(browser: Browser, site: str) -> None:
    with explorer(browser, site) as page:
        assert page.ask("it.days.dates") == [str(day) for day in SANDBOX.dates]
        page.ask("it.select(it.atlas.ranked[0])")
        login = page.ask("it.atlas.head.channels[it.state.selected]")
        for place in (0, 1, 3):
            go_to(page, place)
            assert (
                page.ask("it.state.selected === null ? it.state.missing : it.atlas.head.channels[it.state.selected]")
                == login
            )
        page.page.wait_for_selector(".trend svg path")
        assert not page.errors
        assert all(sent.startswith(site) for sent in page.requests)
        assert any("/channels/" in sent for sent in page.requests)
        page.page.click("#changes")
        assert page.page.locator("#panel h2").inner_text() == "What changed"


def test_a_page_that_knows_the_old_version_of_a_day_loads_the_rebuilt_one(
    browser: Browser, site: str, sandbox: LocalStore
) -> None:
    manifest = ask(site, "manifest.json")
    first = manifest["days"][0]
    with explorer(browser, site) as page:
        data = sandbox.download_bytes(lake.site_file(first["bin"]))
        renamed = {**first, "bin": first["bin"].replace(".bin", "0.bin")}
        sandbox.upload_bytes(lake.site_file(renamed["bin"]), data)
        sandbox.delete(lake.site_file(first["bin"]))
        changed = {**manifest, "days": [renamed, *manifest["days"][1:]]}
        sandbox.upload_bytes(lake.site_file("manifest.json"), json.dumps(changed).encode())
        go_to(page, 0)
    sandbox.upload_bytes(lake.site_file(first["bin"]), data)
    sandbox.upload_bytes(lake.site_file("manifest.json"), json.dumps(manifest).encode())


def test_a_missing_day_is_reported_and_the_shown_one_stays(browser: Browser, site: str, sandbox: LocalStore) -> None:
    first = ask(site, "manifest.json")["days"][0]
    with explorer(browser, site) as page:
        data = sandbox.download_bytes(lake.site_file(first["bin"]))
        sandbox.delete(lake.site_file(first["bin"]))
        page.page.locator("#day").fill("0")
        page.page.wait_for_function(
            "() => document.querySelector('#live').textContent.includes('could not be loaded')"
        )
        assert page.ask("[it.atlas.head.date, document.querySelector('#day').value]") == [str(SANDBOX.dates[-1]), "3"]
    sandbox.upload_bytes(lake.site_file(first["bin"]), data)


def ask(site: str, name: str) -> Any:
    with urlopen(site + name) as answer:
        return json.load(answer)


def test_a_channel_s_file_is_what_the_tables_say(site: str, sandbox: LocalStore) -> None:
    sealed = SealedPartitions(sandbox)
    records = [sealed.record("overlap_graph", day) for day in SANDBOX.dates]
    nodes = [sealed.table(record, GRAPH_NODES) for record in records if record]
    edges = [sealed.table(record, GRAPH_EDGES) for record in records if record]
    for channel in nodes[-1]["channel"]:
        document = ask(site, channel_file(channel).replace("%", "%25"))
        its = edges[-1].filter((pl.col("channel_a") == channel) | (pl.col("channel_b") == channel))
        other = pl.when(pl.col("channel_a") == channel).then("channel_b").otherwise("channel_a")
        expected = dict(its.select(other, "shared_viewers").iter_rows())
        assert {each["channel"]: each["shared"] for each in document["overlaps"]} == expected
        assert [each["shared"] for each in document["overlaps"]] == sorted(expected.values(), reverse=True)
        assert document["viewers"] == of(nodes[-1], channel)
        assert document["trend"]["viewers"] == [of(n, channel) for n in nodes]
        for each in document["trend"]["overlaps"]:
            there = [
                shared(links, channel, each["channel"])
                if of(known, channel) is not None and of(known, each["channel"]) is not None
                else None
                for known, links in zip(nodes, edges, strict=True)
            ]
            assert each["shared"] == there


def test_a_slow_answer_does_not_undo_what_was_asked_for_since(browser: Browser, site: str) -> None:
    first, second = SANDBOX.dates[:2]
    with explorer(browser, site) as page:
        login = page.ask("it.atlas.head.channels[it.atlas.ranked[0]]")

        def answer_late(route: Route) -> None:
            page.page.wait_for_timeout(600)
            route.continue_()

        page.page.route(f"**/{first}-*.bin", answer_late)
        page.page.evaluate(f"() => {{ location.hash = '#d={first}&c=none_of_them' }}")
        page.page.evaluate(f"() => {{ location.hash = '#d={second}&c={login}' }}")
        page.when(f"it.atlas.head.date === '{second}' && it.state.selected !== null")
        page.page.wait_for_timeout(1000)
        assert page.ask("[it.atlas.head.date, it.atlas.head.channels[it.state.selected]]") == [str(second), login]
        assert f"c={login}" in page.page.url


def test_a_link_to_who_is_not_there_says_so_and_stays(browser: Browser, page_of_week: Path) -> None:
    with explorer(browser, page_of_week, "#c=long_gone") as page:
        assert "Not on the map of 11 October 2026" in page.page.inner_text("#panel")
        page.page.wait_for_function("() => location.hash.includes('v=') && location.hash.includes('c=long_gone')")


@pytest.mark.parametrize("width", [660, 768, 960, 1024])
def test_no_control_lies_over_another(browser: Browser, page_of_week: Path, width: int) -> None:
    with explorer(browser, page_of_week, viewport={"width": width, "height": 800}) as page:
        covered = page.page.evaluate(
            """() => [...document.querySelectorAll("#tools button, #days button")].filter(each => {
                const box = each.getBoundingClientRect();
                return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) !== each;
            }).map(each => each.id)"""
        )
        assert covered == []
