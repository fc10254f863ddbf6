"""The log on stderr and in a file, as the settings log_level and log_file say.

Belongs here: the handlers of the logger `vieweratlas`. Not here: the messages (each module has a logger below it; no
message has the name of a viewer), displays (commands.display).
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
# For messages that the terminal has shown already: only the file receives them.
SHOWN = logging.getLogger("vieweratlas.shown")
PART_BYTES = 10_000_000
OLD_PARTS = 5
WIDTH_OF_A_PIPE = 160

# Without a handler, Python itself would print warnings to the terminal, a second time.
LOGGER.addHandler(logging.NullHandler())


class _Stderr:
    """The current sys.stderr: a progress bar replaces it, to print lines above the bar."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class _LogFile(ConcurrentRotatingFileHandler):
    """A file that the first line creates and several runs share; if writing fails later, the process continues."""

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


def log_file_path(settings: Settings) -> Path:
    """The log file of the settings, or vieweratlas.log in DAGSTER_HOME."""
    return (settings.log_file or dagster_home() / "vieweratlas.log").absolute()


def start_log(settings: Settings, *, needs_file: bool = True) -> None:
    """Log messages from log_level on to stderr and to the log file; replaces an earlier start.

    Args:
        needs_file: False logs to stderr alone, with a warning, if the file cannot be written.

    Raises:
        SettingsError: the log file cannot be written and is needed.
    """
    from rich.console import Console
    from rich.logging import RichHandler

    path = log_file_path(settings)
    writable = _is_writable(path)
    if needs_file and not writable:
        raise SettingsError(f"{_cannot_be_written(path)}; set VIEWERATLAS_LOG_FILE to a file that you may write")
    stop_log()
    stderr = cast(TextIO, _Stderr())
    console = Console(file=stderr, width=None if sys.stderr.isatty() else WIDTH_OF_A_PIPE)
    shown = RichHandler(console=console, show_path=False, rich_tracebacks=False, log_time_format="%H:%M:%S")
    shown.addFilter(lambda record: record.name != SHOWN.name)
    shown.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.addHandler(shown)
    LOGGER.setLevel(settings.log_level)
    if not writable:
        LOGGER.warning("%s: logging to stderr only", _cannot_be_written(path))
        return
    file = _LogFile(str(path), maxBytes=PART_BYTES, backupCount=OLD_PARTS, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    LOGGER.addHandler(file)


def stop_log() -> None:
    """Close the log file and stop logging to stderr."""
    for handler in [each for each in LOGGER.handlers if not isinstance(each, logging.NullHandler)]:
        LOGGER.removeHandler(handler)
        handler.close()


def _is_writable(path: Path) -> bool:
    nearest = next(place for place in (path, *path.parents) if place.exists())
    is_usable = path.is_file() if nearest == path else nearest.is_dir()
    return is_usable and os.access(nearest, os.W_OK)


def _cannot_be_written(path: Path) -> str:
    return f"log_file is {str(path)!r}, which cannot be written"
