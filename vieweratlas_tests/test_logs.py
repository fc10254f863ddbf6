"""The log: what is shown, what is kept, and how much of it."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


def settings(path: Path, level: str = "INFO") -> Settings:
    return Settings(log_file=path, log_level=level)


@pytest.mark.parametrize(
    ("level", "told"),
    [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)],
)
def test_the_level_decides_what_is_shown_and_kept(tmp_path: Path, capsys, level: str, told: int) -> None:
    logs.start_log(settings(tmp_path / "own.log", level))
    for say in (LOG.error, LOG.warning, LOG.info, LOG.debug):
        say("so it is")
    shown = capsys.readouterr()
    assert shown.err.count("so it is") == told
    assert shown.out == ""
    assert (tmp_path / "own.log").read_text().count("so it is") == told


def test_what_the_terminal_has_shown_is_only_kept(tmp_path: Path, capsys) -> None:
    logs.start_log(settings(tmp_path / "own.log"))
    logs.SHOWN.error("seen already")
    assert capsys.readouterr().err == ""
    assert "ERROR vieweratlas.shown: seen already" in (tmp_path / "own.log").read_text()


def test_without_a_log_nothing_is_shown(capsys) -> None:
    logs.SHOWN.error("seen already")
    assert capsys.readouterr().err == ""


def test_the_log_lies_in_dagster_s_home_and_is_made_with_its_first_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    logs.start_log(Settings(log_level="INFO"))
    assert not (tmp_path / "home").exists()
    LOG.info("first")
    assert "first" in (tmp_path / "home/vieweratlas.log").read_text()
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(tmp_path)
    assert logs.log_file_of(Settings()) == tmp_path / ".dagster/vieweratlas.log"


def test_a_full_log_is_moved_aside_and_five_old_parts_are_kept(tmp_path: Path, monkeypatch) -> None:
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
    logging.getLogger("vieweratlas.test").info("%s says %d.", sys.argv[2], number)
"""


def test_runs_that_share_a_log_lose_no_line_when_it_is_moved_aside(tmp_path: Path) -> None:
    speakers = ("one", "two", "three")
    running = [
        subprocess.Popen([sys.executable, "-c", SEVERAL, str(tmp_path / "own.log"), name], stderr=subprocess.DEVNULL)
        for name in speakers
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    parts = list(tmp_path.glob("own.log*"))
    assert 2 < len(parts) <= 1 + logs.OLD_PARTS
    lines = [line.partition("vieweratlas.test: ")[2] for part in parts for line in part.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} says {number}." for name in speakers for number in range(100))


def test_a_second_start_takes_the_place_of_the_first(tmp_path: Path, capsys) -> None:
    logs.start_log(settings(tmp_path / "one.log"))
    logs.start_log(settings(tmp_path / "two.log"))
    LOG.info("once")
    assert capsys.readouterr().err.count("once") == 1
    assert not (tmp_path / "one.log").exists()


@pytest.mark.parametrize("place", ["file/own.log", "folder"])
def test_a_log_file_that_cannot_be_is_refused_by_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=r"log_file is '.*': it cannot be written"):
        logs.start_log(settings(tmp_path / place))


def test_the_code_location_goes_on_without_a_log_that_cannot_be(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    logs.start_log(settings(tmp_path / "file/own.log"), needs_file=False)
    LOG.error("so it is")
    told = " ".join(capsys.readouterr().err.split())
    assert "cannot be written there: going on without" in told
    assert "so it is" in told


def test_a_log_that_breaks_later_is_told_once_and_stops_nothing(tmp_path: Path, capsys) -> None:
    logs.start_log(settings(tmp_path / "deep/own.log"))
    (tmp_path / "deep").write_text("in the way")
    LOG.info("one")
    LOG.info("two")
    told = capsys.readouterr().err
    assert told.count("cannot be written") == 1
    assert "Traceback" not in told
    assert "one" in told
    assert "two" in told


def test_lines_go_through_a_bar_that_holds_the_terminal(tmp_path: Path, monkeypatch) -> None:
    logs.start_log(settings(tmp_path / "own.log"))
    written: list[str] = []

    class Bar:
        """As rich's progress puts itself into the place of stderr."""

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


def test_progress_is_drawn_and_not_logged(tmp_path: Path, capsys) -> None:
    logs.start_log(settings(tmp_path / "own.log", "DEBUG"))
    with display.step_bars():
        LOG.info("sealed")
        record = logging.LogRecord("vieweratlas.progress", logging.INFO, "", 0, "1 of 2", (), None)
        record.step_progress = _Step()
        display.PROGRESS.handle(record)
    assert "1 of 2" not in capsys.readouterr().err
    assert (tmp_path / "own.log").read_text().count("\n") == 1


class _Step:
    asset, finished, of, day = "overlap_graph", 0, 2, "2026-03-10"
