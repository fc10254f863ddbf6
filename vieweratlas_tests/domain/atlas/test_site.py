"""The packed day and the files of the site: they equal the tables, and all fields are documented."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from vieweratlas_assets.domain.atlas import site
from vieweratlas_assets.domain.atlas.day_data import day_data, read_day
from vieweratlas_assets.domain.lake import cache_control
from vieweratlas_tests.domain.atlas.samples import DAY, packed_day, small_atlas
from vieweratlas_tests.domain.atlas.test_changes import earlier

DOCUMENT = Path(__file__).parents[3] / "docs/site.md"


def test_names_are_included_if_they_differ_from_logins() -> None:
    atlas = small_atlas()
    nodes = atlas.nodes.with_columns(
        display_name=pl.when(pl.col("channel") == "channel_03").then(pl.lit("チャンネル"))
    )
    named = type(atlas)(DAY, nodes, atlas.edges, atlas.communities, atlas.tags, atlas.layout, atlas.history)
    head = read_day(day_data(named)).head
    assert [head["names"][at] for at in (2, 3)] == ["", "チャンネル"]
    documents = dict(site.channel_files([read_day(day_data(named))]))
    assert json.loads(documents["channels/channel_03.json"])["name"] == "チャンネル"


def test_files_of_a_day_are_named_by_their_content() -> None:
    packed = packed_day("small")
    files = site.day_files(DAY, packed, read_day(packed))
    other = site.day_files(DAY, day_data(small_atlas(), earlier()), read_day(day_data(small_atlas(), earlier())))
    assert all(re.fullmatch(r"days/2026-11-22-[0-9a-f]{12}\.(bin|json)", name) for name in files)
    assert not files.keys() & other.keys()


def test_a_manifest_lists_all_days_and_the_newest() -> None:
    blocks = {DAY.replace(day=number): read_day(packed_day("small")) for number in (20, 3, 11)}
    entries = {day: site.day_entry(day, site.day_files(day, b"", block), block) for day, block in blocks.items()}
    manifest = json.loads(site.manifest(entries))
    assert manifest["newest"] == "2026-11-20"
    assert [day["date"][-2:] for day in manifest["days"]] == ["03", "11", "20"]
    assert {key: manifest["days"][0][key] for key in ("channels", "communities", "links")} == {
        "channels": 12,
        "communities": 2,
        "links": 12,
    }
    assert json.loads(site.manifest({}))["newest"] is None


def test_names_that_are_not_logins_have_their_own_files() -> None:
    block = read_day(packed_day("hostile"))
    files = [name for name, _ in site.channel_files([block])]
    assert len(set(files)) == len(files) == len(block.head["channels"])
    assert all(name.count("/") == 1 and ".." not in name for name in files)


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for entry in value.values() for key in keys_of(entry)}
    return {key for entry in value for key in keys_of(entry)} if isinstance(value, list) else set()


def test_every_field_is_documented_and_every_documented_field_exists() -> None:
    block = read_day(
        day_data(
            small_atlas(), earlier(("split", 1, 3, "", 0.6), ("merged", 1, 3, "", 0.6), ("died", 3, 0, "", None))
        )
    )
    files = site.day_files(DAY, b"", block)
    parts = {
        "manifest.json": json.loads(site.manifest({DAY: site.day_entry(DAY, files, block)})),
        "days/": site.day_document(block),
        "channels/": json.loads(next(iter(site.channel_files([block])))[1]),
    }
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for begin, document in parts.items():
        (section,) = [text for text in sections if text.startswith(f"`{begin}")]
        documented = set(re.findall(r"^\| `(?:[a-z_]+(?:\[\])?\.)*([a-z_]+)(?:\[\])?` \|", section, re.MULTILINE))
        assert documented == keys_of(document), begin


def test_only_the_files_of_a_day_may_be_cached_forever() -> None:
    assert "immutable" in str(cache_control("site/days/2026-11-22-0123456789ab.bin"))
    assert cache_control("site/manifest.json") == cache_control("site/index.html") == "public, max-age=60"
    assert cache_control("atlas/latest/explorer.html") is None
