"""Atlases as GEXF: our own export round-trips, Gephi's and networkx's files are read, invalid XML is named."""

import io
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import networkx as nx
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vieweratlas_assets.domain.atlas.exports import gexf
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.overlap.measures import with_measures
from vieweratlas_assets.domain.schemas import (
    COMMUNITIES,
    COMMUNITY_HISTORY,
    COMMUNITY_TAGS,
    GRAPH_EDGES,
    GRAPH_NODES,
    LAYOUT,
)
from vieweratlas_assets.importers.atlas import ImportedAtlas
from vieweratlas_assets.importers.documents import DocumentError
from vieweratlas_assets.importers.gexf import read_gexf
from vieweratlas_assets.importers.tabular import TableError
from vieweratlas_tests.domain.atlas.samples import DAY, small_atlas, table

GEPHI_13 = """<?xml version='1.0' encoding='UTF-8'?>
<gexf xmlns="http://gexf.net/1.3" version="1.3" xmlns:viz="http://gexf.net/1.3/viz">
  <meta lastmodifieddate="2023-01-01"><creator>Gephi 0.10.1</creator></meta>
  <graph defaultedgetype="undirected" mode="static">
    <attributes class="node" mode="static">
      <attribute id="count" title="Count" type="integer"/>
      <attribute id="modularity_class" title="Modularity Class" type="integer"><default>0</default></attribute>
      <attribute id="7" title="Game" type="string"/>
    </attributes>
    <nodes>
      <node id="12" label="xQcOW">
        <attvalues><attvalue for="count" value="932473"/><attvalue for="7" value="Chess &amp; Co"/></attvalues>
        <viz:size value="10.0"/><viz:position x="1.5" y="-2.25"/><viz:color r="1" g="2" b="3"/>
      </node>
      <node id="ibai" label="Ibai, the streamer">
        <attvalues>
          <attvalue for="count" value="882296.0"/><attvalue for="modularity_class" value="5"/>
        </attvalues>
      </node>
      <node id="lone" label="lone"/>
    </nodes>
    <edges>
      <edge id="0" source="12" target="ibai" weight="501.0"/>
      <edge id="1" source="ibai" target="12" weight="7"><attvalues/></edge>
      <edge id="2" source="lone" target="12"/>
    </edges>
  </graph>
</gexf>
"""


def _read(tmp_path: Path, text: str | bytes, **options: Any) -> ImportedAtlas:
    path = tmp_path / "graph.gexf"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_gexf(path, **options)


def _assert_same(imported: ImportedAtlas, atlas: Atlas) -> None:
    assert imported.report.rejections == []
    assert imported.graph.nodes.equals(atlas.nodes)
    assert imported.graph.edges.equals(atlas.edges)
    published = atlas.channels.select(
        "channel", pl.col("community").cast(pl.String), x=(pl.col("x") - 0.5) * 2000, y=(pl.col("y") - 0.5) * 2000
    )
    assert imported.reference.equals(published)


def test_our_own_export_is_read_as_the_same_graph(tmp_path: Path) -> None:
    small = small_atlas()
    counted = small.edges.select("channel_a", "channel_b", "shared_viewers")
    atlas = replace(small, edges=with_measures(counted, small.nodes, total_viewers=50_000))
    by_coefficient = atlas.edges.with_columns(pl.lit(None, pl.Int64).alias("shared_viewers")).drop_nulls("jaccard")

    _assert_same(_read(tmp_path, gexf(atlas)), atlas)
    other = replace(atlas, edges=by_coefficient)
    _assert_same(_read(tmp_path, gexf(other), weight="overlap_coefficient"), other)


printable = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co"))
logins = st.text(printable, min_size=1, max_size=8).map(str.lower).filter(lambda name: name == name.lower().strip())
texts = st.none() | st.sampled_from(["Chess", 'a "b" & <c>', "日本"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_graph_round_trips_with_every_measure_and_every_unknown_value(data: st.DataObject) -> None:
    names = data.draw(st.lists(logins, min_size=2, max_size=8, unique=True))
    sizes = [data.draw(st.none() | st.integers(50, 10_000)) for _ in names]
    pairs = [(min(a, b), max(a, b)) for i, a in enumerate(names) for b in names[:i]]
    chosen = data.draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    nodes = table(
        GRAPH_NODES,
        channel=names,
        viewers=sizes,
        game_name=[data.draw(texts) for _ in names],
        viewer_minutes=[data.draw(st.none() | st.integers(0, 10**9)) for _ in names],
        language=[data.draw(st.sampled_from(["it", None])) for _ in names],
    )
    shared = pl.DataFrame(chosen, schema=["channel_a", "channel_b"], orient="row").with_columns(
        shared_viewers=pl.Series([data.draw(st.integers(1, 49)) for _ in chosen], dtype=pl.Int64)
    )
    edges = with_measures(shared, nodes, total_viewers=data.draw(st.none() | st.integers(20_000, 99_999)))
    atlas = Atlas(
        DAY,
        nodes,
        edges,
        table(COMMUNITIES, channel=names, community=[data.draw(st.none() | st.integers(0, 3)) for _ in names]),
        COMMUNITY_TAGS.empty(),
        table(LAYOUT, channel=names, x=[data.draw(st.floats(0, 1)) for _ in names], y=[0.25] * len(names)),
        table(COMMUNITY_HISTORY, community=[0, 1, 2, 3], community_id=[1, 2, 3, 4], name=list("abcd")),
    )
    with TemporaryDirectory() as folder:
        _assert_same(_read(Path(folder), gexf(atlas)), atlas)


def test_gephi_1_3_gives_logins_viewers_games_communities_and_positions(tmp_path: Path) -> None:
    atlas = _read(tmp_path, GEPHI_13)

    assert atlas.report.rejections == []
    assert atlas.graph.nodes.rows() == [
        ("ibai", 882_296, None, None, None, "Ibai, the streamer"),
        ("lone", None, None, None, None, None),
        ("xqcow", 932_473, None, "Chess & Co", None, "xQcOW"),
    ]
    assert atlas.graph.edges.select("channel_a", "channel_b", "shared_viewers").rows() == [
        ("ibai", "xqcow", 501),
        ("lone", "xqcow", 1),
    ]
    assert atlas.graph.edges["overlap_coefficient"][0] == 501 / 882_296
    assert atlas.reference.rows() == [
        ("ibai", "5", None, None),
        ("lone", "0", None, None),
        ("xqcow", "0", 1.5, -2.25),
    ]
    assert atlas.report.counts["edges without a weight, taken as 1"] == 1
    assert atlas.report.counts["duplicate edges merged, larger weight kept"] == 1
    assert (atlas.report.counts["nodes read"], atlas.report.counts["edges read"]) == (3, 3)


def test_gephi_1_2_is_read_the_same_with_its_own_namespaces(tmp_path: Path) -> None:
    older = GEPHI_13.replace("http://gexf.net/1.3", "http://www.gexf.net/1.2draft").replace('"1.3"', '"1.2"')
    older = older.replace("viz:", "ns0:").replace('attvalue for="count"', 'attvalue id="count"')

    one, two = _read(tmp_path, older), _read(tmp_path, GEPHI_13)

    assert one.graph.nodes.equals(two.graph.nodes)
    assert one.graph.edges.equals(two.graph.edges)
    assert one.reference.equals(two.reference)


@pytest.mark.parametrize("version", ["1.1draft", "1.2draft"])
def test_what_networkx_writes_is_read(tmp_path: Path, version: str) -> None:
    graph = nx.Graph()
    for name, size, group in (("Ann", 500, 1), ("bob", 400, 1), ("cid", 30, 2)):
        graph.add_node(name, viewers=size, community=group, viz={"position": {"x": 1.0, "y": float(group), "z": 0.0}})
    graph.add_edge("Ann", "bob", weight=40)
    graph.add_edge("bob", "cid", weight=3)
    stream = io.BytesIO()
    nx.write_gexf(graph, stream, version=version)

    atlas = _read(tmp_path, stream.getvalue())

    assert atlas.report.rejections == []
    assert atlas.graph.nodes.select("channel", "viewers").rows() == [("ann", 500), ("bob", 400), ("cid", 30)]
    assert atlas.graph.edges.select("channel_a", "channel_b", "shared_viewers").rows() == [
        ("ann", "bob", 40),
        ("bob", "cid", 3),
    ]
    assert atlas.reference.rows() == [("ann", "1", 1.0, 1.0), ("bob", "1", 1.0, 1.0), ("cid", "2", 1.0, 2.0)]


def test_bad_nodes_and_edges_are_named_with_their_line_and_the_rest_is_read(tmp_path: Path) -> None:
    bad = GEPHI_13.replace('value="932473"', 'value="many"').replace(
        '<edge id="2" source="lone"', '<edge source="gone"'
    )
    bad = bad.replace('<node id="lone" label="lone"/>', '<node id="lone"/><node id="12"/><node label="x"/>')
    bad = bad.replace('weight="7"', 'weight="0.5"')

    atlas = _read(tmp_path, bad)

    assert [str(each) for each in atlas.report.rejections] == [
        "graph.gexf, row 11: viewers is 'many', not a whole number",
        "graph.gexf, row 20: a second node with the id '12'",
        "graph.gexf, row 20: the node has no id",
        "graph.gexf, row 24: weight is '0.5'; shared_viewers must be a whole number >= 1",
        "graph.gexf, row 25: the edge ends at 'gone', but no node has that id",
    ]
    assert atlas.graph.edges.select("channel_a", "channel_b", "shared_viewers").rows() == [("ibai", "xqcow", 501)]


def test_edges_may_precede_their_nodes(tmp_path: Path) -> None:
    start, end = GEPHI_13.index("    <edges>"), GEPHI_13.index("  </graph>")
    edges = GEPHI_13[start:end]
    first = GEPHI_13.replace(edges, "").replace("    <nodes>", edges + "    <nodes>")

    atlas = _read(tmp_path, first)

    assert first.index("<edges>") < first.index("<nodes>")
    assert atlas.report.rejections == []
    assert atlas.graph.edges.equals(_read(tmp_path, GEPHI_13).graph.edges)


def test_weights_may_be_coefficients_and_thresholds_apply(tmp_path: Path) -> None:
    text = (
        GEPHI_13.replace("501.0", "0.25")
        .replace('weight="7"', 'weight="0.5"')
        .replace('"lone" target', '"12" target')
    )

    atlas = _read(tmp_path, text, weight="overlap_coefficient")

    assert atlas.graph.edges.rows() == [("ibai", "xqcow", None, None, 0.5, None)]
    kept = _read(tmp_path, GEPHI_13, overlap_threshold=2, min_channel_viewers=900_000)
    assert kept.graph.edges.is_empty()
    assert kept.graph.nodes["channel"].to_list() == ["lone", "xqcow"]


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">]>
<gexf><graph><nodes><node id="&lol2;"/></nodes></graph></gexf>"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "declares a document type at line 2"),
        (LAUGHS.replace('"lol"', 'SYSTEM "file:///etc/passwd"'), "declares a document type at line 2"),
        ("", "is not valid XML at line 1, column 1: no element found"),
        (GEPHI_13[:900], "is not valid XML at line "),
        (GEPHI_13.replace("</meta>", "</mate>"), "is not valid XML at line 3, column 72: mismatched tag"),
        (GEPHI_13.replace("Gephi", "&gephi;"), "is not valid XML at line 3, column 48: undefined entity"),
        (GEPHI_13.replace("xQc", "\x01"), "is not valid XML at line 11, column 28: not well-formed"),
        (GEPHI_13.replace("UTF-8", "klingon"), "is XML in an unknown encoding"),
        ("<graphml><graph/></graphml>", "is not GEXF: its first element is <graphml>, not <gexf>"),
        (b"\x1f\x8b not gzip", "is a damaged gzip file"),
    ],
)
def test_an_invalid_file_is_refused_with_its_line(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as raised:
        _read(tmp_path, text)

    assert str(raised.value).startswith(f"{tmp_path / 'graph.gexf'}: ")
    assert reason in str(raised.value)


def test_a_graph_without_an_edge_and_an_unknown_weight_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no row is an edge between two channels; 0 rejected"):
        _read(tmp_path, "<gexf><graph><nodes><node id='a'/></nodes><edges/></graph></gexf>")
    with pytest.raises(ValueError, match="unknown weight 'jaccard'"):
        _read(tmp_path, GEPHI_13, weight="jaccard")


@pytest.mark.parametrize(
    ("label", "key", "login"),
    [
        ("xQcOW", "n0", "xqcow"),
        ("Two Words", "twowords", "twowords"),
        ("Two Words", "12", "two words"),
        ("", "12", "12"),
        ("日本", "Nihon", "nihon"),
        ("日本", "日", "日本"),
    ],
)
def test_a_channel_is_the_label_or_else_the_id_that_can_be_a_login(
    tmp_path: Path, label: str, key: str, login: str
) -> None:
    nodes = f'<node id="{key}" label="{label}"/><node id="other"/>'
    edge = f'<edge source="{key}" target="other" weight="3"/>'

    atlas = _read(tmp_path, f"<gexf><graph><nodes>{nodes}</nodes><edges>{edge}</edges></graph></gexf>")

    assert set(atlas.graph.nodes["channel"]) == {login, "other"}


def test_an_imported_graph_is_valid_for_our_tables(tmp_path: Path) -> None:
    atlas = _read(tmp_path, GEPHI_13)

    GRAPH_NODES.validate(atlas.graph.nodes)
    GRAPH_EDGES.validate(atlas.graph.edges)
