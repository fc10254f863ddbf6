"""From the settings to the key and the opt-out list; each mistake has a message, and no message holds the key."""

import json
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import PrivacySettings, Settings, load_settings
from vieweratlas_assets.wiring.viewer_names import OptOuts, read_opt_outs, viewer_names, write_new_key

SECRET = "3f" * 32


def settings(folder: Path, **privacy: Any) -> Settings:
    return Settings(root=str(folder / "lake"), privacy=PrivacySettings.model_validate(privacy))


def stored(current: Settings, name: str = "ann") -> str | None:
    name_in_lake: str | None = viewer_names(current).stored(pl.Series([name]))[0]
    return name_in_lake


def test_names_are_plain_by_default(tmp_path: Path) -> None:
    assert viewer_names(settings(tmp_path)).mode == "plain"
    assert stored(settings(tmp_path)) == "ann"


def test_the_key_is_the_same_from_the_setting_and_from_a_file_as_hex_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET.upper()}\n")
    by_file = settings(tmp_path, viewer_names="pseudonymous", pseudonym_key_file=tmp_path / "key")
    by_setting = settings(tmp_path, viewer_names="pseudonymous", pseudonym_key=SECRET)
    as_text = settings(tmp_path, viewer_names="pseudonymous", pseudonym_key=SECRET + "!")

    assert stored(by_file) == stored(by_setting) != stored(as_text)


def test_pseudonymous_names_without_a_key_are_refused_with_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is pseudonymous and no key is set.*vieweratlas privacy new-key FILE"):
        viewer_names(settings(tmp_path, viewer_names="pseudonymous"))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("5e" * 31, "hex digits, which make 31 bytes; a key has at least 32"),
        ("not hex and short", "text of 17 bytes"),
        ("", "0 bytes"),
    ],
)
def test_a_short_key_is_refused_without_repeating_it(tmp_path: Path, key: str, message: str) -> None:
    (tmp_path / "key").write_text(key)
    # The setting itself refuses an empty key; a key file can be empty.
    both = ({"pseudonym_key": key}, {"pseudonym_key_file": tmp_path / "key"})
    for given in both if key else both[1:]:
        with pytest.raises(SettingsError, match=message) as raised:
            viewer_names(settings(tmp_path, **given))
        assert not key or key not in str(raised.value)


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both set: keep one"):
        viewer_names(settings(tmp_path, pseudonym_key=SECRET, pseudonym_key_file=tmp_path / "key"))


@pytest.mark.parametrize("name", ["pseudonym_key_file", "opt_out_file"])
@pytest.mark.parametrize("place", ["lake/key", "lake/deep/er/key", "lake/../lake/key", "link/key"])
def test_neither_key_nor_list_may_lie_in_the_lake(tmp_path: Path, name: str, place: str) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    with pytest.raises(SettingsError, match=f"privacy.{name} is .*, inside the lake"):
        viewer_names(settings(tmp_path, **{name: tmp_path / place}))


@pytest.mark.parametrize("name", ["pseudonym_key_file", "opt_out_file"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "gone"
    with pytest.raises(SettingsError, match=rf"setting privacy.{name}: {path} cannot be read: No such file"):
        viewer_names(settings(tmp_path, **{name: path}))
    path.write_bytes(b"\xff\xfe" + SECRET.encode())
    with pytest.raises(SettingsError, match="is not UTF-8 text") as raised:
        viewer_names(settings(tmp_path, **{name: path}))
    assert raised.value.__cause__ is None
    assert SECRET not in str(raised.value)


def test_a_new_key_is_random_and_private_and_never_replaces_an_old_key(tmp_path: Path) -> None:
    current = settings(tmp_path)
    for name in ("one", "two"):
        write_new_key(tmp_path / name, root=current.root)
    one, two = ((tmp_path / name).read_text() for name in ("one", "two"))

    assert one != two
    assert len(bytes.fromhex(one)) == 32
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="exists and stays as it is"):
        write_new_key(tmp_path / "one", root=current.root)
    assert (tmp_path / "one").read_text() == one
    with pytest.raises(SettingsError, match="inside the lake"):
        write_new_key(tmp_path / "lake" / "key", root=current.root)
    with pytest.raises(SettingsError, match="cannot be written: No such file"):
        write_new_key(tmp_path / "no" / "folder" / "key", root=current.root)
    used = settings(tmp_path, viewer_names="pseudonymous", pseudonym_key_file=tmp_path / "one")
    assert viewer_names(used).mode == "pseudonymous"


def test_an_opt_out_list_has_viewers_channels_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "opt-out.txt"
    path.write_text("\ufeff# asked on 2026-01-01\n\nviewer Ann\n  CHANNEL\tbob # and this\nviewer p.00\n")
    assert read_opt_outs(path) == OptOuts(frozenset({"ann", "p.00"}), frozenset({"bob"}))

    current = settings(tmp_path, opt_out_file=path)
    assert stored(current, "ANN") is None
    assert stored(current, "bob") == "bob"
    assert not viewer_names(current).keeps_channel("bob")


def test_every_bad_line_of_an_opt_out_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "opt-out.txt"
    path.write_text("viewer ann\nviewer\nann\nviewer ann bob\nuser ann\n")
    with pytest.raises(SettingsError) as raised:
        read_opt_outs(path)
    lines = "line 2 is 'viewer'; line 3 is 'ann'; line 4 is 'viewer ann bob'; line 5 is 'user ann'; a line is `viewer"
    assert f"{path}: {lines}" in str(raised.value)


def test_no_form_of_the_settings_shows_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIEWERATLAS_PRIVACY__PSEUDONYM_KEY", SECRET)
    current = load_settings(root=str(tmp_path / "lake"))

    shown = f"{current!r} {current} {current.model_dump()} {json.dumps(current.model_dump(mode='json'))}"
    assert SECRET not in shown
    assert SECRET not in current.model_dump_json()
    assert viewer_names(current).described()["pseudonym_key_check"] not in SECRET


@pytest.mark.parametrize(
    "privacy",
    [
        {"pseudonym_key": [SECRET]},
        {"pseudonym_key": int(SECRET, 16)},
        SECRET,
        [SECRET],
        {"pseudonym_key": SECRET, "raw_snapshots_days": 0},
        {"pseudonym_key": SECRET, "viewer_names": "hidden"},
    ],
)
def test_no_message_about_the_settings_repeats_the_key(privacy: Any) -> None:
    with pytest.raises(SettingsError, match="privacy") as raised:
        load_settings(privacy=privacy)
    assert SECRET not in str(raised.value)
    assert str(int(SECRET, 16)) not in str(raised.value)
