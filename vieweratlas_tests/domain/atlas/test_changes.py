"""Changes since an earlier day, compared with the tables of both days."""

import datetime as dt

import polars as pl
import pytest

from vieweratlas_assets.domain.atlas.changes import EarlierAtlas, changes_since, earlier_channels, ranks
from vieweratlas_assets.domain.schemas import COMMUNITY_EVENTS, COMMUNITY_HISTORY, GRAPH_NODES
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_tests.domain.atlas.samples import DAY, small_atlas, table

THEN = DAY - dt.timedelta(days=1)


def earlier(*events: tuple[str, int, int, str, float | None]) -> EarlierAtlas:
    """The day before the small atlas: without channel_00, with a channel that is gone since; community 3 died."""
    names = [f"channel_{index:02}" for index in range(1, 12)] + ["gone"]
    return EarlierAtlas(
        THEN,
        table(GRAPH_NODES, channel=names, viewers=[50 * (index + 1) for index in range(10)] + [7, None]),
        table(COMMUNITY_HISTORY, community=[0, 1, 2], community_id=[1, 2, 3], name=["Chess", "Musik", "Art"]),
        pl.DataFrame(list(events), schema=COMMUNITY_EVENTS.schema, orient="row"),
    )


def test_ranks_go_by_viewers_then_login_and_unknown_viewers_have_none() -> None:
    nodes = table(GRAPH_NODES, channel=["a", "b", "c", "d"], viewers=[5, None, 9, 5])
    assert ranks(nodes).rows() == [("a", 5, 2), ("b", None, None), ("c", 9, 1), ("d", 5, 3)]


def test_new_channels_differ_from_those_of_unknown_size() -> None:
    atlas = small_atlas()
    then = earlier_channels(atlas, earlier())
    assert then["channel"].equals(atlas.channels["channel"])
    assert then.row(0) == ("channel_00", None, None, False)
    assert then.row(1) == ("channel_01", 50, 10, True)
    assert then.row(11) == ("channel_11", 7, 11, True)
    assert earlier_channels(atlas, None)["known"].sum() == 0


def test_events_have_the_names_of_communities() -> None:
    changes = changes_since(
        small_atlas(),
        earlier(
            ("born", 2, 0, "", None),
            ("died", 3, 0, "", None),
            ("split", 1, 3, "", 0.6),
            ("split", 2, 3, "", 0.4),
            ("merged", 1, 1, "", 0.7),
            ("merged", 1, 3, "", 0.3),
            ("renamed", 2, 0, "", None),
            ("moved", 1, 3, "channel_02", None),
            ("moved", 0, 2, "channel_11", None),
        ),
    )
    assert changes == {
        "since": str(THEN),
        "born": [2],
        "died": ["Art"],
        "split": [{"from": "Art", "into": [[1, 0.6], [2, 0.4]]}],
        "merged": [{"into": 1, "from": [["Chess", 0.7], ["Art", 0.3]]}],
        "renamed": [[2, "Musik"]],
        "moved": [["channel_02", "Art", "Chess"], ["channel_11", "Musik", None]],
        "joined": 1,
        "left": 1,
    }
    assert changes_since(small_atlas(), None) is None


def test_invalid_tables_are_refused() -> None:
    with pytest.raises(SchemaError, match="community_events"):
        EarlierAtlas(THEN, GRAPH_NODES.empty(), COMMUNITY_HISTORY.empty(), pl.DataFrame({"event": ["born"]}))
