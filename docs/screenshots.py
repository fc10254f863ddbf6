"""Take the pictures of the docs: `make screenshots`, after `make demo`.

Needs Debian's chromium. Writes to docs/images: the map, the explorer, the asset graph and two asset pages.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Page, sync_playwright

from vieweratlas_assets.domain.lake import latest_file
from vieweratlas_tests.integration.dg_dev import dg_dev

IMAGES = Path(__file__).parent / "images"
CHROMIUM = [
    *("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
    *("--disable-background-networking", "--disable-component-update"),
]
COLORS = 255


def save(png: bytes, name: str, width: int = 1400) -> None:
    """Shrink a picture for the docs and write it."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(picture.height * width / picture.width)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    small.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def expand_groups(page: Page) -> None:
    """Open the groups of the asset graph, one click each."""
    for group in ("collection", "presence", "atlas"):
        page.get_by_text(group, exact=True).last.dblclick()
        page.wait_for_timeout(1500)


def show_all(page: Page) -> None:
    """Show the whole asset graph: a double click on empty space does, but a slow machine needs several."""
    for _ in range(6):
        page.mouse.dblclick(580, 2540)
        page.wait_for_timeout(2500)


def main(root: Path, home: Path) -> None:
    """Take all pictures of a lake that has an atlas, with the Dagster history in `home`."""
    IMAGES.mkdir(exist_ok=True)
    save((root / latest_file("community_graph.png")).read_bytes(), "atlas.png")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM) as browser,
    ):
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        dark = browser.new_page(viewport={"width": 1600, "height": 1000}, color_scheme="dark")
        large = browser.new_page(viewport={"width": 2800, "height": 2600})
        dark.goto((root / latest_file("explorer.html")).absolute().as_uri())
        dark.wait_for_selector("html[data-ready]")
        dark.keyboard.press("/")
        dark.keyboard.type("goldenolegxo")
        dark.keyboard.press("Enter")
        dark.keyboard.press("Escape")
        dark.wait_for_timeout(2000)
        save(dark.screenshot(), "explorer.png")
        with dg_dev(root, home) as dev:
            large.goto(f"{dev.url}/asset-groups")
            large.wait_for_load_state("networkidle")
            large.wait_for_timeout(3000)
            expand_groups(large)
            show_all(large)
            graph: FloatRect = {"x": 540, "y": 340, "width": 2220, "height": 2130}
            save(large.screenshot(clip=graph), "asset_graph.png")
            page.goto(f"{dev.url}/assets/channel_audience?view=overview")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(3000)
            save(page.screenshot(), "asset_page.png")
            page.goto(f"{dev.url}/assets/atlas_png?view=overview")
            page.wait_for_load_state("networkidle")
            page.get_by_text("[Show Markdown]").first.click()
            page.wait_for_timeout(2000)
            save(page.screenshot(), "asset_picture.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
