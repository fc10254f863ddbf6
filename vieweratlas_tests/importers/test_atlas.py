"""Another atlas's overlap: names fold, duplicates merge, unknown values stay null, and everything is counted."""

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_assets.domain.schemas import GRAPH_EDGES, GRAPH_NODES, REFERENCE_COMMUNITIES
from vieweratlas_assets.importers.atlas import ImportedAtlas, read_atlas, tables_of
from vieweratlas_assets.importers.tabular import TableError

HOSTILE = ["o'brien", 'say "hi"', "a,b", "two\nlines", "<script>alert(1)</script>", "🎮日本", "a/b", "=1+1", "ñandú"]
Rows = Sequence[Sequence[object]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _write(path: Path, header: str, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def _read(
    folder: Path, edges: Rows, nodes: Rows = (), shape: str = "ID,Label,Count", **options: Any
) -> ImportedAtlas:
    listed = _write(folder / "edges.csv", "Source,Target,Weight", edges)
    known = _write(folder / "nodes.csv", shape, nodes) if nodes else None
    return read_atlas(listed, known, **options)


def _shared(atlas: ImportedAtlas) -> dict[tuple[str, str], int]:
    return {(a, b): n for a, b, n in atlas.graph.edges.select("channel_a", "channel_b", "shared_viewers").rows()}


def _viewers(atlas: ImportedAtlas) -> dict[str, int | None]:
    return dict(atlas.graph.nodes.select("channel", "viewers").rows())


def _fold(edges: Rows) -> dict[tuple[str, str], int]:
    """The folding in plain Python."""
    weights: dict[tuple[str, str], int] = {}
    for source, target, weight in edges:
        a, b = sorted((str(source).lower(), str(target).lower()))
        if a != b:
            weights[a, b] = max(weights.get((a, b), 0), int(str(weight)))
    return weights


@pytest.mark.parametrize("header", ["Source,Target,Weight", "source,target,weight", "weight,TARGET,label,source"])
def test_the_columns_of_edges_are_matched_by_name_in_any_case(folder: Path, header: str) -> None:
    row = {"source": "Zed", "target": "Ann", "weight": 3, "label": "x"}
    edges = _write(folder / "e.csv", header, [[row[name.lower()] for name in header.split(",")]])

    atlas = read_atlas(edges, None)

    assert _shared(atlas) == {("ann", "zed"): 3}
    assert _viewers(atlas) == {"ann": None, "zed": None}
    assert atlas.reference.height == 0
    assert REFERENCE_COMMUNITIES not in tables_of(atlas)


def test_gephi_nodes_give_viewers_and_no_reference(folder: Path) -> None:
    atlas = _read(folder, [("Ann", "Bob", 5)], [("Ann", "Ann the Great", 50), ("BOB", "Bob", 20), ("lone", "l", 9)])

    assert _viewers(atlas) == {"ann": 50, "bob": 20, "lone": 9}
    assert atlas.graph.edges.rows() == [("ann", "bob", 5, 5 / 65, 0.25, None)]
    assert set(tables_of(atlas)) == {GRAPH_NODES, GRAPH_EDGES}


def test_nodes_with_communities_give_viewers_and_the_reference(folder: Path) -> None:
    nodes = [
        ("Ann", "7", 50, "1.5", "-2", "#fff"),
        ("bob", "", 20, "", "", ""),
        ("cid", "red, blue", "", "", "", ""),
        ("dan", "", 4, "0", "", ""),
        ("eve", "8", 3, "inf", "here", ""),
    ]

    atlas = _read(folder, [("ann", "bob", 5)], nodes, "channel,community,size,x,y,color")

    assert _viewers(atlas) == {"ann": 50, "bob": 20, "cid": None, "dan": 4, "eve": 3}
    assert atlas.reference.rows() == [
        ("ann", "7", 1.5, -2.0),
        ("cid", "red, blue", None, None),
        ("dan", None, 0.0, None),
        ("eve", "8", None, None),
    ]
    REFERENCE_COMMUNITIES.validate(tables_of(atlas)[REFERENCE_COMMUNITIES])


def test_duplicates_keep_the_larger_weight_self_pairs_are_dropped_and_spellings_fold(folder: Path) -> None:
    edges = [("Ann", "bob", 5), ("BOB", "ann", 9), ("ann", "bob", 7), ("ann", "ANN", 99), ("Cid", "ann", 2)]

    atlas = _read(folder, edges)

    assert _shared(atlas) == {("ann", "bob"): 9, ("ann", "cid"): 2}
    counts = atlas.report.counts
    assert counts["edge rows read"] == 5
    assert counts["spellings of logins in the edges"] == 6
    assert counts["logins in the edges"] == 3
    assert counts["pairs of a channel with itself dropped"] == 1
    assert counts["duplicate edges merged, larger weight kept"] == 2
    assert (counts["channels"], counts["edges"], counts["channels without known viewers"]) == (3, 2, 3)
    assert atlas.report.rejections == []


def test_of_two_spellings_of_a_node_the_one_with_more_viewers_counts(folder: Path) -> None:
    nodes = [("ann", "1", 10), ("Ann", "2", 90), ("bob", "3", ""), ("BOB", "4", 1), ("ANN", "5", 40)]

    atlas = _read(folder, [("ann", "bob", 1)], nodes, "channel,community,size")

    assert _viewers(atlas) == {"ann": 90, "bob": 1}
    assert atlas.reference.select("channel", "community").rows() == [("ann", "2"), ("bob", "4")]
    assert atlas.report.counts["duplicate channels merged, larger size kept"] == 3


@pytest.mark.parametrize(
    ("weight", "text"),
    [("shared_viewers", text) for text in ("many", "", "-3", "0", "nan", "inf", "1.5", "1,000", "1e30")]
    + [("overlap_coefficient", text) for text in ("high", "", "-0.1", "0", "NaN", "-inf", "1.2", "50%")],
)
def test_an_impossible_weight_is_rejected_with_its_row_and_the_rest_are_read(
    folder: Path, weight: str, text: str
) -> None:
    atlas = _read(folder, [("ann", "bob", 1), ("ann", "cid", text), ("bob", "cid", 1)], weight=weight)

    allowed = {"shared_viewers": "a whole number >= 1", "overlap_coefficient": "a number above 0, at most 1"}[weight]
    assert [str(each) for each in atlas.report.rejections] == [
        f"edges.csv, row 3: weight is {text!r}; {weight} must be {allowed}"
    ]
    assert atlas.graph.edges.select("channel_a", "channel_b").rows() == [("ann", "bob"), ("bob", "cid")]


def test_rows_without_a_name_or_with_impossible_viewers_are_rejected(folder: Path) -> None:
    edges = [("", "bob", 1), ("ann", " ", 2), ("ann",), ("ann", "bob", 4)]
    nodes = [("", "x", 1), ("ann", "x", "-1"), ("bob", "x", "2.5"), ("cid", "x", "lots"), ("dan", "x", "1e30")]

    atlas = _read(folder, edges, [*nodes, ("eve", "x", "6.0")])

    assert [str(rejection) for rejection in atlas.report.rejections] == [
        *(f"edges.csv, row {row}: source or target is empty" for row in (2, 3, 4)),
        "nodes.csv, row 2: the channel is empty",
        *(
            f"nodes.csv, row {row}: viewers is {text!r}, not a whole number"
            for row, text in ((3, "-1"), (4, "2.5"), (5, "lots"), (6, "1e30"))
        ),
    ]
    assert _viewers(atlas) == {"ann": None, "bob": None, "eve": 6}


def test_measures_that_were_not_given_or_need_unknown_viewers_are_null_never_zero(folder: Path) -> None:
    atlas = _read(folder, [("ann", "bob", 5), ("ann", "cid", 5)], [("ann", "x", 50), ("bob", "x", 20)])

    assert atlas.graph.nodes.rows() == [
        ("ann", 50, None, None, None, "x"),
        ("bob", 20, None, None, None, "x"),
        ("cid", None, None, None, None, None),
    ]
    assert atlas.graph.edges.rows() == [
        ("ann", "bob", 5, 5 / 65, 0.25, None),
        ("ann", "cid", 5, None, None, None),
    ]
    assert atlas.graph.total_viewers is None
    for table, frame in tables_of(atlas).items():
        table.validate(frame)


def test_a_coefficient_fills_its_own_column_only(folder: Path) -> None:
    atlas = _read(folder, [("ann", "bob", 0.25), ("Bob", "Ann", 1)], [("ann", "x", 50)], weight="overlap_coefficient")

    assert atlas.graph.edges.rows() == [("ann", "bob", None, None, 1.0, None)]
    assert _viewers(atlas) == {"ann": 50, "bob": None}


def test_more_shared_viewers_than_a_channel_has_keeps_the_count_and_no_share(folder: Path) -> None:
    atlas = _read(
        folder, [("ann", "bob", 30), ("ann", "cid", 20)], [("ann", "x", 50), ("bob", "x", 20), ("cid", "x", 20)]
    )

    assert atlas.graph.edges.rows() == [
        ("ann", "bob", 30, None, None, None),
        ("ann", "cid", 20, 20 / 50, 1.0, None),
    ]
    assert atlas.report.counts["edges with more shared viewers than a channel has"] == 1


def test_min_channel_viewers_drops_known_small_channels_and_never_unknown_ones(folder: Path) -> None:
    edges = [("big", "small", 5), ("big", "unknown", 4), ("small", "unknown", 3), ("other", "unknown", 2)]
    nodes = [("big", "x", 100), ("small", "x", 9), ("edge", "x", 10), ("zero", "x", 0)]

    atlas = _read(folder, edges, nodes, min_channel_viewers=10)

    assert _viewers(atlas) == {"big": 100, "edge": 10, "other": None, "unknown": None}
    assert _shared(atlas) == {("big", "unknown"): 4, ("other", "unknown"): 2}
    assert atlas.graph.channels_below_minimum == 2
    assert atlas.report.counts["channels below min_channel_viewers"] == 2
    assert atlas.report.counts["edges below the thresholds"] == 2
    assert set(_viewers(_read(folder, edges, nodes))) == {"big", "small", "edge", "zero", "other", "unknown"}


def test_overlap_threshold_drops_weak_pairs_and_keeps_their_channels(folder: Path) -> None:
    edges = [("ann", "bob", 5), ("ann", "cid", 4), ("cid", "ann", 3)]

    atlas = _read(folder, edges, overlap_threshold=5)

    assert _shared(atlas) == {("ann", "bob"): 5}
    assert set(_viewers(atlas)) == {"ann", "bob", "cid"}
    assert atlas.report.counts["edges below the thresholds"] == 1
    # The threshold does not apply to coefficients.
    assert _read(folder, [("ann", "bob", 0.1)], overlap_threshold=5, weight="overlap_coefficient").graph.edges.height


@pytest.mark.parametrize("seed", range(5))
def test_folding_equals_plain_python_whatever_the_order_of_the_rows(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = [f"{''.join(rng.choice((c.upper(), c)) for c in f'name{n}')}" for n in range(12) for _ in range(3)]
    edges = [(rng.choice(names), rng.choice(names), rng.randint(1, 1000)) for _ in range(400)]
    sizes = [(name, name, rng.randint(1, 2000)) for name in rng.sample(names, 20)]

    atlas = _read(folder, edges, sizes)
    other = _read(folder, rng.sample(edges, len(edges)), rng.sample(sizes, len(sizes)))

    assert _shared(atlas) == _fold(edges)
    known: dict[str, int] = {}
    for name, _, size in sizes:
        known[name.lower()] = max(known.get(name.lower(), 0), size)
    every = {str(name).lower() for source, target, _ in edges for name in (source, target)} | set(known)
    assert _viewers(atlas) == {name: known.get(name) for name in every}
    for a, b, n, jaccard, coefficient, z in atlas.graph.edges.rows():
        fits = a in known and b in known and n <= min(known[a], known[b])
        assert z is None
        assert (jaccard, coefficient) == (
            (pytest.approx(n / (known[a] + known[b] - n)), pytest.approx(n / min(known[a], known[b])))
            if fits
            else (None, None)
        )
    assert other.graph.nodes.equals(atlas.graph.nodes)
    assert other.graph.edges.equals(atlas.graph.edges)
    assert dict(other.report.counts) == dict(atlas.report.counts)


def test_hostile_names_survive(folder: Path) -> None:
    atlas = _read(folder, [(name, "ann", 3) for name in HOSTILE], [(name, name, 30) for name in HOSTILE])

    assert set(_viewers(atlas)) == {"ann", *HOSTILE}
    assert _shared(atlas) == {tuple(sorted((name, "ann"))): 3 for name in HOSTILE}
    assert (atlas.graph.edges["channel_a"] < atlas.graph.edges["channel_b"]).all()


@pytest.mark.parametrize("edges", [[], [("ann", "bob", "x")], [("ann", "ANN", 5)], [("", "bob", 5)]])
def test_an_atlas_without_one_edge_between_two_channels_is_refused(folder: Path, edges: Rows) -> None:
    with pytest.raises(TableError) as raised:
        _read(folder, edges, [("ann", "x", 5)])

    assert str(raised.value).startswith(f"{folder / 'edges.csv'}: no row is an edge between two channels")


def test_files_without_the_columns_and_unknown_weights_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown weight 'jaccard'; .* shared_viewers or overlap_coefficient"):
        _read(folder, [("ann", "bob", 1)], weight="jaccard")
    with pytest.raises(TableError, match=r"missing column\(s\) weight; the header has from, source, target"):
        read_atlas(_write(folder / "e.csv", "from,source,target", []), None)
    with pytest.raises(TableError, match=r"nodes\.csv: missing column\(s\) channel or id"):
        _read(folder, [("ann", "bob", 1)], [("x", 1)], "name,count")
