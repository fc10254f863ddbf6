"""Types of values: what a text means, and what it must be."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from vieweratlas_assets.settings import CollectionSettings
from vieweratlas_assets.settings.values import (
    Address,
    ChatAddress,
    Logins,
    LogLevel,
    Place,
    PlaceOrNone,
    Prefix,
    Schedules,
    Secret,
    Size,
    Targets,
    TimeZone,
    WebSocketAddress,
    size_bytes,
)


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2GB", 2_000_000_000),
        ("2gb", 2_000_000_000),
        ("2 G", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("512MiB", 536_870_912),
        ("300KB", 300_000),
        ("1TB", 10**12),
        ("4096", 4096),
        ("7B", 7),
    ],
)
def test_a_size_is_read_in_bytes(text: str, expected: int) -> None:
    assert size_bytes(text) == expected
    assert read(Size, text) == text


@given(st.integers(1, 10**6), st.sampled_from(["", "K", "M", "G"]))
def test_binary_units_are_the_larger_ones(number: int, unit: str) -> None:
    decimal = size_bytes(f"{number}{unit}B")
    assert decimal == number * 1000 ** " KMG".index(unit or " ")
    if unit:
        binary = size_bytes(f"{number}{unit}iB")
        assert binary == number * 1024 ** " KMG".index(unit)


def test_channels_come_from_text_or_a_list() -> None:
    assert CollectionSettings(channels=" Ann,bob,, ").channels == ("ann", "bob")
    assert CollectionSettings(channels=["Ann", "bob "]).channels == ("ann", "bob")
    with pytest.raises(ValidationError, match="write logins, separated by commas"):
        CollectionSettings(channels=[1])


@pytest.mark.parametrize("text", ["", "0", "0.4B", "2 gigabytes", "-1GB", "1e9", "1,5GB", "GB"])
def test_a_text_that_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and a unit, such as 2GB, 500MB"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Size, 4096, "4096"),
        (TimeZone, "Europe/Berlin", "Europe/Berlin"),
        (Place, "~/logs", Path.home() / "logs"),
        (Place, Path("logs"), Path("logs")),
        (PlaceOrNone, "", None),
        (PlaceOrNone, "out", Path("out")),
        (LogLevel, "debug", "DEBUG"),
        (Logins, "", ()),
        (Logins, " Ann,,bob ", ("ann", "bob")),
        (Schedules, "daily_atlas_schedule, ,", ("daily_atlas_schedule",)),
        (Schedules, ["daily_atlas_schedule"], ("daily_atlas_schedule",)),
        (Targets, "", {}),
        (Targets, '{"mine": "a.b:c.d"}', {"mine": "a.b:c.d"}),
        (Prefix, "", ""),
        (Prefix, "/deep/er/", "/deep/er/"),
        (Address, "http://127.0.0.1:8200/helix", "http://127.0.0.1:8200/helix"),
        (ChatAddress, "ircs://irc.chat.twitch.tv:6697", "ircs://irc.chat.twitch.tv:6697"),
        (WebSocketAddress, "wss://eventsub.wss.twitch.tv/ws", "wss://eventsub.wss.twitch.tv/ws"),
    ],
)
def test_a_value_is_read_as_what_it_means(kind: Any, value: object, expected: object) -> None:
    assert read(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (TimeZone, "Berlin", "write an IANA name"),
        (TimeZone, "/etc/passwd", "write an IANA name"),
        (TimeZone, "", "write an IANA name"),
        (Place, " ", "name a file or folder"),
        (PlaceOrNone, " ", "name a file or folder"),
        (Logins, 5, "write logins, separated by commas"),
        (Schedules, "hourly", "channel_roster_schedule"),
        (Targets, "mine=a:b", "write JSON such as"),
        (Targets, "[]", "write names, each with its object"),
        (Targets, {"Mine": "a:b"}, "'Mine' is not a valid name: write two or more lowercase letters"),
        (Targets, {"m": "a:b"}, "'m' is not a valid name"),
        (Targets, {"mine": "a.b"}, r"mine is 'a.b'; write package.module:attribute"),
        (Targets, {"mine": 5}, "mine is 5; write package.module:attribute"),
        (Prefix, "a//b", "without '.', '..' and backslashes"),
        (Prefix, "a/./b", "without '.', '..' and backslashes"),
        (Address, "ftp://host", "match pattern"),
        (ChatAddress, "irc://host:port", "match pattern"),
        (WebSocketAddress, "https://host", "match pattern"),
        (Secret, "", "at least 1"),
    ],
)
def test_an_impossible_value_is_refused_with_what_to_write(kind: Any, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(kind, value)


NAMES = st.from_regex(r"[a-z][a-z0-9_]+", fullmatch=True)


@given(st.dictionaries(NAMES, st.builds("{}.{}:{}".format, NAMES, NAMES, NAMES), max_size=3))
def test_targets_are_the_same_as_json_and_as_a_mapping(targets: dict[str, str]) -> None:
    assert read(Targets, json.dumps(targets)) == read(Targets, targets) == targets
