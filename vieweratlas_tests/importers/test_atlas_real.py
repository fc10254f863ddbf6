"""Published atlases, compared with plain Python on the same files."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.importers.atlas import ImportedAtlas, read_atlas

GEPHI = "twitchatlas_02.27.2021.15.11.23"


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return [row for row in csv.reader(handle) if row][1:]


def _folded(rows: list[list[str]]) -> dict[tuple[str, str], float]:
    weights: dict[tuple[str, str], float] = {}
    for source, target, weight in rows:
        pair = min(source.lower(), target.lower()), max(source.lower(), target.lower())
        if pair[0] != pair[1]:
            weights[pair] = max(weights.get(pair, 0.0), float(weight))
    return weights


def _sizes(rows: list[list[str]], name: int, size: int) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[row[name].lower()] = max(sizes[row[name].lower()], int(row[size]))
    return dict(sizes)


def _edges(atlas: ImportedAtlas, measure: str) -> dict[tuple[str, str], float]:
    return {(a, b): w for a, b, w in atlas.graph.edges.select("channel_a", "channel_b", measure).rows()}


@pytest.fixture(scope="module")
def files(shared_data: Path) -> Path:
    return shared_data / "atlas"


@pytest.fixture(scope="module")
def twitchatlas(files: Path) -> ImportedAtlas:
    return read_atlas(files / "twitchatlas_2021-02_edges.csv", files / "twitchatlas_2021-02_nodes.csv")


def test_twitchatlas_2021_02_has_the_known_counts(twitchatlas: ImportedAtlas) -> None:
    assert twitchatlas.report.rejections == []
    assert twitchatlas.report.counts == {
        "edge rows read": 67_939,
        "spellings of logins in the edges": 1_814,
        "logins in the edges": 1_809,
        "pairs of a channel with itself dropped": 5,
        "duplicate edges merged, larger weight kept": 187,
        "node rows read": 1_484,
        "duplicate channels merged, larger size kept": 5,
        "channels below min_channel_viewers": 0,
        "edges below the thresholds": 0,
        "edges with more shared viewers than a channel has": 0,
        "channels": 1_809,
        "channels without known viewers": 330,
        "edges": 67_747,
    }
    assert twitchatlas.reference["community"].n_unique() == 32
    assert twitchatlas.reference.height == 1_479


def test_twitchatlas_2021_02_equals_plain_python(files: Path, twitchatlas: ImportedAtlas) -> None:
    rows = _rows(files / "twitchatlas_2021-02_edges.csv")
    sizes = _sizes(_rows(files / "twitchatlas_2021-02_nodes.csv"), 0, 2)
    pairs = _folded(rows)

    assert _edges(twitchatlas, "shared_viewers") == pairs
    logins = {login for pair in pairs for login in pair} | set(sizes)
    assert dict(twitchatlas.graph.nodes.select("channel", "viewers").rows()) == {
        login: sizes.get(login) for login in logins
    }
    expected = {
        (a, b): shared / min(sizes[a], sizes[b]) if a in sizes and b in sizes else None
        for (a, b), shared in pairs.items()
    }
    got: dict[tuple[str, str], Any] = _edges(twitchatlas, "overlap_coefficient")
    assert {pair for pair, share in got.items() if share is None} == {
        pair for pair, share in expected.items() if share is None
    }
    assert all(got[pair] == pytest.approx(share) for pair, share in expected.items() if share is not None)


def test_the_raw_gephi_files_of_that_month_give_the_same_edges(files: Path, twitchatlas: ImportedAtlas) -> None:
    edges, labels = files / f"{GEPHI}EDGELIST.csv", files / f"{GEPHI}LABELS.csv"

    atlas = read_atlas(edges, labels)

    assert _edges(atlas, "shared_viewers") == _folded(_rows(edges))
    sizes = _sizes(_rows(labels), 0, 2)
    assert dict(atlas.graph.nodes.select("channel", "viewers").rows()) == sizes
    assert len(sizes) == 2_161  # includes 352 channels without an edge; all sizes are known
    assert atlas.report.counts["edges"] == twitchatlas.report.counts["edges"]
    assert atlas.reference.height == 0


@pytest.mark.parametrize("threshold", [501, 502, 5_000])
def test_the_thresholds_on_real_data_drop_what_plain_python_drops(
    files: Path, twitchatlas: ImportedAtlas, threshold: int
) -> None:
    edges, nodes = files / "twitchatlas_2021-02_edges.csv", files / "twitchatlas_2021-02_nodes.csv"
    sizes = _sizes(_rows(nodes), 0, 2)
    small = {login for login, size in sizes.items() if size < 10_000}

    atlas = read_atlas(edges, nodes, overlap_threshold=threshold, min_channel_viewers=10_000)

    expected = {
        pair: shared for pair, shared in _folded(_rows(edges)).items() if shared >= threshold and not small & {*pair}
    }
    assert small
    assert _edges(atlas, "shared_viewers") == expected
    assert set(atlas.graph.nodes["channel"]) == set(twitchatlas.graph.nodes["channel"]) - small
    assert atlas.report.counts["channels without known viewers"] == 330


def test_the_italian_graph_by_coefficient_is_complete(files: Path) -> None:
    edges, nodes = files / "italy_2022-07_08_edges.csv", files / "italy_2022-07_08_nodes.csv"

    atlas = read_atlas(edges, nodes, weight="overlap_coefficient")

    pairs = _folded(_rows(edges))
    assert len(_rows(edges)) == len(pairs) == 4_879  # nothing to merge or drop
    assert _edges(atlas, "overlap_coefficient") == pairs
    for unknown in ("shared_viewers", "jaccard", "overlap_z"):
        assert atlas.graph.edges[unknown].null_count() == 4_879
    assert atlas.report.rejections == []
    assert atlas.report.counts["channels"] == 756
    assert atlas.report.counts["channels without known viewers"] == 0
    assert atlas.reference["community"].n_unique() == 37
    published = {row[0].lower(): (row[1], float(row[3]), float(row[4])) for row in _rows(nodes)}
    assert {channel: rest for channel, *rest in atlas.reference.rows()} == {
        channel: list(rest) for channel, rest in published.items()
    }


def test_the_italian_graph_loses_its_small_channels_only_with_a_minimum(files: Path) -> None:
    edges, nodes = files / "italy_2022-07_08_edges.csv", files / "italy_2022-07_08_nodes.csv"
    small = {login for login, size in _sizes(_rows(nodes), 0, 2).items() if size < 500}

    atlas = read_atlas(edges, nodes, weight="overlap_coefficient", overlap_threshold=1_000, min_channel_viewers=500)

    kept = {pair: share for pair, share in _folded(_rows(edges)).items() if not small & {*pair}}
    assert small
    assert 0 < len(kept) < 4_879
    assert _edges(atlas, "overlap_coefficient") == kept
    assert atlas.graph.nodes.height == 756 - len(small)


def test_coefficients_read_as_counts_are_all_rejected(files: Path) -> None:
    with pytest.raises(ValueError, match=r"4879 rejected, first .*row 2: weight is '0\.12934"):
        read_atlas(files / "italy_2022-07_08_edges.csv", None)
