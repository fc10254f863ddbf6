"""Tables and their columns: what a frame must be, and every difference by name."""

import polars as pl
import pytest

from vieweratlas_assets.domain.schemas import GRAPH_NODES, LAYOUT
from vieweratlas_assets.domain.tables import TIMESTAMP, Column, SchemaError, Table

VISITS = Table(
    "visits",
    "Who came, how often, when.",
    (
        Column("channel", pl.String, "login"),
        Column("visits", pl.Int32, "times"),
        Column("score", pl.Float64, "how good", nullable=True),
        Column("seen", TIMESTAMP, "when", nullable=True),
    ),
    key=("channel",),
)


def _visits(**columns: object) -> pl.DataFrame:
    filled = {"channel": ["b", "a"], "visits": [2, 1], "score": [0.5, None], "seen": [None, None]}
    return pl.DataFrame(filled | columns)


def test_conform_orders_casts_sorts_and_drops() -> None:
    given = _visits(extra=["x", "y"], visits=[2.0, 1.0]).select("seen", "extra", "score", "visits", "channel")
    conformed = VISITS.conform(given)
    assert conformed.schema == VISITS.schema
    assert conformed.rows() == [("a", 1, None, None), ("b", 2, 0.5, None)]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_visits().drop("visits", "seen"), r"^table visits: missing column\(s\) visits, seen$"),
        (_visits(visits=["many", "few"]), r"^table visits: a column has the wrong type: .*visits"),
        (_visits(visits=[2**40, 1]), r"^table visits: a column has the wrong type"),
        (_visits(visits=[1.5, 1.0]), r"^table visits: not whole numbers in visits$"),
        (_visits(score=[["x"], ["y"]]), r"^table visits: a column has the wrong type"),
        (_visits(channel=[None, "a"]), r"^table visits: nulls in channel$"),
        (_visits(channel=[None, "a"], visits=[None, 1]), r"^table visits: nulls in channel; nulls in visits$"),
        (_visits(channel=["a", "a"]), r"^table visits: more than one row with the same \(channel\)$"),
    ],
)
def test_a_frame_that_does_not_conform_is_refused_with_table_and_columns(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        VISITS.conform(frame)


def test_validate_names_every_difference_at_once() -> None:
    frame = VISITS.empty().drop("score").with_columns(pl.col("visits").cast(pl.Int64), note=pl.lit("x"))
    with pytest.raises(SchemaError) as caught:
        VISITS.validate(frame)
    assert str(caught.value) == (
        "table visits: missing column score; unknown column note; column visits is Int64, not Int32"
    )


def test_differences_include_the_order_only_if_nothing_else_differs() -> None:
    assert VISITS.differences(VISITS.schema) == []
    turned = VISITS.empty().select("visits", "channel", "seen", "score").schema
    assert VISITS.differences(turned) == ["columns in the order visits, channel, seen, score"]
    assert VISITS.differences(pl.Schema({"channel": pl.String})) == [
        f"missing column {name}" for name in ("visits", "score", "seen")
    ]


def test_a_time_without_a_zone_differs_from_utc() -> None:
    naive = VISITS.empty().with_columns(pl.col("seen").dt.replace_time_zone(None))
    assert VISITS.differences(naive.schema) == [
        "column seen is Datetime(time_unit='us', time_zone=None), not Datetime(time_unit='us', time_zone='UTC')"
    ]


def test_single_columns_of_a_longer_key_may_repeat() -> None:
    pairs = Table("pairs", "Pairs.", (Column("a", pl.String, "a"), Column("b", pl.String, "b")), key=("a", "b"))
    frame = pl.DataFrame({"a": ["x", "x", "w"], "b": ["2", "1", "2"]})
    assert pairs.conform(frame).rows() == [("w", "2"), ("x", "1"), ("x", "2")]
    with pytest.raises(SchemaError, match=r"table pairs: more than one row with the same \(a, b\)"):
        pairs.conform(pl.concat([frame, frame[:1]]))


def test_nullable_columns_may_be_null() -> None:
    unknown = pl.DataFrame({"channel": ["a"], **{name: [None] for name in list(GRAPH_NODES.schema)[1:]}})
    assert GRAPH_NODES.conform(unknown).null_count().row(0) == (0, 1, 1, 1, 1, 1)
    with pytest.raises(SchemaError, match="table layout: nulls in x; nulls in y"):
        LAYOUT.conform(pl.DataFrame({"channel": ["a"], "x": [None], "y": [None]}))
