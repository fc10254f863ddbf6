"""Files of other programs: found in folders, uncompressed, and streamed as JSON without repeating their text."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from vieweratlas_assets.importers.documents import (
    DocumentError,
    find_documents,
    json_events,
    json_type,
    json_value,
    open_document,
)


def test_a_folder_is_searched_at_any_depth_and_hidden_files_are_skipped(tmp_path: Path) -> None:
    for name in ("b.json", "a/c.JSON.gz", "a/_part.json", "._b.json", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"{}")

    assert list(find_documents(tmp_path, (".json",))) == ["a/c.JSON.gz", "b.json"]
    assert find_documents(tmp_path / "notes.txt", (".json",)) == {"notes.txt": tmp_path / "notes.txt"}


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_document_is_opened_uncompressed_and_without_its_mark(
    tmp_path: Path, compress: Callable[[bytes], bytes], mark: bytes
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(compress(mark + b"[1]"))

    with open_document(path) as handle:
        assert handle.read() == b"[1]"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": secret}', "is not JSON near byte "),
        (b'["secret', "premature EOF, the file is cut off"),
        (gzip.compress(b'["secret"]' * 1000, mtime=0)[:-9], "is a damaged gzip file: "),
    ],
)
def test_a_fault_names_its_place_and_not_the_text(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)

    with pytest.raises(DocumentError) as raised, open_document(path) as handle:
        list(json_events(handle))

    assert reason in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: No such file"), open_document(tmp_path / "none.json"):
        pass


def test_values_are_built_from_their_events_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, {"b": null}]} 2.5 "x"')

    with open_document(path) as handle:
        events = json_events(handle)
        values = [json_value(event, value, events) for event, value in events]

    assert values == [{"a": [1, {"b": None}]}, 2.5, "x"]
    assert [json_type(value) for value in (*values, [], True, None)] == [
        "an object",
        "a number",
        "a string",
        "an array",
        "a boolean",
        "null",
    ]
