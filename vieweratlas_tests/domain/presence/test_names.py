"""How viewers' names are stored: folding, pseudonyms, opt-outs."""

import copy
import datetime as dt
import hashlib
import hmac
import pickle
import re
from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vieweratlas_assets.domain.presence.filters import AudienceFilters
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames, fold
from vieweratlas_tests.domain.presence.samples import NOON, audience, filtered, presence, snapshot

KEY = b"a key of the tests, 32 bytes long"
OTHER_KEY = b"another key of tests, 32 bytes and more"
KEYED = ViewerNames(pseudonymous=True, key=KEY)

LOGINS = st.from_regex(r"[a-z0-9_]{1,25}", fullmatch=True)
ANY_NAME = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
BLANKS = st.text(" \t\n\u00a0\u3000", max_size=3)


def stored(names: ViewerNames, *given_names: str | None) -> list[str | None]:
    return names.stored(pl.Series("viewer", given_names, dtype=pl.String)).to_list()


def independent_pseudonym(login: str, key: bytes = KEY) -> str:
    return "p." + hmac.digest(key, login.encode(), hashlib.sha256).hex()[:24]


@given(st.lists(LOGINS, max_size=30))
def test_a_pseudonym_is_the_mark_and_24_digits_of_the_keyed_hash(logins: list[str]) -> None:
    assert stored(KEYED, *logins) == [independent_pseudonym(login) for login in logins]


def test_the_pseudonym_of_a_login_is_the_same_in_all_versions() -> None:
    # printf ann | openssl dgst -sha256 -hmac "$KEY"
    assert stored(KEYED, "ann") == ["p.be2a0be57a70085effa828f4"]


@given(ANY_NAME)
def test_a_pseudonym_does_not_change(name: str) -> None:
    once = stored(KEYED, name)
    assert stored(KEYED, *once) == once
    assert stored(PLAIN, *once) == once
    assert stored(ViewerNames(pseudonymous=True, key=OTHER_KEY), *once) == once


@given(LOGINS, st.data())
def test_case_and_blanks_do_not_make_another_viewer(login: str, data: st.DataObject) -> None:
    written = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in login)
    written = data.draw(BLANKS) + written + data.draw(BLANKS)

    assert stored(KEYED, written) == stored(KEYED, login)
    assert stored(PLAIN, written) == [login]


@given(st.sets(LOGINS, max_size=50))
def test_distinct_viewers_have_distinct_pseudonyms_that_cannot_be_logins(logins: set[str]) -> None:
    pseudonyms = stored(KEYED, *logins)

    assert len(set(pseudonyms)) == len(logins)
    assert all(
        name and re.fullmatch(r"p\.[0-9a-f]{24}", name) and not re.fullmatch(r"[a-z0-9_]*", name)
        for name in pseudonyms
    )


@given(st.lists(ANY_NAME))
def test_plain_names_are_stored_as_folded(names: list[str]) -> None:
    once = fold(names)
    assert stored(PLAIN, *once) == [name or None for name in once]


@given(st.lists(st.lists(st.one_of(st.none(), ANY_NAME, LOGINS), max_size=6), max_size=8))
def test_lists_of_chatters_are_distinct_sorted_and_stored_like_single_names(lists: list[list[str | None]]) -> None:
    series = pl.Series("chatters", lists, dtype=pl.List(pl.String))
    for names in (PLAIN, KEYED, ViewerNames(opted_out_viewers=["ann"])):
        expected = [sorted({name for name in stored(names, *given_names) if name}) for given_names in lists]
        assert names.chatters(series).to_list() == expected


def test_an_unknown_list_stays_unknown() -> None:
    series = pl.Series("chatters", [None, [], ["Ann", None, " "]], dtype=pl.List(pl.String))
    assert PLAIN.chatters(series).to_list() == [None, [], ["ann"]]
    assert KEYED.chatters(series).to_list() == [None, [], [independent_pseudonym("ann")]]


def test_another_key_gives_other_pseudonyms() -> None:
    assert stored(ViewerNames(pseudonymous=True, key=OTHER_KEY), "ann") == [independent_pseudonym("ann", OTHER_KEY)]
    assert stored(KEYED, "ann") != stored(ViewerNames(pseudonymous=True, key=OTHER_KEY), "ann")


@pytest.mark.parametrize("mode", ["plain", "plain with a key", "pseudonymous"])
@pytest.mark.parametrize(
    "listed", ["ann", " ANN ", independent_pseudonym("ann"), independent_pseudonym("ann").upper()]
)
def test_viewers_who_opted_out_are_not_stored_in_any_form_of_the_name(mode: str, listed: str) -> None:
    key = None if mode == "plain" else KEY
    names = ViewerNames(pseudonymous=mode == "pseudonymous", key=key, opted_out_viewers=[listed, ""])
    left = stored(names, "Ann", "ann", independent_pseudonym("ann"), "anna", " ")

    # Without a key, it is not known that a login and a pseudonym are the same viewer.
    by_pseudonym_only = key is None and "." in listed
    by_login_only = key is None and not by_pseudonym_only
    assert left[:2] == (["ann", "ann"] if by_pseudonym_only else [None, None])
    assert left[2] == (independent_pseudonym("ann") if by_login_only else None)
    assert left[3:] == [independent_pseudonym("anna") if mode == "pseudonymous" else "anna", None]


def test_presence_of_a_channel_that_opted_out_is_dropped_and_counts_are_updated() -> None:
    rows = presence(snapshot("a", ["ann", "bob"]), snapshot("a", ["ann"], timestamp="later"), snapshot("b", ["bob"]))
    names = ViewerNames(opted_out_viewers=["ANN"], opted_out_channels=["B "])

    left = names.apply(rows)

    assert left.select("channel", "chatters", "viewer_count").rows() == [("a", ["bob"], 1), ("a", [], 0)]
    assert PLAIN.apply(rows) is rows
    assert left.schema == rows.schema
    assert not names.keeps_channel("b")
    assert names.keeps_channel("a")


def test_bots_and_broadcasters_are_recognized_in_any_form_of_their_names() -> None:
    logins = ["nightbot", "a", "ann"]
    for names in (KEYED, ViewerNames(key=KEY)):
        for form in (logins, [independent_pseudonym(login) for login in logins]):
            pairs = audience(*(("a", viewer, 1) for viewer in form))
            left, effects = filtered(pairs, AudienceFilters(), names)
            assert left["viewer"].to_list() == [form[2]]
            assert [(effect.name, effect.pairs) for effect in effects[:2]] == [("known_bots", 1), ("broadcaster", 1)]
            assert left.columns == pairs.columns


def test_the_fingerprint_changes_only_with_mode_key_and_opt_outs() -> None:
    variants = [
        ViewerNames(),
        ViewerNames(opted_out_viewers=["ann"]),
        ViewerNames(opted_out_viewers=["bob"]),
        ViewerNames(opted_out_channels=["ann"]),
        ViewerNames(key=KEY),
        ViewerNames(pseudonymous=True, key=KEY),
        ViewerNames(pseudonymous=True, key=OTHER_KEY),
        ViewerNames(pseudonymous=True, key=KEY, opted_out_viewers=["ann"]),
    ]
    assert len({names.fingerprint() for names in variants}) == len(variants)
    assert variants[0].fingerprint() == ""
    again = ViewerNames(pseudonymous=True, key=KEY, opted_out_viewers=[" ANN", "ann"])
    assert again.fingerprint() == variants[-1].fingerprint()
    # The description may be published: it does not depend on who opted out.
    assert variants[-1].described() == variants[5].described() != variants[6].described()
    assert ViewerNames(opted_out_viewers=["ann"]).described() == {"viewer_names": "plain"}


def test_no_view_of_the_object_reveals_the_key_or_the_opt_outs() -> None:
    names = ViewerNames(pseudonymous=True, key=KEY, opted_out_viewers=["zoe"], opted_out_channels=["bob"])
    attributes = [getattr(names, slot) for slot in ViewerNames.__slots__]
    shown = f"{names!r} {names} {attributes} {names.fingerprint()} {names.described()}"
    for secret in (KEY.decode(), KEY.hex(), repr(KEY)):
        assert secret not in shown
    assert "zoe" not in repr(names)
    assert "bob" not in repr(names)
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(names)


@pytest.mark.parametrize(
    ("key", "message"), [(None, "need a key"), (b"short", "has 5 bytes; it must have at least 32")]
)
def test_pseudonyms_without_a_proper_key_are_refused(key: bytes | None, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        ViewerNames(pseudonymous=True, key=key)
    assert "short" not in str(raised.value)


CHAT = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 3),
        st.lists(st.sampled_from(["ann", "bob", "cy", "nightbot", "a", "b"]), unique=True),
    ),
    max_size=12,
    unique_by=lambda row: row[:2],
)


@given(CHAT)
def test_pseudonyms_are_a_bijection_so_that_channels_keep_their_viewers(
    chat: list[tuple[str, int, list[str]]],
) -> None:
    rows = presence(
        *(snapshot(c, chatters, bucket_start=NOON + dt.timedelta(minutes=minute)) for c, minute, chatters in chat)
    )
    named = KEYED.apply(rows)
    assert KEYED.apply(named).equals(named)

    def by_viewer(frame: pl.DataFrame) -> dict[str, set[tuple[str, str]]]:
        seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for channel, time, chatters in frame.select("channel", "timestamp", "chatters").iter_rows():
            for viewer in chatters:
                seen[viewer].add((channel, time))
        return seen

    assert by_viewer(named) == {independent_pseudonym(name): seen for name, seen in by_viewer(rows).items()}
    assert named["viewer_count"].to_list() == rows["viewer_count"].to_list()
