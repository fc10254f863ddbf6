"""`import live` as a person runs it, on the folder of another collector, and the graph of what it imported."""

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
from vieweratlas_tests.lake_factories import run, settings_for
from vieweratlas_tests.sealed_records import sealed_record, sealed_table

FIRST = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
DAYS = [FIRST.date() + dt.timedelta(days=number) for number in range(4)]
CHANNELS = ["rocket_beans", "esl_csgo", "_under_", "chess_24", "nova"]
SETTINGS = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "2"}


def four_days(seed: int = 7) -> list[SampleSnapshot]:
    """Snapshots of five channels over four days; the broadcaster and a bot also chat, in mixed letter case."""
    draw = random.Random(seed)
    snapshots = []
    for number in range(300):
        channel = CHANNELS[number % 5]
        at = FIRST + dt.timedelta(seconds=draw.randrange(4 * 86400))
        crowd = [f"Viewer_{draw.randrange(60)}" for _ in range(draw.randrange(12))]
        snapshots.append(SampleSnapshot(channel, at, (*crowd, channel.upper(), "NightBot")))
    return snapshots


def write_folder(folder: Path, snapshots: list[SampleSnapshot]) -> None:
    """Write 200 files by local day, as that collector leaves them, and the rest in the other shapes."""
    berlin = dt.timedelta(hours=1)  # all four days are in winter
    for each in snapshots[:200]:
        local = each.at + berlin
        name = f"{local:%Y/%m/%d}/{each.channel}_{local:%Y%m%d_%H%M%S}.json"
        content = {"timestamp": f"{local:%Y-%m-%dT%H:%M:%S}", "viewer_count": "Unavailable", "game_name": "Chess"}
        write_json(folder / "raw/snapshots" / name, content | {"chatters": list(each.chatters)})
    json_array(folder / "logs", snapshots[200:240])
    csv_by_username(folder, snapshots[230:260])
    csv_by_chatter(folder, snapshots[260:280])
    csv_of_lists(";".join)(folder, snapshots[280:])


def minutes_by_pair(snapshots: list[SampleSnapshot]) -> dict[dt.date, Counter[tuple[str, str]]]:
    """Minutes per (channel, viewer) of each day, without the bot and the broadcaster, in plain Python."""
    minutes = {
        (each.channel, name.lower(), each.at.replace(second=0)) for each in snapshots for name in each.chatters
    }
    pairs: dict[dt.date, Counter[tuple[str, str]]] = defaultdict(Counter)
    for channel, viewer, minute in minutes:
        if viewer not in ("nightbot", channel):
            pairs[minute.date()][channel, viewer] += 1
    return pairs


def hours_in(root: Path) -> dict[str, bytes]:
    store = LocalStore(root)
    return {key: store.download_bytes(key) for key in store.list_files("raw/") if lake.raw_hour_of(key)}


def figures(printed: str) -> dict[str, int]:
    """The closing table of an import."""
    return {what: int(count.replace(",", "")) for what, count in re.findall(r"│ (.+?) +│ +([\d,]+) +│", printed)}


@pytest.mark.slow
def test_a_folder_of_every_shape_becomes_an_atlas_with_exact_counts(command: Command) -> None:
    folder, snapshots = command.folder / "theirs", four_days()
    write_folder(folder, snapshots)
    (folder / "broken.json").write_text(json.dumps({"chatters": []})[:-3])
    write_csv(folder / "odd.csv", ("a", "b"), [(1, 2)])

    printed = command.run("import", "live", str(folder), "--time-zone", "Europe/Berlin", **SETTINGS)

    assert figures(printed) == {
        "files accepted": 204,
        "snapshots accepted": 310,
        "files without a usable snapshot": 2,
        "hours written": len({f"{each.at:%d%H}" for each in snapshots}),
        "rejected": 2,
    }
    assert "rejected broken.json: is not JSON" in printed
    assert "rejected odd.csv: missing column(s) timestamp, channel or channel_login" in printed
    hours = {f"{each.at:%Y-%m-%d-%H}:00" for each in snapshots}
    assert command.materialized("raw_snapshots") == hours

    assets = ("live_presence", "channel_audience", "overlap_graph")
    settings = settings_for(command.root, window_days=2)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(settings, "daily_atlas", DAYS[0], DAYS[-1], instance=instance, assets=assets).success

    sealed, pairs = SealedPartitions(LocalStore(command.root)), minutes_by_pair(snapshots)
    for number, day in enumerate(DAYS):
        audience = sealed_table(sealed, "channel_audience", day, CHANNEL_AUDIENCE)
        assert dict(zip(audience.select("channel", "viewer").rows(), audience["buckets"], strict=True)) == pairs[day]
        graph = sealed_record(sealed, "overlap_graph", day)
        viewers: dict[str, set[str]] = defaultdict(set)
        for channel, viewer in set().union(*(pairs[each] for each in DAYS[max(number - 1, 0) : number + 1])):
            viewers[channel].add(viewer)
        nodes = sealed.table(graph, GRAPH_NODES).select("channel", "viewers")
        assert dict(nodes.iter_rows()) == {channel: len(names) for channel, names in viewers.items()}
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


def test_hours_before_the_first_partition_are_imported_but_not_reported_to_dagster(command: Command) -> None:
    path = write_json(command.folder / "alpha_20200301_120000.json", {"chatters": ["ann"]})
    command.run("import", "live", str(path))
    assert len(hours_in(command.root)) == 1
    assert command.materialized("raw_snapshots") == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "Path 'nowhere' does not exist"),
        (["--time-zone", "Berlin", "."], "'Berlin' is not an IANA time zone, such as UTC or Europe/Berlin"),
        (["--time-zone", "../etc", "."], "is not an IANA time zone"),
        (["empty"], "holds no file that ends in .json or .csv"),
    ],
)
def test_bad_arguments_are_one_clear_line(command: Command, arguments: list[str], message: str) -> None:
    (command.folder / "empty").mkdir()
    assert message in command.fail("import", "live", *arguments)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_import_that_was_killed_resumes_to_the_same_lake(command: Command) -> None:
    folder, snapshots = command.folder / "theirs", four_days()
    write_folder(folder, snapshots)
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
    assert len(cut) < len(whole), "the import was not cut off"

    command.run("import", "live", str(folder))

    assert hours_in(command.root) == whole
    assert command.materialized("raw_snapshots") == untouched.materialized("raw_snapshots")
