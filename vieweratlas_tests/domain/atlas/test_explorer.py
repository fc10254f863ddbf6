"""The explorer's page: it holds its days, and nothing else can get into it."""

import base64
import re

import pytest

from vieweratlas_assets.domain.atlas.explorer import (
    EXTRA_DAY_BYTES,
    days_within_budget,
    draw_explorer,
    draw_site_page,
)
from vieweratlas_tests.domain.atlas.samples import packed_day

LARGE, SMALL = b"x" * EXTRA_DAY_BYTES, b"x" * (EXTRA_DAY_BYTES // 4 * 3)


def days_in(page: str) -> list[bytes]:
    blocks = re.findall(r'<script class="day" type="application/gzip;base64">([^<]*)</script>', page)
    return [base64.b64decode(block) for block in blocks]


@pytest.mark.parametrize(
    ("earlier", "count"),
    [([], 0), ([SMALL, SMALL], 2), ([SMALL, LARGE, SMALL], 1), ([LARGE], 0), ([SMALL + b"x"], 0)],
)
def test_earlier_days_are_included_up_to_the_first_large_one(earlier: list[bytes], count: int) -> None:
    assert days_within_budget(earlier) == count


def test_a_page_holds_its_days_newest_first() -> None:
    day, before = packed_day("small"), packed_day("empty")
    assert days_in(draw_explorer(day, [before, LARGE, before])) == [day, before]
    assert days_in(draw_site_page()) == []


def test_a_page_names_its_day_and_its_counts() -> None:
    page = draw_explorer(packed_day("small"))
    assert "<title>ViewerAtlas · 2026-11-22</title>" in page
    assert 'content="12 channels in 2 communities, by the viewers they share. Audience = ' in page
    assert "$" not in page.partition("<script")[0]


def test_only_the_page_of_a_site_may_load_files() -> None:
    packed = draw_explorer(packed_day("small"))
    assert re.findall(r"connect-src ([^;]+);", packed) == ["'none'"]
    assert re.findall(r"connect-src ([^;]+);", draw_site_page()) == ["'self'"]


def test_names_are_in_the_packed_day_only_and_every_script_ends_once() -> None:
    page = draw_explorer(packed_day("hostile"))
    assert "hacked" not in page
    assert page.count("<script") == page.count("</script>") == 2
