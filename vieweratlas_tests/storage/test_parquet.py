"""Parquet: equal frames give equal bytes, and a damaged file is never decoded."""

import datetime as dt
import random

import polars as pl
import pytest

from vieweratlas_assets.storage import parquet
from vieweratlas_assets.storage.errors import CorruptObjectError

FRAME = pl.DataFrame(
    {
        "vod": ["123", None, "0042"] * 500,
        "chatters": [["a", "b"], [], None] * 500,
        "at": pl.Series([dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC)] * 1_500, dtype=pl.Datetime("us", "UTC")),
        "count": pl.Series(range(1_500), dtype=pl.Int32),
    }
)


def test_types_and_nulls_come_back() -> None:
    frame = parquet.decode(parquet.encode(FRAME), uri="here")

    assert frame.schema == FRAME.schema
    assert frame.equals(FRAME)


def test_the_uri_adds_no_columns() -> None:
    frame = parquet.decode(parquet.encode(FRAME), uri="lake/vod=7/date=2026-01-01/part.parquet")

    assert frame.columns == FRAME.columns
    assert frame["vod"][0] == "123"


def test_equal_frames_give_equal_bytes() -> None:
    frame = pl.DataFrame({"viewer": [f"viewer{number % 997}" for number in range(300_000)]})  # two row groups
    pieces = pl.concat([frame[:700], frame[700:701], frame[701:]], rechunk=False)
    slice_of_more = pl.concat([frame[-5:], frame])[5:]

    assert pieces.n_chunks() > 1
    assert parquet.encode(frame) == parquet.encode(pieces) == parquet.encode(slice_of_more)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"PAR1PAR1PAR1", b"{}" * 50, b"PK\x03\x04" * 20])
def test_the_error_for_another_format_names_the_file(data: bytes) -> None:
    with pytest.raises(CorruptObjectError, match="s3://lake/x"):
        parquet.decode(data, uri="s3://lake/x")


def test_every_truncation_is_detected() -> None:
    data = parquet.encode(FRAME)

    for length in range(0, len(data), 37):
        with pytest.raises(CorruptObjectError, match="here"):
            parquet.decode(data[:length], uri="here")


def _decoding_error(data: bytes) -> str | None:
    try:
        parquet.decode(data, uri="here")
    except CorruptObjectError as error:
        return str(error)
    return None


def test_a_damaged_file_raises_no_other_error() -> None:
    """Some of these files make Polars panic; a panic is not an Exception and must not escape."""
    data = parquet.encode(FRAME)
    chance = random.Random(4)
    refused = 0
    for _ in range(1_000):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(4, len(data) - 4)] = chance.randrange(256)
        message = _decoding_error(bytes(damaged))
        assert message is None or "here" in message
        refused += message is not None

    assert refused > 500


def test_a_panic_of_polars_is_a_corrupt_object(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*args: object, **options: object) -> None:
        raise pl.exceptions.PanicException("index out of bounds\nstack")

    monkeypatch.setattr(pl, "read_parquet", panic)

    with pytest.raises(CorruptObjectError, match=r"here.*index out of bounds$"):
        parquet.decode(parquet.encode(FRAME), uri="here")
