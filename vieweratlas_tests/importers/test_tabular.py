"""CSV of other programs: all valid rows are read, and a message names file, row and reason."""

from pathlib import Path

import pytest

from vieweratlas_assets.importers.tabular import TableError, read_rows

COLUMNS = {"channel": ("channel", "id"), "size": ("size", "count"), "note": ("note",)}


def _read(folder: Path, data: bytes, required: tuple[str, ...] = ("channel",)) -> list[tuple[int, dict[str, str]]]:
    path = folder / "table.csv"
    path.write_bytes(data)
    return list(read_rows(path, COLUMNS, required))


@pytest.mark.parametrize(
    "data",
    [
        b"channel,size\na,1\nb,2\n",
        b"CHANNEL,Size\na,1\nb,2",
        b"\xef\xbb\xbfchannel,size\na,1\nb,2\n",
        b"channel,size\r\na,1\r\nb,2\r\n",
        b" Channel , SIZE \n a ,1\nb, 2 \n",
        b"unknown,size,channel\nx,1,a\nx,2,b\n",
        b'"channel","size"\n"a","1"\n"b","2"\n',
        b"ID,Count\na,1\nb,2\n",
    ],
    ids=["plain", "case", "byte order mark", "crlf", "blanks", "other columns", "quoted", "aliases"],
)
def test_every_dialect_of_csv_gives_the_same_rows(tmp_path: Path, data: bytes) -> None:
    assert _read(tmp_path, data) == [(2, {"channel": "a", "size": "1"}), (3, {"channel": "b", "size": "2"})]


def test_the_first_matching_alias_counts_in_any_column(tmp_path: Path) -> None:
    rows = _read(tmp_path, b"id,count,size,channel\n7,100,5,a\n")

    assert rows == [(2, {"channel": "a", "size": "5"})]


def test_a_missing_column_is_not_a_key_and_missing_fields_are_blank(tmp_path: Path) -> None:
    rows = _read(tmp_path, b"channel,size,note\na\nb,2,x,too,many\n")

    assert rows == [
        (2, {"channel": "a", "size": "", "note": ""}),
        (3, {"channel": "b", "size": "2", "note": "x"}),
    ]
    assert _read(tmp_path, b"channel\na\n") == [(2, {"channel": "a"})]


def test_quotes_keep_commas_quotes_and_newlines_and_rows_are_counted_by_line(tmp_path: Path) -> None:
    rows = _read(tmp_path, b'channel,note\na,"one, ""two""\nthree"\n\nb,<script>\n')

    assert rows == [
        (3, {"channel": "a", "note": 'one, "two"\nthree'}),
        (5, {"channel": "b", "note": "<script>"}),
    ]


def test_any_unicode_is_kept(tmp_path: Path) -> None:
    names = ["日本語", "🎮", "ñandú", "a'b", "a/b", "e\u0301"]

    rows = _read(tmp_path, ("channel\n" + "\n".join(names)).encode())

    assert [row["channel"] for _, row in rows] == names


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert _read(tmp_path, b"channel,size\n") == []


def test_the_error_of_a_missing_column_names_file_aliases_and_header(tmp_path: Path) -> None:
    with pytest.raises(TableError) as raised:
        _read(tmp_path, b"Name,Viewers\na,1\n", ("channel", "size"))

    assert str(raised.value) == (
        f"{tmp_path / 'table.csv'}: missing column(s) channel or id, size or count; the header has name, viewers"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"channel\na\nM\xfcnchen\n", "is not UTF-8"),
        ("channel\na\n".encode("utf-16"), "is not UTF-8"),
        (b'channel\na\n"' + b"x" * 1_200_000, "is not CSV at line 3: field larger than field limit"),
        (b"PAR1\x15\x04\x15", "missing column"),
    ],
    ids=["empty", "only a byte order mark", "latin-1", "utf-16", "huge unterminated quote", "binary"],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(TableError) as raised:
        _read(tmp_path, data)

    assert str(raised.value).startswith(f"{tmp_path / 'table.csv'}: ")
    assert reason in str(raised.value)


def test_rows_before_a_broken_byte_are_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"channel\n" + b"a\n" * 100_000 + b"\xff\n")
    rows = read_rows(path, COLUMNS, ("channel",))

    assert next(rows) == (2, {"channel": "a"})
    with pytest.raises(TableError, match="is not UTF-8"):
        list(rows)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TableError, match="cannot be read") as raised:
            list(read_rows(path, COLUMNS, ("channel",)))
        assert str(path) in str(raised.value)


def test_a_stray_quote_does_not_swallow_the_rows_after_it(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="is not CSV"):
        _read(tmp_path, b'channel\na\n"b\nc\nd\n')


def test_fields_beyond_the_header_are_returned_on_request(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("channel,size\na,1\nb,2,x,,y\n")

    rows = list(read_rows(path, COLUMNS, ("channel",), beyond="more"))

    assert [row["more"] for _, row in rows] == ["", "x,,y"]


def test_a_field_may_be_as_long_as_the_reader_allows(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"channel,note\na,{'x' * 1_500_000}\n")

    with pytest.raises(TableError, match="field larger than field limit"):
        list(read_rows(path, COLUMNS, ("channel",)))
    assert len(next(read_rows(path, COLUMNS, ("channel",), field_limit=2_000_000))[1]["note"]) == 1_500_000
