"""`import live` and `analyze` as a person runs them, on the folder of a week of somebody's collecting."""

import datetime as dt
import json
import random
import re
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path

import dagster as dg
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE, GRAPH_EDGES, GRAPH_NODES
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.importers.snapshot_files import (
    SampleSnapshot,
    csv_by_chatter,
    csv_by_username,
    csv_of_lists,
    json_array,
    write_csv,
    write_json,
)
from vieweratlas_tests.integration.command import Command

FIRST = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
DAYS = [FIRST.date() + dt.timedelta(days=number) for number in range(4)]
CHANNELS = ["rocket_beans", "esl_csgo", "_under_", "chess_24", "nova"]
SETTINGS = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "2"}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def a_week(seed: int = 7) -> list[SampleSnapshot]:
    """Snapshots of five channels over four days; the broadcaster and a bot chat too, in any case."""
    draw = random.Random(seed)
    told = []
    for number in range(300):
        channel = CHANNELS[number % 5]
        at = FIRST + dt.timedelta(seconds=draw.randrange(4 * 86400))
        crowd = [f"Viewer_{draw.randrange(60)}" for _ in range(draw.randrange(12))]
        told.append(SampleSnapshot(channel, at, (*crowd, channel.upper(), "NightBot")))
    return told


def write_folder(folder: Path, told: list[SampleSnapshot]) -> None:
    """200 flat files by day, as the collector left them in local time, and the rest in each other shape."""
    berlin = dt.timedelta(hours=1)  # all of the week lies in winter
    for each in told[:200]:
        local = each.at + berlin
        name = f"{local:%Y/%m/%d}/{each.channel}_{local:%Y%m%d_%H%M%S}.json"
        snapshot = {"timestamp": f"{local:%Y-%m-%dT%H:%M:%S}", "viewer_count": "Unavailable", "game_name": "Chess"}
        write_json(folder / "raw/snapshots" / name, snapshot | {"chatters": list(each.chatters)})
    json_array(folder / "logs", told[200:240])
    csv_by_username(folder, told[230:260])
    csv_by_chatter(folder, told[260:280])
    csv_of_lists(";".join)(folder, told[280:])


def pairs_by_hand(told: list[SampleSnapshot]) -> dict[dt.date, Counter[tuple[str, str]]]:
    """Minutes of each (channel, viewer) of each day, without the bot and the broadcaster, in plain Python."""
    minutes = {(each.channel, name.lower(), each.at.replace(second=0)) for each in told for name in each.chatters}
    pairs: dict[dt.date, Counter[tuple[str, str]]] = defaultdict(Counter)
    for channel, viewer, minute in minutes:
        if viewer not in ("nightbot", channel):
            pairs[minute.date()][channel, viewer] += 1
    return pairs


def hours_in(root: Path) -> dict[str, bytes]:
    store = LocalStore(root)
    return {key: store.download_bytes(key) for key in store.list_files("raw/") if lake.raw_hour_of(key)}


def told_to_dagster(command: Command) -> set[str]:
    with dg.DagsterInstance.from_config(str(command.folder / "home")) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey("raw_snapshots")))


def figures(printed: str) -> dict[str, int]:
    """The closing table of an import."""
    return {what: int(count.replace(",", "")) for what, count in re.findall(r"│ (.+?) +│ +([\d,]+) +│", printed)}


@pytest.mark.slow
def test_a_folder_of_every_shape_becomes_an_atlas_with_exact_counts(command: Command) -> None:
    folder, told = command.folder / "theirs", a_week()
    write_folder(folder, told)
    (folder / "broken.json").write_text(json.dumps({"chatters": []})[:-3])
    write_csv(folder / "odd.csv", ("a", "b"), [(1, 2)])

    printed = command.run("import", "live", str(folder), "--time-zone", "Europe/Berlin", **SETTINGS)

    assert figures(printed) == {
        "files accepted": 204,
        "snapshots accepted": 310,
        "files without a usable snapshot": 2,
        "hours written": len({f"{each.at:%d%H}" for each in told}),
        "rejected": 2,
    }
    assert "rejected broken.json: is not JSON" in printed
    assert "rejected odd.csv: missing column(s) timestamp, channel or channel_login" in printed
    hours = {f"{each.at:%Y-%m-%d-%H}:00" for each in told}
    assert told_to_dagster(command) == hours

    command.run("analyze", "--from", str(DAYS[0]), "--to", str(DAYS[-1]), **SETTINGS)

    sealed, pairs = SealedPartitions(LocalStore(command.root)), pairs_by_hand(told)
    for number, day in enumerate(DAYS):
        record = sealed.record("channel_audience", day)
        found = sealed.table(record, CHANNEL_AUDIENCE)
        assert dict(zip(found.select("channel", "viewer").rows(), found["buckets"], strict=True)) == pairs[day]
        graph = sealed.record("overlap_graph", day)
        viewers = defaultdict(set)
        for channel, viewer in set().union(*(pairs[each] for each in DAYS[max(number - 1, 0) : number + 1])):
            viewers[channel].add(viewer)
        nodes = dict(sealed.table(graph, GRAPH_NODES).select("channel", "viewers").rows())
        assert nodes == {channel: len(names) for channel, names in viewers.items()}
        edges = sealed.table(graph, GRAPH_EDGES).select("channel_a", "channel_b", "shared_viewers").rows()
        assert {(a, b): shared for a, b, shared in edges} == {
            (a, b): len(viewers[a] & viewers[b])
            for a in viewers
            for b in viewers
            if a < b and viewers[a] & viewers[b]
        }

    before = hours_in(command.root)
    again = command.run("import", "live", str(folder), "--time-zone", "Europe/Berlin", **SETTINGS)
    assert figures(again) == {
        "files already there": 204,
        "files without a usable snapshot": 2,
        "hours written": 0,
        "rejected": 2,
    }
    assert hours_in(command.root) == before


def test_hours_before_the_first_partition_are_imported_and_not_told_to_dagster(command: Command) -> None:
    path = write_json(command.folder / "alpha_20200301_120000.json", {"chatters": ["ann"]})
    command.run("import", "live", str(path))
    assert len(hours_in(command.root)) == 1
    assert told_to_dagster(command) == set()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "Path 'nowhere' does not exist"),
        (["--time-zone", "Berlin", "."], "'Berlin' is not an IANA time zone, such as UTC or Europe/Berlin"),
        (["--time-zone", "../etc", "."], "is not an IANA time zone"),
        (["empty"], "holds no file that ends in .json or .csv"),
    ],
)
def test_bad_arguments_are_one_clear_line(command: Command, arguments: list[str], told: str) -> None:
    (command.folder / "empty").mkdir()
    printed = command.run("import", "live", *arguments, fails=True)
    assert told in printed
    assert "Traceback" not in printed


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_import_that_was_killed_goes_on_to_the_same_lake(command: Command) -> None:
    folder, told = command.folder / "theirs", a_week()
    write_folder(folder, told)
    untouched = Command(command.folder / "untouched")
    untouched.folder.mkdir()
    untouched.run("import", "live", str(folder))
    whole = hours_in(untouched.root)

    process = command.start("import", "live", str(folder))
    while not (command.root / "raw").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    cut = hours_in(command.root)
    assert len(cut) < len(whole), "nothing was cut off"

    command.run("import", "live", str(folder))

    assert hours_in(command.root) == whole
    assert told_to_dagster(command) == told_to_dagster(untouched)
