"""The log: what is shown, what is stored, and at which levels."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from vieweratlas_assets import logs
from vieweratlas_assets.commands import display
from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings

LOG = logging.getLogger("vieweratlas.test")


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    logs.stop_log()
    logs.LOGGER.setLevel(logging.NOTSET)


Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def settings(path: Path, level: Level = "INFO") -> Settings:
    return Settings(log_file=path, log_level=level)


@pytest.mark.parametrize(
    ("level", "messages"),
    [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)],
)
def test_the_level_decides_what_is_shown_and_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], level: Level, messages: int
) -> None:
    logs.start_log(settings(tmp_path / "own.log", level))
    for write in (LOG.error, LOG.warning, LOG.info, LOG.debug):
        write("a message")
    shown = capsys.readouterr()
    assert shown.err.count("a message") == messages
    assert shown.out == ""
    assert (tmp_path / "own.log").read_text().count("a message") == messages


def test_what_the_terminal_has_shown_is_only_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_log(settings(tmp_path / "own.log"))
    logs.SHOWN.error("seen already")
    assert capsys.readouterr().err == ""
    assert "ERROR vieweratlas.shown: seen already" in (tmp_path / "own.log").read_text()


def test_without_a_log_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    logs.SHOWN.error("seen already")
    assert capsys.readouterr().err == ""


def test_the_log_is_created_in_dagsters_home_with_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    logs.start_log(Settings(log_level="INFO"))
    assert not (tmp_path / "home").exists()
    LOG.info("first")
    assert "first" in (tmp_path / "home/vieweratlas.log").read_text()
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(tmp_path)
    assert logs.log_file_path(Settings()) == tmp_path / ".dagster/vieweratlas.log"


def test_a_full_log_is_rotated_and_five_old_parts_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (logs.PART_BYTES, logs.OLD_PARTS) == (10_000_000, 5)
    monkeypatch.setattr(logs, "PART_BYTES", 1000)
    logs.start_log(settings(tmp_path / "own.log"))
    for number in range(100):
        LOG.info("line %d %s", number, "x" * 80)
    parts = sorted(tmp_path.glob("own.log*"))
    assert [path.name for path in parts] == ["own.log", *(f"own.log.{n}" for n in range(1, 6))]
    line = len(parts[0].read_text().splitlines()[0]) + 1
    assert all(path.stat().st_size < 1000 + line for path in parts)


SEVERAL = """
import logging, sys
from pathlib import Path
from vieweratlas_assets import logs
from vieweratlas_assets.settings import Settings

logs.PART_BYTES = 5_000
logs.start_log(Settings(log_file=Path(sys.argv[1]), log_level="INFO"))
for number in range(100):
    logging.getLogger("vieweratlas.test").info("%s writes %d.", sys.argv[2], number)
"""


def test_runs_that_share_a_log_lose_no_line_when_it_is_rotated(tmp_path: Path) -> None:
    writers = ("one", "two", "three")
    running = [
        subprocess.Popen([sys.executable, "-c", SEVERAL, str(tmp_path / "own.log"), name], stderr=subprocess.DEVNULL)
        for name in writers
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    parts = list(tmp_path.glob("own.log*"))
    assert 2 < len(parts) <= 1 + logs.OLD_PARTS
    lines = [line.partition("vieweratlas.test: ")[2] for part in parts for line in part.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} writes {number}." for name in writers for number in range(100))


def test_a_second_start_replaces_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_log(settings(tmp_path / "one.log"))
    logs.start_log(settings(tmp_path / "two.log"))
    LOG.info("once")
    assert capsys.readouterr().err.count("once") == 1
    assert not (tmp_path / "one.log").exists()


@pytest.mark.parametrize("place", ["file/own.log", "folder"])
def test_a_log_file_that_cannot_be_written_is_refused_by_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=r"log_file is '.*', which cannot be written; set VIEWERATLAS_LOG_FILE"):
        logs.start_log(settings(tmp_path / place))


def test_the_code_location_continues_without_a_log_file_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    logs.start_log(settings(tmp_path / "file/own.log"), needs_file=False)
    LOG.error("a message")
    shown = " ".join(capsys.readouterr().err.split())
    assert "cannot be written: logging to stderr only" in shown
    assert "a message" in shown


def test_a_log_that_breaks_later_is_reported_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start_log(settings(tmp_path / "deep/own.log"))
    (tmp_path / "deep").write_text("in the way")
    LOG.info("one")
    LOG.info("two")
    shown = capsys.readouterr().err
    assert shown.count("cannot be written") == 1
    assert "Traceback" not in shown
    assert "one" in shown
    assert "two" in shown


def test_lines_are_printed_above_a_progress_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.start_log(settings(tmp_path / "own.log"))
    written: list[str] = []

    class Bar:
        """Replaces stderr, as rich's progress does."""

        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

        def flush(self) -> None:
            pass

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stderr", Bar())
    LOG.info("above the bar")
    assert "above the bar" in "".join(written)


def test_progress_is_drawn_and_not_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.start_log(settings(tmp_path / "own.log", "DEBUG"))
    with display.step_bars():
        LOG.info("sealed")
        step = SimpleNamespace(asset="overlap_graph", finished=0, of=2, day="2026-03-10")
        display.PROGRESS.info("1 of 2", extra={"step_progress": step})
    assert "1 of 2" not in capsys.readouterr().err
    assert (tmp_path / "own.log").read_text().count("\n") == 1
