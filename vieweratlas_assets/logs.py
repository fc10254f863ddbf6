"""The log: what is told at the terminal and kept in a file, by the settings log_level and log_file.

Belongs here: the handlers of the logger `vieweratlas`. Not here: what is told (each module by a logger of its own
name below it, never with the name of a viewer), displays (terminal).
"""

import logging
import os
import sys
from pathlib import Path
from typing import TextIO, cast

from concurrent_log_handler import ConcurrentRotatingFileHandler

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.wiring.home import dagster_home

LOGGER = logging.getLogger("vieweratlas")
# What the terminal has shown by itself: only the file takes it.
SHOWN = logging.getLogger("vieweratlas.shown")
PART_BYTES = 10_000_000
OLD_PARTS = 5
WIDTH_OF_A_PIPE = 160

# Without a handler of ours Python prints warnings by itself, beside what the terminal shows.
LOGGER.addHandler(logging.NullHandler())


class _Stderr:
    """Whatever sys.stderr is at the moment: a progress bar puts itself there, to print lines above it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class _LogFile(ConcurrentRotatingFileHandler):
    """Made with the first line, and shared by runs; where writing fails later on, the process goes on without."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.handleError(record)
        else:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        print(f"the log file {self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)
        LOGGER.removeHandler(self)


def log_file_of(settings: Settings) -> Path:
    """The log file: the one of the settings, else vieweratlas.log in DAGSTER_HOME."""
    return (settings.log_file or dagster_home() / "vieweratlas.log").absolute()


def start_log(settings: Settings, *, needs_file: bool = True) -> None:
    """Tell from now on what log_level asks for, on stderr and in the log file; in place of an earlier start.

    Args:
        needs_file: False goes on with stderr alone where the file cannot be written, and says so.

    Raises:
        SettingsError: the log file cannot be written, and it is needed.
    """
    from rich.console import Console
    from rich.logging import RichHandler

    path = log_file_of(settings)
    writable = _is_writable(path)
    if needs_file and not writable:
        raise SettingsError(f"{_cannot_be_written(path)}; name a file in a folder of yours")
    stop_log()
    stderr = cast(TextIO, _Stderr())
    console = Console(file=stderr, width=None if sys.stderr.isatty() else WIDTH_OF_A_PIPE)
    shown = RichHandler(console=console, show_path=False, rich_tracebacks=False, log_time_format="%H:%M:%S")
    shown.addFilter(lambda record: record.name != SHOWN.name)
    shown.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.addHandler(shown)
    LOGGER.setLevel(settings.log_level)
    if not writable:
        LOGGER.warning("%s: going on without", _cannot_be_written(path))
        return
    kept = _LogFile(str(path), maxBytes=PART_BYTES, backupCount=OLD_PARTS, encoding="utf-8")
    kept.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    LOGGER.addHandler(kept)


def stop_log() -> None:
    """Close the log file and leave the terminal alone."""
    for handler in [each for each in LOGGER.handlers if not isinstance(each, logging.NullHandler)]:
        LOGGER.removeHandler(handler)
        handler.close()


def _is_writable(path: Path) -> bool:
    there = next(place for place in (path, *path.parents) if place.exists())
    wanted = path.is_file() if there == path else there.is_dir()
    return wanted and os.access(there, os.W_OK)


def _cannot_be_written(path: Path) -> str:
    return f"log_file is {str(path)!r}: it cannot be written there"
