"""Percentages of overlap: their base, the shared viewers that follow, and the real Italian atlas."""

import csv
import math
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from vieweratlas_assets.domain.communities.detection import detect_communities
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_assets.importers.atlas import ImportedAtlas, tables_of
from vieweratlas_assets.importers.percentages import GAMES, MINUTES, OVERLAPS, STREAMERS, read_percentages
from vieweratlas_assets.importers.tabular import TableError
from vieweratlas_assets.settings import AnalysisSettings

PEOPLE = ["0,Ann,500", "1,bob,200", "2,cid,40", "3,ANN,30"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _write(
    folder: Path, overlaps: list[str], streamers: list[str] = PEOPLE, minutes: list[str] | None = None
) -> Path:
    def write_rows(name: str, header: str, rows: list[str]) -> None:
        (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")

    write_rows(STREAMERS, "idStreamer,streamer,spectTot", streamers)
    write_rows(OVERLAPS, "ID_streamer_i,ID_streamer_j,overlap_percentage", overlaps)
    if minutes is not None:
        write_rows(MINUTES, "ID_streamer,ID_game,minutes", minutes)
        write_rows(GAMES, "idGame,gameName,steamName", ["0,Chess,x", "1,Art,", "2,,"])
    return folder


def _shared(atlas: ImportedAtlas) -> dict[tuple[str, str], int]:
    return {(a, b): n for a, b, n in atlas.graph.edges.select("channel_a", "channel_b", "shared_viewers").rows()}


def test_a_percentage_is_of_the_smaller_channel_whichever_comes_first(folder: Path) -> None:
    atlas = read_percentages(_write(folder, ["0,1,10.3", "2,1,50.0"]))

    assert _shared(atlas) == {("ann", "bob"): 21, ("bob", "cid"): 20}
    assert atlas.graph.edges["overlap_coefficient"].to_list() == [21 / 200, 0.5]
    assert atlas.graph.nodes.select("channel", "viewers").rows() == [("ann", 500), ("bob", 200), ("cid", 40)]
    for table, frame in tables_of(atlas).items():
        table.validate(frame)


def test_both_directions_and_both_spellings_become_one_edge(folder: Path) -> None:
    atlas = read_percentages(_write(folder, ["0,1,10.0", "1,0,12.0", "3,1,50.0", "0,3,90.0", "1,2,0.4"]))

    assert _shared(atlas) == {("ann", "bob"): 24}
    counts = atlas.report.counts
    assert counts["overlaps read"] == 5
    assert counts["overlaps of less than one viewer dropped"] == 1
    assert counts["pairs of a channel with itself dropped"] == 1
    assert counts["duplicate edges merged, larger weight kept"] == 2
    assert counts["duplicate channels merged, larger size kept"] == 1


def test_a_channels_game_is_the_one_it_played_longest_under_all_its_spellings(folder: Path) -> None:
    minutes = ["0,0,30", "0,1,20", "3,1,15", "1,0,7", "1,1,7"]

    atlas = read_percentages(_write(folder, ["0,1,50"], minutes=minutes), language="it")

    assert atlas.graph.nodes.select("channel", "game_name", "language").rows() == [
        ("ann", "Art", "it"),
        ("bob", "Art", "it"),
        ("cid", None, "it"),
    ]
    assert read_percentages(folder).graph.nodes["language"].null_count() == 3


def test_impossible_rows_are_named_and_the_rest_are_read(folder: Path) -> None:
    streamers = [*PEOPLE, "4,,5", "0,again,5", "5,dan,lots"]
    overlaps = ["0,1,50", "0,9,50", "0,2,101", "0,2,-1", "0,2,half", "0,5,20"]
    minutes = ["0,0,30", "9,0,30", "0,7,30", "0,2,30", "0,0,-5"]

    atlas = read_percentages(_write(folder, overlaps, streamers, minutes))

    assert [str(each) for each in atlas.report.rejections] == [
        f"{STREAMERS}, row 6: idStreamer or streamer is empty",
        f"{STREAMERS}, row 7: a second streamer with the id 0",
        f"{STREAMERS}, row 8: spectTot is 'lots', not a whole number",
        f"{MINUTES}, row 3: streamer '9' is not in {STREAMERS}",
        f"{MINUTES}, row 4: game '7' is not in {GAMES}",
        f"{MINUTES}, row 5: game '2' is not in {GAMES}",
        f"{MINUTES}, row 6: minutes is '-5', not a whole number",
        f"{OVERLAPS}, row 3: streamer '9' is not in {STREAMERS}",
        *(
            f"{OVERLAPS}, row {row}: overlap_percentage is {text!r}; it must be a number from 0 to 100"
            for row, text in ((4, "101"), (5, "-1"), (6, "half"))
        ),
        f"{OVERLAPS}, row 7: streamer '5' is not in {STREAMERS}",
    ]
    assert _shared(atlas) == {("ann", "bob"): 100}


def test_thresholds_apply_and_a_missing_file_is_named(folder: Path) -> None:
    _write(folder, ["0,1,50", "1,2,50"])

    atlas = read_percentages(folder, overlap_threshold=21, min_channel_viewers=41)

    assert _shared(atlas) == {("ann", "bob"): 100}
    assert atlas.report.counts["channels below min_channel_viewers"] == 1
    (folder / OVERLAPS).unlink()
    with pytest.raises(TableError, match=r"Streamer-Streamer_dataset\.csv: cannot be read"):
        read_percentages(folder)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def italy(shared_data: Path) -> Path:
    return shared_data / "italy_2022"


@pytest.fixture(scope="module")
def imported(italy: Path) -> ImportedAtlas:
    return read_percentages(italy, language="it")


def test_the_real_percentages_are_of_the_smaller_channel(italy: Path) -> None:
    viewers = {row["idStreamer"]: int(row["spectTot"]) for row in _rows(italy / STREAMERS)}
    pairs = [
        (viewers[row["ID_streamer_i"]], viewers[row["ID_streamer_j"]], float(row["overlap_percentage"]))
        for row in _rows(italy / OVERLAPS)
    ]

    def possible(percentage: float, size: int) -> bool:
        exact = percentage * size / 100
        return any(round(100 * n / size, 1) == percentage for n in (math.floor(exact), math.ceil(exact)))

    small = [pair for pair in pairs if min(pair[:2]) < 400]
    assert len(small) == 27_325
    assert sum(possible(p, min(i, j)) for i, j, p in small) == 27_321
    first = [pair for pair in pairs if pair[0] < 400]
    assert sum(possible(p, i) for i, _, p in first) / len(first) < 0.6
    assert sum(p / 100 * i > j + 0.5 for i, j, p in pairs) == 34_621  # more than the second channel has
    listed = {(row["ID_streamer_i"], row["ID_streamer_j"]) for row in _rows(italy / OVERLAPS)}
    assert not any((j, i) in listed for i, j in listed)


def test_the_real_atlas_is_accounted_for_to_the_last_row(italy: Path, imported: ImportedAtlas) -> None:
    assert imported.report.rejections == []
    assert imported.report.counts == {
        "streamers read": 2_977,
        "rows of game minutes read": 7_709,
        "overlaps read": 47_222,
        "spellings of logins in the edges": 2_846,
        "logins in the edges": 2_846,
        "pairs of a channel with itself dropped": 3,
        "duplicate edges merged, larger weight kept": 20,
        "duplicate channels merged, larger size kept": 3,
        "channels below min_channel_viewers": 0,
        "edges below the thresholds": 0,
        "edges with more shared viewers than a channel has": 0,
        "channels": 2_974,
        "channels without known viewers": 0,
        "edges": 47_199,
    }
    streamers = {row["idStreamer"]: row for row in _rows(italy / STREAMERS)}
    expected: dict[tuple[str, str], int] = {}
    for row in _rows(italy / OVERLAPS):
        ends = [streamers[row["ID_streamer_i"]], streamers[row["ID_streamer_j"]]]
        a, b = sorted(end["streamer"].lower() for end in ends)
        if a != b:
            shared = round(float(row["overlap_percentage"]) / 100 * min(int(end["spectTot"]) for end in ends))
            expected[a, b] = max(expected.get((a, b), 0), shared)
    assert _shared(imported) == expected


def test_a_real_channels_game_is_the_one_it_played_longest(italy: Path, imported: ImportedAtlas) -> None:
    names = {row["idGame"]: row["gameName"] for row in _rows(italy / GAMES)}
    logins = {row["idStreamer"]: row["streamer"].lower() for row in _rows(italy / STREAMERS)}
    minutes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _rows(italy / MINUTES):
        minutes[logins[row["ID_streamer"]]][names[row["ID_game"]]] += int(row["minutes"])
    expected = {
        login: min(minutes[login].items(), key=lambda item: (-item[1], item[0]))[0] if minutes[login] else None
        for login in logins.values()
    }

    assert dict(imported.graph.nodes.select("channel", "game_name").rows()) == expected
    assert imported.graph.nodes["game_name"].null_count() == 17
    assert set(imported.graph.nodes["language"]) == {"it"}


@pytest.mark.slow
def test_tagging_names_the_communities_of_a_real_country_at_the_defaults(imported: ImportedAtlas) -> None:
    defaults = AnalysisSettings()
    detection = detect_communities(
        imported.graph.nodes,
        imported.graph.edges,
        algorithm=defaults.algorithm,
        weight=defaults.weight,
        resolution=defaults.resolution,
        min_community_size=defaults.min_community_size,
        seed=defaults.seed,
    )

    tags = tag_communities(
        imported.graph.nodes,
        detection.communities,
        game_threshold=defaults.game_threshold,
        language_threshold=defaults.language_threshold,
    )

    assert set(tags["top_language"]) == {"it"}
    assert tags["label"].n_unique() == tags.height
    # Italy's games have communities of their own, however the detector splits the large ones.
    named = {label.partition(" (")[0].partition(" · ")[0] for label in tags["label"]}
    assert {
        "Grand Theft Auto V",
        "Call of Duty: Warzone",
        "Fortnite",
        "Genshin Impact",
        "Escape from Tarkov",
        "ASMR",
        "Yu-Gi-Oh! Master Duel",
        "Italian-speaking Variety",
    } <= named
    assert tags["channels"].sum() + detection.unclustered == 2_974
