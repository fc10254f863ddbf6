"""Row groups: the same bytes in any pieces, read back one group at a time, with a named error for every damage."""

import io

import polars as pl
import pyarrow.parquet as pq
import pytest

from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE
from vieweratlas_assets.domain.tables import SchemaError
from vieweratlas_assets.storage import parquet, row_groups
from vieweratlas_assets.storage.errors import CorruptObjectError
from vieweratlas_tests.domain.atlas.samples import table


def _audience(*viewers: int) -> pl.DataFrame:
    """An audience of channel alpha with these viewers."""
    return table(
        CHANNEL_AUDIENCE,
        channel=["alpha"] * len(viewers),
        viewer=[f"{number:04}" for number in viewers],
        buckets=list(viewers),
        sources=["live"] * len(viewers),
    )


@pytest.mark.parametrize("height", [0, 1, 9, 10, 11, 20, 35])
@pytest.mark.parametrize("cut", [1, 4, 10, 50])
def test_a_table_in_pieces_has_the_rows_and_bytes_of_the_whole(
    height: int, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "ROWS_PER_GROUP", 10)
    whole = _audience(*range(height))
    pieces = [CHANNEL_AUDIENCE.empty(), *whole.iter_slices(cut), CHANNEL_AUDIENCE.empty()]
    written = row_groups.EncodedTable(CHANNEL_AUDIENCE, pieces)

    assert parquet.decode_table(written.data, CHANNEL_AUDIENCE, uri="here").equals(whole)
    assert written.data == row_groups.EncodedTable(CHANNEL_AUDIENCE, [whole]).data
    assert [frame.height for frame in written] == [10] * (height // 10) + [height % 10] * (height % 10 > 0)
    assert written.rows == height


def test_a_table_of_many_pages_has_the_same_bytes_in_any_pieces() -> None:
    whole = _audience(*range(300_000)).with_columns(pl.format("viewer{}", pl.int_range(300_000)).alias("viewer"))
    whole = CHANNEL_AUDIENCE.conform(whole)
    written = row_groups.EncodedTable(CHANNEL_AUDIENCE, [whole]).data
    for cut in (777, 5_000, 100_000):
        assert row_groups.EncodedTable(CHANNEL_AUDIENCE, whole.iter_slices(cut)).data == written, cut


def test_a_null_in_a_piece_is_reported() -> None:
    broken = _audience(5).with_columns(viewer=pl.lit(None, pl.String))
    with pytest.raises(SchemaError, match="nulls in viewer"):
        CHANNEL_AUDIENCE.validate_pieces([_audience(1), broken])


@pytest.mark.parametrize("second", [_audience(0), _audience(2), _audience(1, 3)])
def test_pieces_out_of_order_are_refused(second: pl.DataFrame) -> None:
    with pytest.raises(SchemaError, match="table channel_audience: row 2 does not come after"):
        row_groups.EncodedTable(CHANNEL_AUDIENCE, [_audience(1, 2), second])
    with pytest.raises(SchemaError, match="row 2 does not come after"):
        CHANNEL_AUDIENCE.validate_pieces([_audience(1, 2), second])


def read(data: bytes, *columns: str) -> list[pl.DataFrame]:
    return list(row_groups.decode_row_groups(data, CHANNEL_AUDIENCE, columns or ("viewer",), uri="s3://lake/x"))


def test_only_the_requested_columns_are_read_and_an_empty_table_has_no_group() -> None:
    data = row_groups.EncodedTable(CHANNEL_AUDIENCE, [_audience(1, 2)]).data
    (group,) = read(data, "buckets", "viewer")
    assert group.columns == ["buckets", "viewer"]
    assert group.rows() == [(1, "0001"), (2, "0002")]
    assert read(row_groups.EncodedTable(CHANNEL_AUDIENCE, []).data) == []


@pytest.mark.parametrize("data", [b"", b"PAR1", b"{}" * 50])
def test_another_format_is_refused_with_its_file(data: bytes) -> None:
    with pytest.raises(CorruptObjectError, match="s3://lake/x"):
        read(data)


def test_another_table_is_refused_with_its_differences() -> None:
    data = parquet.encode(pl.DataFrame({"channel": ["a"], "viewer": [1]}))
    with pytest.raises(CorruptObjectError, match=r"s3://lake/x is not a channel_audience table: .*column viewer is"):
        read(data)


@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_file_that_is_cut_off_is_refused_before_its_first_group(cut: int) -> None:
    data = row_groups.EncodedTable(CHANNEL_AUDIENCE, [_audience(*range(100))]).data
    with pytest.raises(CorruptObjectError, match="s3://lake/x"):
        read(data[:-cut])


def test_the_groups_before_a_damaged_one_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "ROWS_PER_GROUP", 10)
    data = bytearray(row_groups.EncodedTable(CHANNEL_AUDIENCE, [_audience(*range(20))]).data)
    begin = pq.read_metadata(io.BytesIO(data)).row_group(1).column(1).data_page_offset
    data[begin : begin + 12] = b"\xff" * 12
    groups = row_groups.decode_row_groups(bytes(data), CHANNEL_AUDIENCE, ["viewer"], uri="s3://lake/x")
    assert next(groups).height == 10
    with pytest.raises(CorruptObjectError, match="s3://lake/x"):
        next(groups)
