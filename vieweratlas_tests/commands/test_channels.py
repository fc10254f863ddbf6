"""The command `channels update`: the file that it writes, and files that it leaves alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.commands import display
from vieweratlas_assets.commands.channels import channels_group
from vieweratlas_assets.domain.presence.roster import read_watch_list
from vieweratlas_assets.errors import InputError, TwitchError
from vieweratlas_assets.sandbox import helix as sandbox_helix
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.settings import Settings
from vieweratlas_tests.clients.twitch import Twitch, twitch


@pytest.fixture(scope="module")
def helix() -> Iterator[Twitch]:
    with twitch(build_world(WorldSpec(channels=72, viewers=720, days=2))) as sandbox:
        yield sandbox


def update(settings: Settings, path: Path, limit: int = 3) -> Result:
    arguments = ["update", "--limit", str(limit), "--output", str(path)]
    return CliRunner().invoke(channels_group, arguments, obj=settings)


def test_the_channels_with_most_viewers_are_written_as_a_watch_list(helix: Twitch, tmp_path: Path) -> None:
    path = tmp_path / "[mine].txt"
    with display.console.capture() as capture:
        assert update(helix.settings(), path).exit_code == 0
    assert read_watch_list(path.read_text(encoding="utf-8")) == helix.live()[:3]
    assert f"3 channels in {path}" in capture.get()


def test_a_file_of_this_command_is_updated_and_no_other(helix: Twitch, tmp_path: Path) -> None:
    path = tmp_path / "channels.txt"
    for limit in (3, 2):
        assert update(helix.settings(), path, limit).exit_code == 0
    assert read_watch_list(path.read_text(encoding="utf-8")) == helix.live()[:2]
    for data in (b"# my friends\nann\n", b"", b"\xff\xfe"):
        path.write_bytes(data)
        result = update(helix.settings(), path)
        assert isinstance(result.exception, InputError)
        assert str(path) in str(result.exception)
        assert path.read_bytes() == data


def test_a_folder_that_does_not_exist_is_refused_with_its_path(helix: Twitch, tmp_path: Path) -> None:
    result = update(helix.settings(), tmp_path / "none" / "channels.txt")
    assert isinstance(result.exception, InputError)
    assert "none/channels.txt" in str(result.exception)


def test_without_credentials_or_live_channels_nothing_is_written(
    helix: Twitch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "channels.txt"
    assert isinstance(update(Settings(), path).exception, TokenRefusedError)
    monkeypatch.setattr(sandbox_helix, "live_streams", lambda world, now: world.streams.clear())
    result = update(helix.settings(), path)
    assert isinstance(result.exception, TwitchError)
    assert str(result.exception) == "Twitch lists no live channel; nothing was written"
    assert not path.exists()
