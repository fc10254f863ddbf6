"""Names that people give to communities."""

from pathlib import Path

import pytest

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import read_community_names


def test_names_are_read_by_id(tmp_path: Path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("# ours\n3: Speedrunners\n12: '  한국 '\n", encoding="utf-8")
    assert read_community_names(file) == {3: "Speedrunners", 12: "한국"}
    file.write_text("")
    assert read_community_names(file) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- Speedrunners", "write lines such as `3: Speedrunners`"),
        ("3: [a, b]", "the name of 3 must be a text"),
        ("3: ''", "the name of 3 must be a text"),
        (f"3: {'x' * 61}", "of 1 to 60 characters"),
        ("three: Chess", "'three' is not the id"),
        ("0: Chess", "0 is not the id"),
        ("yes: Chess", "True is not the id"),
        ("1: Chess\n2: Chess", "'Chess' is the name of 2 communities"),
        ("1: a: b", "which is not YAML"),
        ("1: 2026-02-30", "which is not YAML: day is out of range"),
        ("1: !!timestamp x", "which is not YAML"),
    ],
)
def test_an_invalid_name_is_refused_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "names.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        read_community_names(file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_community_names(tmp_path / "missing.yaml")
