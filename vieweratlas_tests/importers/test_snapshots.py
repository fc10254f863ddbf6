"""Lists of names in one text: every separator, bracket and quote that files use, and what is refused."""

import pytest

from vieweratlas_assets.importers.snapshots import SnapshotError, names_in_text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("None", []),
        ("set()", []),
        ("[]", []),
        ("ann", ["ann"]),
        ("ann;bob|cid, dan eve", ["ann", "bob", "cid", "dan", "eve"]),
        ('["ann", null, 7]', ["ann", "7"]),
        ("['ann', \"o'brien\"]", ["ann", "o'brien"]),
        ("{'ann', 'bob'}", ["ann", "bob"]),
        ("('ann',)", ["ann"]),
        ("['ann' 'bob'\n 'cid']", ["ann", "bob", "cid"]),
        ("[ann, bob]", ["ann", "bob"]),
        ("'ann', \"bob\", None", ["ann", "bob"]),
        (r"['a\'b', '\u65e5']", ["a'b", "日"]),
    ],
)
def test_names_are_split_in_every_notation(text: str, names: list[str]) -> None:
    assert names_in_text(text) == names


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("['ann', 'bob'", "a list without its closing bracket"),
        ("[", "a list without its closing bracket"),
        ('{"ann": 1}', "not a list of names"),
        ('[["ann"]]', "not a list of names"),
        ("['ann'x]", "in which quotes do not match"),
        ("ann]", "in which brackets or quotes do not match"),
        ('["\\ud800"]', "in which a name is not valid Unicode"),
        (r"['\x']", r"is not a name"),
    ],
)
def test_a_text_that_is_not_a_list_of_names_is_refused_with_its_beginning(text: str, reason: str) -> None:
    with pytest.raises(SnapshotError, match=reason) as raised:
        names_in_text(text)

    assert str(raised.value).startswith("chatters is ")
