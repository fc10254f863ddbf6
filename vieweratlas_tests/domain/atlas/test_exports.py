import csv
import io
from collections.abc import Callable
from xml.etree import ElementTree

import networkx as nx
import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.exports import gephi_edges_csv, gephi_nodes_csv, gexf
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.palette import LIGHT
from vieweratlas_tests.domain.atlas.samples import (
    ATLASES,
    bare_atlas,
    empty_atlas,
    hostile_atlas,
    shuffled,
    small_atlas,
)

EXPORTS = [gephi_nodes_csv, gephi_edges_csv, gexf]
every_atlas = pytest.mark.parametrize("make", ATLASES.values(), ids=ATLASES.keys())


def _rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def _read(atlas: Atlas) -> nx.Graph:
    return nx.read_gexf(io.BytesIO(gexf(atlas)))


@pytest.mark.parametrize("export", EXPORTS)
@every_atlas
def test_row_order_does_not_matter(make: Callable[[], Atlas], export: Callable[[Atlas], bytes]) -> None:
    assert export(shuffled(make())) == export(make())


@every_atlas
def test_nodes_csv_reads_back_as_the_channels(make: Callable[[], Atlas]) -> None:
    atlas = make()
    text = gephi_nodes_csv(atlas)
    assert text.split(b"\n")[0] == b"id,label,viewers,viewer_count,game,language,community,community_label,x,y"
    read = _rows(text)
    assert len(read) == atlas.nodes.height
    for row, channel in zip(read, atlas.channels.iter_rows(named=True), strict=True):
        assert row["id"] == row["label"] == channel["channel"]
        assert row["viewers"] == row["viewer_count"] == str(channel["viewers"] or "")
        assert row["game"] == (channel["game_name"] or "")
        assert row["language"] == (channel["language"] or "")
        assert row["community"] == ("" if channel["community"] is None else str(channel["community"]))
        assert row["community_label"] == channel["label"]
        assert (float(row["x"]), float(row["y"])) == (channel["x"], channel["y"])


@every_atlas
def test_csv_reads_back_with_polars(make: Callable[[], Atlas]) -> None:
    atlas = make()
    nodes = pl.read_csv(gephi_nodes_csv(atlas), schema_overrides={"viewers": pl.Int64, "community": pl.Int32})
    if atlas.nodes.height:
        assert nodes["id"].to_list() == atlas.channels["channel"].to_list()
        assert nodes["viewers"].equals(atlas.channels["viewers"])
        assert nodes["x"].equals(atlas.channels["x"])
    schema = {name: atlas.edges.schema[name] for name in atlas.edges.columns[2:]}
    edges = pl.read_csv(gephi_edges_csv(atlas), schema_overrides=schema).drop("weight")
    if atlas.edges.height:
        assert edges.rows() == atlas.edges.rows()


def test_edges_csv_header_and_weight() -> None:
    text = gephi_edges_csv(bare_atlas(["a", "b", "c"], overlap_coefficient=[0.5, 0.25, 0.125]))
    assert text == (
        b"source,target,weight,shared_viewers,jaccard,overlap_coefficient,overlap_z\n"
        b"a,b,0.5,,,0.5,\na,c,0.125,,,0.125,\nb,c,0.25,,,0.25,\n"
    )


def test_csv_of_an_empty_atlas_is_its_header() -> None:
    assert gephi_nodes_csv(empty_atlas()).count(b"\n") == gephi_edges_csv(empty_atlas()).count(b"\n") == 1


def test_gexf_reads_back_as_the_graph() -> None:
    atlas = small_atlas()
    graph = _read(atlas)
    assert set(graph) == set(atlas.nodes["channel"])
    edges = atlas.edges.select("channel_a", "channel_b", "shared_viewers", "jaccard").rows()
    assert {(*sorted((a, b)), data["weight"], data["jaccard"]) for a, b, data in graph.edges(data=True)} == {
        (a, b, float(shared), jaccard) for a, b, shared, jaccard in edges
    }
    node = graph.nodes["channel_01"]
    assert (node["viewers"], node["game_name"], node["language"]) == (2000, "Chess", "en")
    assert (node["community"], node["community_label"], node["label"]) == (0, "Chess", "channel_01")
    assert "viewers" not in graph.nodes["channel_11"]
    assert "community" not in graph.nodes["channel_11"]


def test_gexf_has_colors_positions_and_sizes() -> None:
    atlas = small_atlas()
    graph = _read(atlas)
    for name, color in (("channel_00", LIGHT.communities[0]), ("channel_11", LIGHT.gray)):
        shown = graph.nodes[name]["viz"]
        assert "#{r:02x}{g:02x}{b:02x}".format(**shown["color"]) == color
    for channel, x, y in atlas.layout.iter_rows():
        place = graph.nodes[channel]["viz"]["position"]
        assert (place["x"], place["y"]) == pytest.approx(((x - 0.5) * 2000, (y - 0.5) * 2000))
    assert graph.nodes["channel_10"]["viz"]["size"] > graph.nodes["channel_00"]["viz"]["size"] > 0


def test_gexf_keeps_hostile_names_and_replaces_what_xml_forbids() -> None:
    atlas = hostile_atlas()
    graph = _read(atlas)
    pictured = {name.replace("\x01", "\u2401").replace("\x1b", "\u241b") for name in atlas.nodes["channel"]}
    assert set(graph) == pictured
    assert graph.number_of_edges() == atlas.edges.height


@every_atlas
def test_gexf_is_xml_without_a_clock(make: Callable[[], Atlas]) -> None:
    atlas = make()
    root = ElementTree.fromstring(gexf(atlas))
    assert root.tag == "{http://www.gexf.net/1.2draft}gexf"
    assert b"lastmodifieddate" not in gexf(atlas)
    assert _read(atlas).number_of_nodes() == atlas.nodes.height
