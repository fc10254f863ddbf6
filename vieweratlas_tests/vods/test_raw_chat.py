"""The raw chat of a VOD: second and stored name of each comment, the same bytes for the same comments."""

import gzip
import json
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.clients.vod_chat import Comment
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.vods.raw_chat import raw_chat

KEYED = ViewerNames(pseudonymous=True, key=b"k" * 32, opted_out_viewers=["bob"])
COMMENTS = [Comment("c1", 0, "ann"), Comment("c2", 7, None), Comment("c3", 7, "bob"), Comment("c4", 61, "ann")]


def stored(pages: list[list[Comment]], names: ViewerNames = PLAIN) -> bytes:
    with raw_chat(names) as file:
        for page in pages:
            file.add(page)
        return file.data()


def records(data: bytes) -> list[tuple[int, str | None]]:
    lines = map(json.loads, gzip.decompress(data).splitlines())
    return [(line["content_offset_seconds"], line["commenter"] and line["commenter"]["name"]) for line in lines]


def test_every_comment_has_its_second_and_its_writer() -> None:
    assert records(stored([COMMENTS])) == [(0, "ann"), (7, None), (7, "bob"), (61, "ann")]


def test_names_are_stored_as_pseudonyms_and_those_who_opted_out_are_unknown() -> None:
    data = stored([COMMENTS], KEYED)
    (ann,) = KEYED.stored(pl.Series(["ann"]))
    assert records(data) == [(0, ann), (7, None), (7, None), (61, ann)]
    assert ann != "ann"
    assert b"ann" not in gzip.decompress(data).replace(ann.encode(), b"")


@given(st.lists(st.integers(0, len(COMMENTS)), max_size=5).map(sorted))
def test_the_same_comments_give_the_same_bytes_in_any_pages(cuts: list[int]) -> None:
    pages = [COMMENTS[begin:end] for begin, end in pairwise([0, *cuts, len(COMMENTS)])]
    assert stored(pages) == stored([COMMENTS])


def test_a_vod_without_comments_is_a_valid_file_without_lines() -> None:
    assert gzip.decompress(stored([])) == b""


@pytest.mark.parametrize("login", ["한글", 'say "hi"', "two\nlines"])
def test_any_name_is_kept_on_its_line(login: str) -> None:
    assert records(stored([[Comment("c", 1, login)]])) == [(1, login)]
